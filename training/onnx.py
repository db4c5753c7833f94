"""A fitted MLlib model as an ONNX file: `inputs` (n x features, float) to `…probability` (n x 2, float)."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

from onnxmltools import convert_sparkml
from onnxmltools.convert.common.data_types import FloatTensorType
from pyspark.ml import Model
from pyspark.sql import SparkSession

from churn.features import FEATURES
from churn.outcomes import Outcome
from training.pipeline import INPUTS


def write(spark: SparkSession, model: Model, outcome: Outcome, file: Path) -> None:
    """Converts a model and writes it."""
    shape = [(INPUTS, FloatTensorType([None, len(FEATURES)]))]
    with contextlib.redirect_stdout(io.StringIO()):  # the converter prints every weight
        converted = convert_sparkml(model, f"{outcome} within the horizon", shape, spark_session=spark)
    file.write_bytes(converted.SerializeToString())
