"""What moves the model's answers: each driver, and each feature, put back to a typical user's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 (the name everybody knows)

from churn.bundle import Bundle
from churn.explain import Explainer
from churn.features import FEATURES, NAMES
from churn.phrases import DRIVERS
from training.report.parts import Picture
from training.report.style import COLOURS, drawing
from training.rows import to_pandas

MOST_ROWS = 4000
_SHOWN = 12


@dataclass(frozen=True)
class Importance:
    """Mean distance that the risk moves when one thing is as a typical user has it: by driver, and by feature."""

    drivers: Mapping[str, float]
    features: Mapping[str, float]


def importance(held: Bundle, rows: DataFrame) -> Importance:
    """Measures a bundle on a sample of its training rows, those of the grid."""
    sample = rows.where("on_grid").select(*NAMES).orderBy(F.xxhash64("user_id", "as_of")).limit(MOST_ROWS)
    return measure(Explainer(held), to_pandas(sample))


def measure(explainer: Explainer, rows: pd.DataFrame) -> Importance:
    """Measures both on some rows.

    Args:
        explainer: of the final models.
        rows: every feature by name, one row per user and moment.
    """
    values = rows[list(NAMES)].to_numpy(dtype=np.float64)
    risk = explainer.scores(values).risk

    def moved(names: Iterable[str]) -> float:
        other = values.copy()
        for name in names:
            other[:, NAMES.index(name)] = explainer.reference[name]
        return float(np.abs(risk - explainer.scores(other).risk).mean())

    drivers: dict[str, float] = {driver: moved(f.name for f in FEATURES if f.driver == driver) for driver in DRIVERS}
    return Importance(drivers, {name: moved([name]) for name in NAMES})


def picture(found: Importance) -> Picture:
    """Bars, the largest first."""
    first = max(found.drivers, key=lambda name: found.drivers[name])
    says = f"Mean change of the risk by driver and by feature; the most is done by {first}."
    with drawing("importance", says, columns=2, size=(8.6, 3.8)) as drawn:
        for axes, title, values in zip(
            drawn.axes, ("By driver", "By feature"), (found.drivers, found.features), strict=True
        ):
            shown = sorted(values.items(), key=lambda item: -item[1])[:_SHOWN]
            axes.barh(
                [name.replace("_", " ") for name, _ in shown], [value for _, value in shown], color=COLOURS["cancel"]
            )
            axes.invert_yaxis()
            axes.grid(axis="y", visible=False)
            axes.set(title=title, xlabel="mean change of the risk")
        return drawn.picture()
