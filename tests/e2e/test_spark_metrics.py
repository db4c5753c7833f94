"""Spark's own metrics of a stream that runs, where Prometheus is told to look for them."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from churn.embedded import free_port
from churn.spark_metrics import NAMESPACE, PATH
from tests.e2e.conftest import Running, identities, send
from tests.e2e.test_restarts import legs

pytestmark = [pytest.mark.servers, pytest.mark.spark]

LIMIT_S = 300
OF_THE_QUERY = f"metrics_{NAMESPACE}_driver_spark_streaming_scores_"


def read(port: int, path: str) -> dict[str, float]:
    """Samples by name."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        families = text_string_to_metric_families(answer.read().decode())
        return {sample.name: sample.value for family in families for sample in family.samples}


def test_spark_tells_of_the_query_and_of_executors_to_this_machine_alone(
    running: Running, eventually: Callable[..., bool]
) -> None:
    port, (rows, _, _) = free_port(), legs()
    running.start("publish")
    stream = running.start("stream", CHURN_STREAM__SPARK_METRICS_PORT=str(port))
    send(rows, running.kafka)
    running.reach(identities(rows), stream, LIMIT_S)
    wanted = [f"{OF_THE_QUERY}{name}_Value" for name in ("states_usedBytes", "eventTime_watermark")]

    def told() -> bool:
        found = read(port, PATH)
        assert f"{OF_THE_QUERY}processingRate_total_Value" in found
        return all(found.get(name, 0) > 0 for name in wanted)

    assert eventually(told, 30), read(port, PATH)
    assert read(port, "/metrics/executors/prometheus")["metrics_executor_totalTasks_total"] > 0
    listening = {
        connection.laddr.ip.removeprefix("::ffff:")
        for process in psutil.Process(stream.pid).children(recursive=True)
        for connection in process.net_connections()
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}
