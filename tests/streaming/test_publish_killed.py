"""Publish is killed between reading a batch and writing it, and between its write and the next read."""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from churn.child import Child
from churn.embedded import free_port
from churn.settings import Kafka
from churn.view import View
from tests.conftest import Servers
from tests.streaming.test_publish import RISES, send, settings_for

DIES = """
import os, signal, sys
from churn.view import View
from churn.cli import main

when, calls, real = sys.argv.pop(), 0, View.publish

def publish(*arguments):
    global calls
    calls += 1
    if calls == 2 and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    done = real(*arguments)
    if calls == 2 and when == "after":
        os.kill(os.getpid(), signal.SIGKILL)
    return done

View.publish = publish
main()
"""


@pytest.mark.servers
def test_every_record_is_applied_once_and_every_alert_raised_once(
    kafka: Kafka, servers: Servers, redis_client: Any, tmp_path: Path, eventually: Callable[..., bool]
) -> None:
    view, settings = View.connect(servers.redis_url), settings_for(tmp_path, kafka, servers.redis_url)
    send(kafka, RISES)
    env = {
        **kafka.variables(),
        "CHURN_REDIS__URL": servers.redis_url,
        "CHURN_MODELS": str(settings.models),
        "CHURN_PUBLISH__MAX_POLL_RECORDS": "7",
        "CHURN_PUBLISH__METRICS_PORT": str(free_port()),
    }
    positions = [0]
    for when in ("before", "after", "before", "after"):
        with Child("publish", [sys.executable, "-c", DIES, "publish", when], tmp_path, env=env) as child:
            assert eventually(lambda child=child: not child.alive, 30)
            assert child.returncode == -9, child.tail()
        positions.append(view.books().scores)
    assert [after - before for before, after in pairwise(positions)] == [7, 14, 7, 14]
    with Child("publish", [sys.executable, "-c", DIES, "publish", "never"], tmp_path, env=env):
        assert eventually(lambda: view.books().scores >= len(RISES), 30)
    books = view.books()
    assert (books.scores, books.stale, books.events_scored, books.alerts) == (len(RISES), 0, len(RISES), 20)
    assert len(view.alerts(100)) == 20
