"""Spark's own metrics for Prometheus: its web server tells them, which is off unless a port is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from churn.errors import ChurnError
from churn.server import HOST, is_free

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = structlog.get_logger()

PATH = "/metrics/prometheus"
NAMESPACE = "churn_stream"
"""Begins every name, after `metrics_`, in place of an id that is another at each start."""


def options(port: int | None) -> dict[str, str | int | float | bool | None]:
    """Spark's settings.

    Args:
        port: of the web server, on the loopback interface: it knows no password, and its pages tell everything. 0 takes
            a free one, None starts none.

    Raises:
        ChurnError: the port is taken; Spark would silently take the next one.
    """
    if port is None:
        return {"spark.ui.enabled": "false"}
    if port and not is_free(port):
        raise ChurnError(
            f"Spark's metrics cannot be served at {HOST}, port {port}: it is taken.",
            "Choose another one in the setting stream.spark_metrics_port.",
        )
    return {
        "spark.ui.enabled": "true",
        "spark.ui.port": str(port),
        "spark.ui.killEnabled": "false",
        "spark.metrics.namespace": NAMESPACE,
        "spark.metrics.conf.*.sink.prometheusServlet.class": "org.apache.spark.metrics.sink.PrometheusServlet",
        "spark.metrics.conf.*.sink.prometheusServlet.path": PATH,
        "spark.sql.streaming.metricsEnabled": "true",
    }


def announce(spark: SparkSession) -> None:
    """Says in the log where the metrics are, if they are anywhere."""
    if spark.sparkContext.uiWebUrl:
        log.info("serving Spark's metrics", url=f"{spark.sparkContext.uiWebUrl}{PATH}")
