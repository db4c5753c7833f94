"""Applies a model bundle in Spark: features in, probabilities and risk out."""

from __future__ import annotations

from collections.abc import Callable

from pyspark.ml import PipelineModel
from pyspark.ml.functions import vector_to_array
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812 (the name everybody knows)

from churn.bundle import Bundle
from churn.features import FEATURES, Feature
from churn.outcomes import OUTCOMES, Outcome


def input_name(feature: Feature) -> str:
    """The column that holds a feature as the model takes it."""
    return f"in_{feature.name}"


def input_value(feature: Feature) -> Column:
    """A feature as the model takes it: its transform and nothing else, so that numpy can do the same."""
    value = F.col(feature.name)
    return F.log1p(value) if feature.transform == "log1p" else value


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
    """
    pipelines = [PipelineModel.load(str(bundle.pipeline(outcome))) for outcome in OUTCOMES]

    def score(frame: DataFrame) -> DataFrame:
        kept = frame.columns
        scored = with_inputs(frame)
        for pipeline in pipelines:
            scored = pipeline.transform(scored)
        return with_risk(scored).select(
            *kept, "p_cancel", "p_lapse", "risk", F.lit(bundle.version).alias("model_version")
        )

    return score


def with_risk(frame: DataFrame) -> DataFrame:
    """Adds `p_cancel`, `p_lapse` = (1 - p_cancel)·q and `risk` = their sum, out of the pipelines' probabilities.

    q is the chance to fall silent of somebody who does not cancel: the two outcomes exclude each other.
    """
    p_cancel, q = (vector_to_array(F.col(probability_name(outcome)))[1] for outcome in OUTCOMES)
    return (
        frame.withColumns({"p_cancel": p_cancel, "q": q})
        .withColumn("p_lapse", (1 - F.col("p_cancel")) * F.col("q"))
        .withColumn("risk", F.col("p_cancel") + F.col("p_lapse"))
        .drop("q")
    )
