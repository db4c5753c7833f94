"""What each program answers at its metrics' port."""

from __future__ import annotations

import re
import socket
import urllib.request

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from churn import metrics
from churn.errors import ChurnError


@pytest.mark.parametrize(("registry", "program"), [(metrics.STREAM, "stream"), (metrics.PUBLISH, "publish")])
def test_a_program_tells_of_itself_alone_and_says_where(registry: CollectorRegistry, program: str) -> None:
    with capture_logs() as logs:
        metrics.serve(registry, "127.0.0.1", 0, "some")
    [said] = logs
    assert said["log_level"] == "info"
    with urllib.request.urlopen(said["url"], timeout=5) as answer:
        text = answer.read().decode()
    assert set(re.findall(r"^# HELP churn_([a-z]+)_", text, re.MULTILINE)) == {program}
    assert "process_resident_memory_bytes" in text


def test_a_taken_port_names_its_setting() -> None:
    taken = pytest.raises(ChurnError, match=r"cannot be served at 127\.0\.0\.1, port .* settings some\.metrics_host")
    with socket.create_server(("127.0.0.1", 0)) as other, taken:
        metrics.serve(metrics.STREAM, "127.0.0.1", other.getsockname()[1], "some")
