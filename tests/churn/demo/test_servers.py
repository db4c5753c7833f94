"""The servers of a demo: watched, and stopped together."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from churn.child import Child
from churn.demo.servers import Servers
from churn.errors import ChurnError
from churn.jars import Jars

STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"


@pytest.fixture
def pair(tmp_path: Path, eventually: Callable[..., bool]) -> Servers:
    """Two servers that run and do not heed SIGTERM."""
    both = Servers(tmp_path, Jars(tmp_path, tmp_path), tmp_path, lambda: None)
    for server in (both.broker, both.valkey):
        server.child = Child(server.name, [sys.executable, "-I", "-S", "-c", STUBBORN], tmp_path).start()
        assert eventually(lambda child=server.child: child.tail() == "ready")
    return both


@pytest.mark.servers
def test_they_are_stopped_together(pair: Servers) -> None:
    began_s = time.monotonic()
    pair.stop(1.0)
    assert 1.0 <= time.monotonic() - began_s < 1.9
    for server in (pair.broker, pair.valkey):
        assert server.child is not None
        assert server.child.returncode == -signal.SIGKILL


@pytest.mark.parametrize(("name", "title"), [("broker", "Kafka broker"), ("valkey", "Valkey server")])
def test_one_that_has_ended_is_told(pair: Servers, name: str, title: str) -> None:
    pair.require_alive()
    getattr(pair, name).child.kill()
    with pytest.raises(ChurnError, match=rf"^The {title} has ended\. Its log "):
        pair.require_alive()
    pair.stop(0.1)
