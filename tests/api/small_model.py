"""A bundle that scores without having been trained: two logistic models with weights that a person chose."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from churn import bundle, calibration
from churn.calibration import Sigmoid
from churn.explain import Explainer
from churn.features import FEATURES, NAMES
from churn.outcomes import OUTCOMES, Outcome

WEIGHTS: Mapping[Outcome, Mapping[str, float]] = {
    "cancel": {
        "adverts_14d": 0.7,
        "thumbs_down_14d": 0.5,
        "errors_14d": 0.3,
        "thumbs_up_14d": -0.4,
        "playlists_14d": -0.2,
        "friends_14d": -0.2,
        "paid": -0.4,
        "bias": -3.0,
    },
    "lapse": {"silence_days": 1.2, "sessions_14d": -0.3, "bias": -2.5},
}
TYPICAL: Mapping[str, float] = {
    name: 0.0 if name == "paid" else {"decayed_sum": 4.0, "tenure": 100.0, "silence": 0.2, "level": 0.0}[feature.kind]
    for name, feature in zip(NAMES, FEATURES, strict=True)
}


def write_bundle(
    models: Path,
    version: str = "m1",
    horizon_days: int = 30,
    thresholds: Mapping[str, float] | None = None,
    members: Mapping[str, Any] | None = None,
    files: Mapping[str, str] | None = None,
) -> Explainer:
    """Makes a bundle the current one; returns what reads it.

    Args:
        models: the folder of bundles.
        version: of the new one.
        horizon_days: that it looks ahead.
        thresholds: where the bands begin.
        members: more of the card.
        files: more of the bundle, by their path inside it.
    """
    folder = models / version
    for outcome in OUTCOMES:
        (folder / outcome).mkdir(parents=True)
        (folder / outcome / "part-0").write_text("a pipeline that nobody loads")
        onnx.save(_logistic(WEIGHTS[outcome]), str(folder / f"{outcome}.onnx"))
    card = {
        "version": version,
        "outcomes": list(OUTCOMES),
        "features": {"hash": bundle.table_hash(), "table": bundle.feature_rows()},
        "labels": {"horizon_days": horizon_days},
        "thresholds": dict(thresholds or {"medium": 0.3, "high": 0.5}),
        "calibration": {outcome: calibration.to_card(Sigmoid()) for outcome in OUTCOMES},
        "reference": dict(TYPICAL),
    }
    for name, text in (files or {}).items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    bundle.seal(folder, card | dict(members or {}))
    bundle.use(models, version)
    return Explainer(bundle.load(models))


def _logistic(weights: Mapping[str, float]) -> onnx.ModelProto:
    column = np.array([[weights.get(name, 0.0)] for name in NAMES], dtype=np.float32)
    nodes = [
        helper.make_node("MatMul", ["inputs", "weights"], ["sum"]),
        helper.make_node("Add", ["sum", "bias"], ["odds"]),
        helper.make_node("Sigmoid", ["odds"], ["yes"]),
        helper.make_node("Sub", ["one", "yes"], ["no"]),
        helper.make_node("Concat", ["no", "yes"], ["probability"], axis=1),
    ]
    held = {"weights": column, "bias": np.float32([weights["bias"]]), "one": np.float32([1.0])}
    graph = helper.make_graph(
        nodes,
        "logistic",
        [helper.make_tensor_value_info("inputs", TensorProto.FLOAT, [None, len(NAMES)])],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, [None, 2])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in held.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
