"""The MLlib model of one outcome: rows in, fitted model and pipeline out."""

from __future__ import annotations

from pyspark.ml import Model, PipelineModel
from pyspark.ml.feature import VectorAssembler
from pyspark.ml.functions import vector_to_array
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812 (the name everybody knows)

from churn.errors import ChurnError
from churn.features import FEATURES, NAMES
from churn.model import input_name, probability_name, vector_name, with_inputs
from churn.outcomes import OUTCOMES, Outcome
from training.candidates import Candidate
from training.snapshots import FACTS

INPUTS = "inputs"


def _assembler(column: str) -> VectorAssembler:
    return VectorAssembler(inputCols=[input_name(feature) for feature in FEATURES], outputCol=column)


def assemble(rows: DataFrame) -> DataFrame:
    """Adds the features as one vector: assembled once, so that every fit plans a few columns only."""
    return _assembler(INPUTS).transform(with_inputs(rows)).select("user_id", "as_of", *FACTS, *OUTCOMES, *NAMES, INPUTS)


def usable(rows: DataFrame, outcome: Outcome) -> DataFrame:
    """Rows that say something about an outcome: `lapse` is asked only of those who do not cancel."""
    return rows if outcome == "cancel" else rows.where("cancel = 0")


def fit(rows: DataFrame, outcome: Outcome, candidate: Candidate) -> Model:
    """Fits one outcome on assembled rows.

    Raises:
        ChurnError: all of them have the same outcome.
    """
    columns = {
        "featuresCol": INPUTS,
        "labelCol": outcome,
        "probabilityCol": probability_name(outcome),
        "rawPredictionCol": f"{outcome}_raw",
        "predictionCol": f"{outcome}_prediction",
    }
    known = usable(rows, outcome)
    count, positives = known.agg(F.count("*"), F.sum(outcome)).first() or (0, 0)
    if not 0 < (positives or 0) < count:
        raise ChurnError(
            f"Of {count:,} rows of some users and dates, {positives or 0:g} end in {outcome}: nothing can be learnt "
            "from them.",
            "Give a log with more users or more days, or lower labels.folds or training.date_parts.",
        )
    model: Model = candidate.estimator(columns, count).fit(known)
    return model


def chance(outcome: Outcome) -> Column:
    """The probability that a fitted model has added, before calibration."""
    return vector_to_array(F.col(probability_name(outcome)))[1]


def deployable(model: Model, outcome: Outcome) -> PipelineModel:
    """The fitted model with its own assembler before it: columns of input in, probabilities out."""
    alone = model.copy()
    alone.set(alone.getParam("featuresCol"), vector_name(outcome))
    return PipelineModel([_assembler(vector_name(outcome)), alone])
