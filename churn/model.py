"""Applies a model bundle in Spark: features in, probabilities and risk out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import cast

from pyspark.ml import Model, PipelineModel
from pyspark.ml.functions import array_to_vector, vector_to_array
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812 (the name everybody knows)

from churn.bundle import Bundle, reading
from churn.calibration import EDGE, Calibration, Sigmoid, from_card
from churn.features import FEATURES, Feature
from churn.outcomes import OUTCOMES, Outcome

_INPUTS = "inputs"


def input_name(feature: Feature) -> str:
    """The column that holds a feature as the model takes it."""
    return f"in_{feature.name}"


def input_value(feature: Feature) -> Column:
    """A feature as the model takes it: its transform and nothing else, so that numpy can do the same.

    Rounded to a float, which is all that ONNX has: a tree decides alike on both sides.
    """
    value = F.col(feature.name)
    return (F.log1p(value) if feature.transform == "log1p" else value).cast("float").cast("double")


def with_inputs(frame: DataFrame) -> DataFrame:
    """Adds one input column per feature."""
    return frame.withColumns({input_name(feature): input_value(feature) for feature in FEATURES})


def vector_name(outcome: Outcome) -> str:
    """The column in which the pipeline of an outcome assembles its inputs."""
    return f"{outcome}_inputs"


def probability_name(outcome: Outcome) -> str:
    """The column in which the pipeline of an outcome leaves its probabilities."""
    return f"{outcome}_probability"


def load_scorer(bundle: Bundle) -> Callable[[DataFrame], DataFrame]:
    """Loads both pipelines once and returns the step that scores a frame of features.

    The step adds `p_cancel`, `p_lapse`, `risk` and `model_version`.

    Raises:
        ChurnError: the bundle lacks a model or its calibration.
    """
    bundle.require_models()
    with reading(bundle.version):
        calibrations = {outcome: from_card(bundle.card["calibration"][outcome]) for outcome in OUTCOMES}
    models = [_alone(bundle, outcome) for outcome in OUTCOMES]

    def score(frame: DataFrame) -> DataFrame:
        kept = frame.columns
        scored = frame.withColumn(_INPUTS, array_to_vector(F.array(*map(input_value, FEATURES))))
        for model in models:
            scored = model.transform(scored)
        return with_risk(scored, calibrations).select(
            *kept, "p_cancel", "p_lapse", "risk", F.lit(bundle.version).alias("model_version")
        )

    return score


def _alone(bundle: Bundle, outcome: Outcome) -> Model:
    """The model of a pipeline, without the assembler before it and without what nobody reads.

    The stream plans its query anew at every batch: a column less for every input and outcome makes the pause shorter.
    """
    model = cast(Model, PipelineModel.load(str(bundle.pipeline(outcome))).stages[-1])
    for name, column in (("featuresCol", _INPUTS), ("rawPredictionCol", ""), ("predictionCol", "")):
        model.set(model.getParam(name), column)
    return model


def with_risk(frame: DataFrame, calibrations: Mapping[Outcome, Calibration]) -> DataFrame:
    """Adds `p_cancel`, `p_lapse` = (1 - p_cancel)·q and `risk` = their sum, out of the pipelines' probabilities.

    q is the chance to fall silent of somebody who does not cancel: the two outcomes exclude each other.
    """
    said = {outcome: vector_to_array(F.col(probability_name(outcome)))[1] for outcome in OUTCOMES}
    return (
        frame.withColumns({f"said_{outcome}": chance for outcome, chance in said.items()})
        .withColumns(
            {
                "p_cancel": calibrated(F.col("said_cancel"), calibrations["cancel"]),
                "q": calibrated(F.col("said_lapse"), calibrations["lapse"]),
            }
        )
        .withColumn("p_lapse", (1 - F.col("p_cancel")) * F.col("q"))
        .withColumn("risk", F.col("p_cancel") + F.col("p_lapse"))
        .drop("q", *(f"said_{outcome}" for outcome in OUTCOMES))
    )


def calibrated(chance: Column, calibration: Calibration) -> Column:
    """`churn.calibration` as an expression."""
    if isinstance(calibration, Sigmoid):
        kept = F.greatest(F.lit(EDGE), F.least(F.lit(1 - EDGE), chance))
        return 1 / (1 + F.exp(-(calibration.slope * F.log(kept / (1 - kept)) + calibration.intercept)))
    knots = list(zip(calibration.x, calibration.y, strict=True))
    line = F.when(chance <= knots[0][0], knots[0][1])
    for (x0, y0), (x1, y1) in pairwise(knots):
        line = line.when(chance <= x1, y0 + (chance - x0) * ((y1 - y0) / (x1 - x0)))
    return line.otherwise(knots[-1][1])
