"""One checkpoint through changes of mode and kill -9: every event is counted once."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable

import psutil
import pytest

from churn.child import Child
from churn.demo.figures import scrape
from churn.settings import DAY_MS, Mode
from churn.simulator import Simulation
from tests.e2e.audit import unlike
from tests.e2e.conftest import Row, Running, disturbed, identities, send
from tests.oracle import expect

pytestmark = [pytest.mark.servers, pytest.mark.spark]

START_MS = 1_538_352_000_000
LEG_DAYS = 4


def legs() -> list[list[Row]]:
    """Twelve days of a log in three parts; each but the first begins with what the one before ended with."""
    rows, _ = disturbed(list(Simulation(40, START_MS, START_MS + 3 * LEG_DAYS * DAY_MS, seed=3).events()), seed=4)
    parts = [[row for row in rows if (row["ts"] - START_MS) // DAY_MS // LEG_DAYS == leg] for leg in range(3)]
    return [parts[0], parts[0][-50:] + parts[1], parts[1][-50:] + parts[2]]


def test_changes_of_mode_and_kills_count_every_event_once(running: Running, eventually: Callable[..., bool]) -> None:
    first, second, third = legs()
    view, kafka = running.view, running.kafka

    def started(command: str, mode: Mode = "microbatch") -> Child:
        return running.start(command, mode, CHURN_STREAM__MAX_OFFSETS_PER_TRIGGER="500")  # the watermark moves

    publish = started("publish")
    send(first, kafka)
    stream = started("stream")
    running.reach(identities(first), stream)
    assert stream.stop(20) == 0

    stream = started("stream", "realtime")
    half = len(second) // 2
    late = {**first[0], "userId": "late", "ts": START_MS - 30 * DAY_MS}
    send([*second[:half], late], kafka)
    running.reach(identities(first + second[:half]), stream)
    dropped = ("churn_stream_dropped", "late")
    # The batch is open for minutes still: Spark is asked what its tasks have dropped so far.
    assert eventually(lambda: scrape(running.port).get(dropped) == 1, 20)
    send(second[half:], kafka)
    stream.kill()

    send(third, kafka)
    stream = started("stream")
    running.reach(identities(first + second + third), stream)
    jvm = [child for child in psutil.Process(stream.pid).children() if child.name() == "java"]
    jvm[0].send_signal(signal.SIGKILL)
    assert eventually(lambda: not stream.alive, 20)
    assert (stream.returncode, publish.alive) == (1, True)
    assert re.fullmatch(r"churn: The JVM is gone \(\w+\)\. Start it again: it goes on .*", stream.tail(1)), stream.tail(
        30
    )

    expected = expect(first + second + third)
    assert set(view.user_ids()) == set(expected)
    assert unlike(view, expected) == []
