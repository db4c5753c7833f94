"""The parts of a bundle's card that say how it was made."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import version as release
from typing import Any

import numpy
import onnxruntime
import pandas
import pyspark
from pyspark.sql import DataFrame

from churn import bundle, calibration
from churn.features import LANDMARK_MS, NAMES, table_hash
from churn.outcomes import OUTCOMES
from churn.settings import DAY_MS, CalibrationKind, Settings
from training import bands, distribution, evaluate
from training.metrics import calibration_bins
from training.study import Study


def of(settings: Settings, facts: dict[str, Any], found: Study, rows: DataFrame) -> dict[str, Any]:
    """The whole card.

    Args:
        settings: that the model is trained with.
        facts: of the log, as `training.rows.fingerprint` returns them, and `span_ms`, as `training.span` does.
        found: about the candidates.
        rows: all snapshot rows.
    """
    on_grid = rows.where("on_grid")
    deciles = distribution.quantiles(on_grid)
    return _head(settings, facts) | {
        "models": {outcome: found.final[outcome].to_card() for outcome in OUTCOMES},
        "calibration": _calibrations(found.scored, settings.training.calibration),
        "split": {"folds": found.splits.folds, "edges_ms": found.splits.edges_ms, "held_out": "users and dates"},
        "selection": {outcome: [one.to_card() for one in found.tried[outcome]] for outcome in OUTCOMES},
        "metrics": found.metrics,
        "beware": found.beware,
        "thresholds": _thresholds(found.scored, settings),
        "reference": {name: deciles[name][distribution.MEDIAN] for name in NAMES},
        "reliability": reliability(evaluate.on_the_grid(found.scored)),
        "distribution": distribution.of(on_grid, deciles),
    }


def _head(settings: Settings, facts: dict[str, Any]) -> dict[str, Any]:
    """Version, features, settings, data and software."""
    created = datetime.now(UTC)
    first_ms, last_ms = facts["span_ms"]
    return {
        "version": f"{created:%Y%m%dT%H%M%S%fZ}",
        "created": created.isoformat(timespec="milliseconds"),
        "outcomes": list(OUTCOMES),
        "features": {"hash": table_hash(), "landmark_ms": LANDMARK_MS, "table": bundle.feature_rows()},
        "labels": settings.labels.model_dump(),
        "training": settings.training.model_dump(mode="json"),
        "bands": settings.bands.model_dump(),
        "data": {**facts, "days": round((last_ms - first_ms) / DAY_MS, 2)},
        "software": {
            "pyspark": pyspark.__version__,
            "numpy": numpy.__version__,
            "onnxruntime": onnxruntime.__version__,
            "churn": release("sparkify-churn"),
        },
    }


def _calibrations(scored: pandas.DataFrame, kind: CalibrationKind) -> dict[str, Any]:
    """Of the final models, fitted on all that was said out of fold."""
    fitted = evaluate.final_calibrations(scored, kind)
    return {outcome: calibration.to_card(one) for outcome, one in fitted.items()}


def _thresholds(scored: pandas.DataFrame, settings: Settings) -> dict[str, Any]:
    """Where the bands begin, by the rows on the grid, at which alerts are counted."""
    grid = scored[scored["on_grid"]]
    return bands.thresholds(grid, settings.bands, settings.policy, settings.labels.grid_days)


def reliability(grid: pandas.DataFrame) -> dict[str, list[dict[str, float]]]:
    """What was said and what came of it: up to ten bins of equal size, for each outcome and the risk.

    Args:
        grid: tested rows on the grid, of users who are not cold.
    """
    return {
        what: [
            {"chance": chance, "rate": rate, "rows": round(weight)}
            for chance, rate, weight in calibration_bins(
                grid[label].to_numpy(dtype=numpy.float64), grid[said].to_numpy(dtype=numpy.float64)
            ).itertuples(index=False)
        ]
        if len(grid)
        else []
        for what, (label, said) in evaluate.COLUMNS.items()
    }
