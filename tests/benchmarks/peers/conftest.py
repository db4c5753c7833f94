"""Peers as processes of their own, on the session's servers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from churn import bundle
from churn.child import Child
from churn.explain import Explainer
from churn.features import NAMES
from churn.settings import DAY_MS, PROJECT, Kafka
from churn.simulator import Simulation
from churn.view import View
from tests.conftest import Servers
from tests.e2e.audit import unlike
from tests.e2e.conftest import Row, disturbed, environment, identities, send
from tests.oracle import expect

QUIX_PYTHON = PROJECT / ".venv-bench" / "bin" / "python"


class Peers:
    """The peers of one test.

    Args:
        servers: of the session.
        kafka: the test's topics.
        models: with a current bundle.
        var: of everything else.
        eventually: waits.
    """

    def __init__(
        self, servers: Servers, kafka: Kafka, models: Path, var: Path, eventually: Callable[..., bool]
    ) -> None:
        self.kafka, self.view = kafka, View.connect(servers.redis_url)
        self._models, self._var, self._eventually = models, var, eventually
        self._env = environment("microbatch", servers, kafka, models, var, 0)
        self._started: list[Child] = []

    def start(self, name: str, *arguments: str) -> Child:
        """Starts a peer; one of the same name that has ended is followed by it."""
        python = [QUIX_PYTHON] if name == "quix" else [sys.executable]
        own = {"PYTHONPATH": ""} if name == "quix" else {}  # an environment of its own
        command = [*python, "-m", f"benchmarks.peers.{name}", *arguments]
        child = Child(name, command, self._var, env={**self._env, **own}, cwd=PROJECT).start()
        self._started.append(child)
        return child

    def stop(self) -> None:
        """Ends what still runs."""
        for child in self._started:
            child.stop(15)

    def reach(self, count: int, peer: Child, within_s: float = 120) -> None:
        """Waits until so many events are scored."""

        def done() -> bool:
            return self.view.books().events_scored >= count or not peer.alive

        assert self._eventually(done, within_s), f"{self.view.books()} of {count}\n{peer.tail(30)}"
        assert self.view.books().events_scored >= count, peer.tail(30)

    def follow_up(self, rows: list[Row], peer: Child) -> list[Row]:
        """Sends some rows once more, and behind them newcomers to every partition; returns all rows once these are met.

        Whatever was made of the doubles is in the view then.
        """
        newcomers = [{**rows[-1], "userId": f"newcomer {number}"} for number in range(12)]
        send([*rows[-200:], *newcomers], self.kafka)
        met = self._eventually(lambda: {row["userId"] for row in newcomers} <= set(self.view.user_ids()), 60)
        assert met, peer.tail(30)
        return [*rows, *newcomers]

    def wrong(self, rows: list[Row]) -> list[str]:
        """Everything in the view that is not as the oracle and the model have it; empty when all is well."""
        expected = expect(rows)
        found = unlike(self.view, expected)
        if set(self.view.user_ids()) != set(expected):
            found.append("other users")
        if self.view.books().events_scored != identities(rows):
            found.append(f"{self.view.books()} of {identities(rows)} events")
        explainer = Explainer(bundle.load(self._models))
        for user_id, score in ((one, held.score) for one in expected if (held := self.view.user(one))):
            risks = explainer.scores(_row(score.features))
            chances = (score.p_cancel - risks.p_cancel[0], score.p_lapse - risks.p_lapse[0])
            if any(abs(difference) > 1e-6 for difference in chances):
                found.append(f"{user_id}: chances differ by {chances}")
        return found


def _row(features: Any) -> Any:
    import numpy as np  # noqa: PLC0415

    return np.array([[features[name] for name in NAMES]])


@pytest.fixture
def peers(
    servers: Servers, models: Path, kafka: Kafka, redis_client: Any, tmp_path: Path, eventually: Callable[..., bool]
) -> Iterator[Peers]:
    started = Peers(servers, kafka, models, tmp_path, eventually)
    yield started
    started.stop()


@pytest.fixture(scope="session")
def rows() -> list[Row]:
    """Sixteen days, with doubles and in no order within a day."""
    start_ms = 1_538_352_000_000
    return disturbed(list(Simulation(60, start_ms, start_ms + 16 * DAY_MS, seed=11).events()), seed=5)[0]
