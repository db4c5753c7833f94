"""The MLlib model of one outcome: a regularised logistic regression on the transformed features."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from pyspark.ml import PipelineModel
from pyspark.ml.classification import LogisticRegression, LogisticRegressionModel
from pyspark.ml.feature import VectorAssembler
from pyspark.sql import DataFrame

from churn.features import FEATURES
from churn.model import input_name, probability_name, vector_name, with_inputs
from churn.outcomes import OUTCOMES, Outcome

REGULARISATION = 0.01
INPUTS = "inputs"


def _assembler(column: str) -> VectorAssembler:
    return VectorAssembler(inputCols=[input_name(feature) for feature in FEATURES], outputCol=column)


def assemble(rows: DataFrame) -> DataFrame:
    """Features to one vector: assembled once, so that every fit plans a few columns only."""
    return (
        _assembler(INPUTS).transform(with_inputs(rows)).select("user_id", "as_of", "on_grid", "fold", *OUTCOMES, INPUTS)
    )


def fit(rows: DataFrame, outcome: Outcome) -> LogisticRegressionModel:
    """Fits one outcome on assembled rows. `lapse` learns only from those who do not cancel."""
    usable = rows if outcome == "cancel" else rows.where("cancel = 0")
    regression = LogisticRegression(
        featuresCol=INPUTS,
        labelCol=outcome,
        probabilityCol=probability_name(outcome),
        rawPredictionCol=f"{outcome}_raw",
        predictionCol=f"{outcome}_prediction",
        regParam=REGULARISATION,
        maxIter=50,
    )
    model: LogisticRegressionModel = regression.fit(usable)
    return model


def fit_both(rows: DataFrame) -> dict[Outcome, LogisticRegressionModel]:
    """Fits both outcomes side by side: a fit is many small Spark jobs, and one alone leaves a core idle."""
    with ThreadPoolExecutor(len(OUTCOMES)) as pool:
        return dict(zip(OUTCOMES, pool.map(lambda outcome: fit(rows, outcome), OUTCOMES), strict=True))


def deployable(model: LogisticRegressionModel, outcome: Outcome) -> PipelineModel:
    """The fitted model with its own assembler before it: columns of input in, probabilities out."""
    return PipelineModel([_assembler(vector_name(outcome)), model.setFeaturesCol(vector_name(outcome))])
