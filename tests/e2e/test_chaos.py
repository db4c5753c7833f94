"""Proof by force: every part is killed with signal 9 at random moments, and nothing is lost or counted twice.

`CHAOS_KILLS` says how often each part is killed, `CHAOS_SEED` when; `make chaos` kills more often.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import redis

from churn import bundle
from churn.demo.figures import scrape
from churn.settings import DAY_MS
from churn.simulator import Simulation
from tests.conftest import Servers
from tests.e2e.audit import Watcher, differences
from tests.e2e.conftest import Row, disturbed, identities
from tests.e2e.system import Sender, System

pytestmark = [pytest.mark.servers, pytest.mark.spark, pytest.mark.timeout(3600)]

PARTS = ("stream", "publish", "valkey", "broker")
KILLS = int(os.environ.get("CHAOS_KILLS", "10"))
SEED = int(os.environ.get("CHAOS_SEED", "11"))
START_MS = 1_538_352_000_000
AGAIN_S = 120.0
"""So long may it take until scores come again: a broker and then a stream may have to start."""
QUICK = {
    "CHURN_STREAM__REALTIME_BATCH": "5 seconds",
    "CHURN_STREAM__LIVE_LAG": "300",
    "CHURN_STREAM__BACKLOG_LAG": "3000",
}


def touchy(models: Path) -> dict[str, str]:
    """A policy that rings often: among people who are active all the time, few have a high risk."""
    high = bundle.load(models).card["thresholds"]["medium"] / 2
    return {
        "CHURN_POLICY__HIGH": str(high),
        "CHURN_POLICY__MEDIUM": str(high / 2),
        "CHURN_POLICY__EXIT_RATIO": "0.95",
        "CHURN_POLICY__COOL_DOWN_DAYS": "0.5",
        "CHURN_POLICY__OUTAGE_HOURS": "2000",
    }


def log(days: int) -> list[Row]:
    rows, _ = disturbed(list(Simulation(60, START_MS, START_MS + days * DAY_MS, seed=9).events()), seed=10)
    return rows


class Story:
    """One replay with its kills."""

    def __init__(self, system: System, rng: random.Random) -> None:
        self.system, self.rng, self.watcher = system, rng, Watcher()

    def scored(self) -> int:
        """Events scored so far, -1 while Redis is away; versions are watched on the way."""
        view = self.system.view
        with suppress(redis.RedisError):
            users = {user.score.user_id: user.score for user in view.users(view.user_ids()) if user}
            self.watcher.look(users)
            return view.books().events_scored
        return -1

    def wait_for(self, wanted: int, within_s: float) -> None:
        """Until so many events are scored; what gave up meanwhile is started again."""
        deadline_s = time.monotonic() + within_s
        while self.scored() < wanted:
            assert time.monotonic() < deadline_s, f"{self.scored()} of {wanted}\n{self.system.tails()}"
            self.system.revive()
            time.sleep(0.2)

    def kill(self, part: str) -> float:
        """Kills a part some time after it is known to work; returns how long it takes until scores come again."""
        self.wait_for(self.scored() + 1, AGAIN_S)
        time.sleep(self.rng.uniform(0, 2))
        at_s, before = time.monotonic(), self.scored()
        self.system.kill(part)
        if part == "valkey":
            # While its file is being synced it answers before it has written: killed then, it lacks up to two seconds
            # of what was told already. Publish brings them again.
            self.watcher.held.clear()
        self.wait_for(before + 1, AGAIN_S)
        return time.monotonic() - at_s


def test_kills_lose_nothing_count_nothing_twice_and_ring_no_alert_twice(
    servers: Servers, models: Path, tmp_path: Path, eventually: Callable[..., bool]
) -> None:
    rng, rows = random.Random(SEED), log(40)
    order = [part for part in PARTS for _ in range(KILLS)]
    rng.shuffle(order)
    took_s: dict[str, list[float]] = {part: [] for part in PARTS}
    with System(tmp_path, servers, models, **QUICK, **touchy(models)) as system:
        story = Story(system, rng)
        sender = Sender(system.kafka, rows, pause_s=0.01 + 4.0 * len(order) / len(rows))
        sender.start()
        for part in order:
            took_s[part].append(story.kill(part))
        sender.hurry()
        sender.join(300)
        assert not sender.is_alive()
        story.wait_for(identities(rows), 300)
        assert eventually(lambda: scrape(system.port).get(("churn_stream_lag_events",)) == 0, 60)
        assert differences(system.view, system.kafka, rows) == []
        assert story.watcher.went_back == []
        assert len(system.view.alerts(1000)) > 20, "there was something to ring twice"
    for part, times in took_s.items():
        again = sorted(times)
        print(f"{part}: scores again after {again[0]:.1f} to {again[-1]:.1f} s, median {again[len(again) // 2]:.1f}")  # noqa: T201 (what `make chaos` is run for)


def test_the_stream_ends_soon_while_the_broker_is_away(servers: Servers, models: Path, tmp_path: Path) -> None:
    rows = log(3)
    with System(tmp_path, servers, models, **QUICK) as system:
        Sender(system.kafka, rows, pause_s=0.01).start()
        Story(system, random.Random(SEED)).wait_for(200, AGAIN_S)
        assert system.broker.child is not None
        system.broker.child.kill()
        time.sleep(5)  # until the queries have noticed
        began_s = time.monotonic()
        assert system.programs["stream"].stop(30) == 0, system.tails()
        assert time.monotonic() - began_s < 15
        system.broker.start()
