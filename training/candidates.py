"""What kinds of model are tried, simplest first, each over a small grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pyspark.ml import Estimator
from pyspark.ml.classification import GBTClassifier, LogisticRegression, RandomForestClassifier

from churn.settings import CandidateKind

SEED = 7
SIMPLEST_FIRST: tuple[CandidateKind, ...] = ("logistic", "forest", "boosting")


@dataclass(frozen=True)
class Candidate:
    """One kind of model with its settings, by the names MLlib has for them.

    `spread` of a logistic regression is the standard deviation of a normal prior on its standardised coefficients. The
    penalty that MLlib asks for is per row, and so would weigh the more, the fewer rows there are to choose it on.
    """

    kind: CandidateKind
    options: tuple[tuple[str, float | int], ...]

    def __str__(self) -> str:
        return f"{self.kind}({', '.join(f'{name}={value:g}' for name, value in self.options)})"

    def to_card(self) -> dict[str, Any]:
        """As the model card holds it."""
        return {**asdict(self), "options": dict(self.options)}

    def estimator(self, columns: dict[str, str], rows: int) -> Estimator[Any]:
        """An MLlib estimator.

        Args:
            columns: `featuresCol`, `labelCol` and the columns of its output.
            rows: that it will be fitted on.
        """
        made = self._bare()
        # Not every kind takes every column's name when it is made.
        for name, value in (*self.parameters(rows).items(), *columns.items()):
            made.set(made.getParam(name), value)
        return made

    def parameters(self, rows: int) -> dict[str, float | int]:
        """The options as MLlib takes them, for a fit on so many rows."""
        options = dict(self.options)
        if spread := options.pop("spread", None):
            options["regParam"] = 1 / (max(1, rows) * spread**2)
        return options

    def _bare(self) -> Estimator[Any]:
        if self.kind == "logistic":
            return LogisticRegression(maxIter=100)
        if self.kind == "forest":
            return RandomForestClassifier(minInstancesPerNode=50, seed=SEED)
        return GBTClassifier(minInstancesPerNode=50, stepSize=0.1, seed=SEED)


def grid(kinds: Sequence[CandidateKind]) -> list[Candidate]:
    """Every candidate of these kinds, simplest kind first."""
    return [
        candidate
        for candidate in (
            Candidate("logistic", (("spread", 0.1),)),  # the one that is taken without a search
            Candidate("logistic", (("spread", 0.2),)),
            Candidate("logistic", (("spread", 0.4),)),
            Candidate("forest", (("numTrees", 60), ("maxDepth", 5))),
            Candidate("forest", (("numTrees", 60), ("maxDepth", 8))),
            Candidate("boosting", (("maxIter", 20), ("maxDepth", 3))),
            Candidate("boosting", (("maxIter", 50), ("maxDepth", 3))),
        )
        if candidate.kind in kinds
    ]
