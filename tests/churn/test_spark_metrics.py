from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from churn import spark_metrics
from churn.errors import ChurnError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def test_a_taken_port_names_its_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ChurnError, match=f"port {port}: it is taken. .* setting stream.spark_metrics_port"):
            spark_metrics.options(port)
    assert spark_metrics.options(port)["spark.ui.port"] == str(port)


@pytest.mark.spark
def test_nothing_listens_by_default(spark: SparkSession) -> None:
    assert spark.sparkContext.uiWebUrl is None
