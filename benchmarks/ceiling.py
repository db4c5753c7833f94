"""How much could be known: the model's protocol, by a model that is told what no log tells.

The generator of the synthetic Sparkify logs gives every listener a temperament, which shows in nothing but the hundred
thousands of the user's number. A model that is told it is about the best there can be: what it reaches under the same
folds, dates and calibration is the ceiling for a model that has to guess it.

Example: python benchmarks/ceiling.py sparkify-synthetic-x10.json.zst
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from churn import settings as configuration
from churn.explain import model_inputs
from churn.features import NAMES
from churn.history import open_history
from churn.outcomes import OUTCOMES
from training import evaluate
from training.metrics import Foreseen, figures
from training.rows import kept, to_pandas
from training.snapshots import snapshots
from training.span import span
from training.splits import Split, Splits

TEMPERAMENTS = 4
KINDS: dict[str, Callable[[], Any]] = {
    "logistic": lambda: make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500)),
    "boosting": lambda: HistGradientBoostingClassifier(max_iter=80, max_depth=3, learning_rate=0.05, random_state=7),
}


def main() -> None:
    """Prints a line for each kind of model, told and not told."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("log", type=Path)
    settings = configuration.load()
    rows = read(parser.parse_args().log, settings)
    splits = Splits.of(settings.labels.folds, settings.training.date_parts, rows["as_of"].min(), rows["as_of"].max())
    for kind in KINDS:
        for told in (False, True):
            scored = evaluate.out_of_fold(splits, teller(rows, kind, told), settings.training.calibration)
            found = figures(Foreseen.of(evaluate.on_the_grid(scored), "cancel", "p_cancel"), 100)
            auc, lift = found["auc"], found["pr_auc_over_base"]["value"]
            print(
                f"{kind}, temperament {'told' if told else 'not told'}: cancel AUC {auc['value']:.3f} "
                f"[{auc['low']:.3f}, {auc['high']:.3f}], PR-AUC {lift:.2f} times the base rate",
                flush=True,
            )


def read(log: Path, settings: configuration.Settings) -> pd.DataFrame:
    """Training rows as `churn train` makes them."""
    with open_history(log, "ceiling", settings.var, lambda line: print(line, file=sys.stderr)) as history:
        made = snapshots(history.events, settings.labels, span(history.events, print))
        names = dict.fromkeys((*evaluate.KEPT, *NAMES))
        return to_pandas(kept(made, settings.training.max_rows)[0].select(*names))


def teller(rows: pd.DataFrame, kind: str, told: bool) -> evaluate.Teller:
    """Fits on the features, and on the temperament when it is told."""

    def inputs(some: pd.DataFrame) -> np.ndarray:
        temperament = some["user_id"].astype(int).to_numpy() // 100_000
        known = np.eye(TEMPERAMENTS)[temperament] if told else np.empty((len(some), 0))
        return np.hstack([model_inputs(some[list(NAMES)].to_numpy(dtype=np.float64)), known])

    def tell(split: Split) -> pd.DataFrame:
        trained, held = (rows[cell.among(rows)] for cell in (split.train, split.held_out()))
        said = {}
        for outcome in OUTCOMES:
            usable = trained if outcome == "cancel" else trained[trained["cancel"] == 0]
            model = KINDS[kind]().fit(inputs(usable), usable[outcome])
            said[evaluate.SAID[outcome]] = model.predict_proba(inputs(held))[:, 1]
        return held[list(evaluate.KEPT)].assign(**said)

    return tell


if __name__ == "__main__":
    main()
