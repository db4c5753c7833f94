"""A fitted MLlib model as an ONNX file: `inputs` (n x features, float) to `…probability` (n x 2, float)."""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Iterator
from pathlib import Path

from onnxmltools import convert_sparkml
from onnxmltools.convert.common.data_types import FloatTensorType
from pyspark.ml import Model
from pyspark.sql import SparkSession

from churn.features import FEATURES
from churn.outcomes import Outcome
from training.pipeline import INPUTS


def write(spark: SparkSession, model: Model, outcome: Outcome, file: Path) -> None:
    """Converts a model and writes it; trees go through a scratch folder beside the file."""
    shape = [(INPUTS, FloatTensorType([None, len(FEATURES)]))]
    with (
        contextlib.redirect_stdout(io.StringIO()),  # the converter prints every weight
        tempfile.TemporaryDirectory(dir=file.parent) as scratch,
        _trees_through(spark, scratch),
    ):
        converted = convert_sparkml(model, f"{outcome} within the horizon", shape, spark_session=spark)
    file.write_bytes(converted.SerializeToString())


@contextlib.contextmanager
def _trees_through(spark: SparkSession, folder: str) -> Iterator[None]:
    """Tells the converter where to save and read a tree: it never tidies up, and on a cluster has no default."""
    before, tempfile.tempdir = tempfile.tempdir, folder
    spark.conf.set("ONNX_DFS_PATH", f"file://{folder}")
    try:
        yield
    finally:
        tempfile.tempdir = before
        spark.conf.unset("ONNX_DFS_PATH")
