"""A view of 10,000 users that the API and the deliveries are measured on, and programs on it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from benchmarks.http_load import Address
from benchmarks.stand import Stand, wait_until
from churn import bundle
from churn.child import Child
from churn.clock import wall_clock
from churn.embedded import free_port
from churn.explain import Explainer
from churn.features import NAMES
from churn.keys import Keys
from churn.outcomes import AlertPolicy, HeartbeatPolicy
from churn.scores import Score
from churn.settings import DAY_MS

USERS = 10_000
SECRET = "a secret of this benchmark and of nothing else"  # noqa: S105 (of a server that lives as long as it)
T0 = 1_541_000_000_000


@dataclass
class View:
    """A filled view, and whoever is raised next."""

    stand: Stand
    explainer: Explainer
    offset: int = 0
    raised: int = 0
    epoch: int = 1
    users: list[str] = field(default_factory=list)

    def publish(self, scores: list[Score]) -> None:
        """Adds scores as publish does."""
        for at in range(0, len(scores), 500):
            some = scores[at : at + 500]
            records = [(0, self.offset + place, score) for place, score in enumerate(some)]
            read = {0: (self.offset, self.offset + len(some))}
            self.stand.view.publish("scores", records, wall_clock(), read)
            self.offset += len(some)

    def raise_alert(self) -> str:
        """Brings somebody new into the high band; returns who."""
        self.raised += 1
        user = f"raised-{self.raised}"
        features = dict(self.explainer.reference)
        self.publish([score(user, 1, features, (0.05, 0.05)), score(user, 2, features, (0.7, 0.05))])
        return user


def score(user: str, version: int, features: dict[str, float], chances: tuple[float, float], model: str = "") -> Score:
    """A score of an active user."""
    return Score(
        user_id=user, epoch=1, version=version, as_of=T0, last_event=T0, events=version, opened=0, heartbeats=0,
        level="free", status="active", p_cancel=chances[0], p_lapse=chances[1], risk=sum(chances), features=features,
        model_version=model or "none", received_ms=T0,
    )  # fmt: skip


def fill(stand: Stand) -> View:
    """10,000 users with features that spread as people's do."""
    stand.view.redis.flushall()
    stand.view.prepare(
        AlertPolicy(0.3, 0.5, 0.85, 7 * DAY_MS, 1000 * DAY_MS, 0), 14, HeartbeatPolicy(DAY_MS, 7 * DAY_MS)
    )
    held = View(stand, Explainer(bundle.load(stand.models)))
    rng = np.random.default_rng(7)
    values = rng.lognormal(0, 1.5, (USERS, len(NAMES))) * (rng.random((USERS, len(NAMES))) < 0.8)
    values[:, NAMES.index("paid")] = rng.integers(0, 2, USERS)
    risks = held.explainer.scores(values)
    held.users = [f"user-{number}" for number in range(USERS)]
    held.publish(
        [
            score(
                user, 1, dict(zip(NAMES, map(float, row), strict=True)), (float(cancel), float(lapse)),
                held.explainer.version,
            )
            for user, row, cancel, lapse in zip(held.users, values, risks.p_cancel, risks.p_lapse, strict=True)
        ]
    )  # fmt: skip
    return held


@contextmanager
def program(stand: Stand, command: str, **env: str) -> Iterator[Child]:
    """`churn COMMAND` on the stand's servers."""
    own = {
        "CHURN_REDIS__URL": stand.valkey.url, "CHURN_MODELS": str(stand.models), "CHURN_SECRETS__KEY": SECRET,
        "CHURN_WEBHOOKS__HTTP_NETWORKS": '["127.0.0.0/8"]', "CHURN_WEBHOOKS__METRICS_PORT": "0", **env,
    }  # fmt: skip
    child = Child(command, [sys.executable, "-m", "churn.cli", command], stand.var, env=own).start()
    try:
        yield child
    finally:
        child.stop(10)


@contextmanager
def serving(stand: Stand) -> Iterator[Address]:
    """One API process, and a key that may ask without end."""
    port = free_port()
    _, key = Keys(stand.view.redis, wall_clock).create("bench", ["admin"], per_second=1e6)
    with program(stand, "serve", CHURN_API__PORT=str(port), CHURN_API__STREAMS_PER_KEY="5000") as child:
        wait_until(lambda: "serving" in child.log.read_text(), 30, {"serve": child}, "serving")
        yield Address(port, key)
