"""What the API and the webhooks can take: one `churn serve`, one `churn deliver`, on a view of 10,000 users."""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from benchmarks.http_load import Address, closed_loop, connections, open_loop
from benchmarks.stand import Stand, wait_until
from benchmarks.webhook_receiver import Receiver, receiver
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
CLIENTS = 16
LISTENERS = 2_000
ALERTS = 20
HEALTHY = 5
RATE = 100.0
"""Alerts a second: with five healthy endpoints 500 deliveries."""
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
    with program(stand, "serve", CHURN_API__PORT=str(port)) as child:
        wait_until(lambda: "serving" in child.log.read_text(), 30, {"serve": child}, "serving")
        yield Address(port, key)


def measure_requests(view: View) -> dict[str, float]:
    """Requests a second of one process, how long they take at 500 a second, and 1,000 users at once."""
    with serving(view.stand) as address:
        requests = [address.get(f"/v1/users/{user}/risk") for user in view.users]
        asyncio.run(closed_loop(address, requests, CLIENTS, 3.0))
        per_s = asyncio.run(closed_loop(address, requests, CLIENTS, 10.0))
        waits = np.array(asyncio.run(open_loop(address, requests, 500.0, 20.0)))
        bulk = asyncio.run(_bulk(address, view.users[:1000]))
    return {
        "risk_per_s": per_s,
        "risk_at_500_p50_ms": float(np.quantile(waits, 0.5)),
        "risk_at_500_p99_ms": float(np.quantile(waits, 0.99)),
        "bulk_1000_ms": statistics.median(bulk),
        "bulk_1000_max_ms": max(bulk),
    }


async def _bulk(address: Address, users: list[str]) -> list[float]:
    request, found = address.post("/v1/users/risk", json.dumps({"user_ids": users}).encode()), list[float]()
    [one] = await connections(address.port, 1)
    for _ in range(23):
        began_s = time.perf_counter()
        if await one.ask(request) != 200:
            raise RuntimeError("the bulk was refused")
        found.append((time.perf_counter() - began_s) * 1000)
    one.close()
    return found[3:]


class _Listening(asyncio.Protocol):
    """A client of the live alerts: when each came."""

    def __init__(self, request: bytes, arrivals: list[float]) -> None:
        self._request, self._arrivals = request, arrivals

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.write(self._request)  # type: ignore[attr-defined]
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._arrivals.extend([time.perf_counter()] * data.count(b"event: alert"))


def measure_listeners(view: View) -> dict[str, float]:
    """From an alert being raised to the last of 2,000 listeners having it."""
    with serving(view.stand) as address:
        waits = asyncio.run(_listen(view, address))
    return {"alert_to_all_2000_ms": statistics.median(waits), "alert_to_all_2000_max_ms": max(waits)}


async def _listen(view: View, address: Address) -> list[float]:
    loop, arrivals, waits = asyncio.get_running_loop(), list[float](), list[float]()
    request = address.get("/v1/alerts/stream")
    clients = [
        await loop.create_connection(lambda: _Listening(request, arrivals), "127.0.0.1", address.port)
        for _ in range(LISTENERS)
    ]
    await asyncio.sleep(5)
    for _ in range(ALERTS):
        arrivals.clear()
        began_s = time.perf_counter()
        view.raise_alert()
        while len(arrivals) < LISTENERS:
            if time.perf_counter() - began_s > 10:
                raise RuntimeError(f"{len(arrivals)} of {LISTENERS} listeners have the alert")
            await asyncio.sleep(0.002)
        waits.append((max(arrivals) - began_s) * 1000)
        await asyncio.sleep(0.3)
    for transport, _ in clients:
        transport.close()
    return waits


def measure_deliveries(view: View) -> dict[str, float]:
    """Deliveries a second to healthy endpoints while one hangs, and what the others notice of it."""
    found: dict[str, float] = {}
    for hangs in (False, True):
        name = "beside_one_that_hangs" if hangs else "alone"
        waits, per_s = _deliver(view, hangs)
        found[f"deliver_{name}_p50_ms"] = float(np.quantile(waits, 0.5))
        found[f"deliver_{name}_p99_ms"] = float(np.quantile(waits, 0.99))
        found[f"deliver_{name}_per_s"] = per_s
    return found


def _deliver(view: View, hangs: bool) -> tuple[list[float], float]:
    """Waits of an open loop of alerts, ms, and deliveries a second of a backlog."""
    with receiver(HEALTHY, hangs) as there, serving(view.stand) as address:
        ids = [_endpoint(address, url) for url in there.urls]
        try:
            with program(view.stand, "deliver") as child:
                wait_until(lambda: "delivering" in child.log.read_text(), 30, {"deliver": child}, "delivering")
                time.sleep(2)
                _alerts(view, there, 5.0)  # a first connection to each, and code that is warm
                waits = _alerts(view, there, 20.0)
            before = there.count()
            for _ in range(2000):
                view.raise_alert()
            with program(view.stand, "deliver") as child:
                wait_until(lambda: there.count() >= before + HEALTHY * 400, 60, {"deliver": child}, "beginning")
                first, first_s = there.count(), time.perf_counter()
                wait_until(lambda: there.count() >= before + HEALTHY * 2000, 120, {"deliver": child}, "delivering all")
                per_s = (there.count() - first) / (time.perf_counter() - first_s)
        finally:
            for endpoint in ids:
                _delete(address, endpoint)
    return waits, per_s


def _alerts(view: View, there: Receiver, seconds: float) -> list[float]:
    """Raises alerts at a pace, and returns how long each delivery took, ms, from when its alert was due."""
    due: dict[str, float] = {}
    began_s = time.perf_counter()
    for number in range(int(RATE * seconds)):
        at_s = began_s + number / RATE
        time.sleep(max(0.0, at_s - time.perf_counter()))
        due[view.raise_alert()] = at_s
    wait_until(lambda: all(there.has(user, HEALTHY) for user in due), 30, {}, "arriving")
    return [(at_s - due[user]) * 1000 for user in due for at_s in there.moments(user)]


def _endpoint(address: Address, url: str) -> str:
    import httpx  # noqa: PLC0415

    headers = {"Authorization": f"Bearer {address.key}"}
    answer = httpx.post(f"http://127.0.0.1:{address.port}/v1/endpoints", json={"url": url}, headers=headers)
    return str(answer.raise_for_status().json()["id"])


def _delete(address: Address, endpoint: str) -> None:
    import httpx  # noqa: PLC0415

    headers = {"Authorization": f"Bearer {address.key}"}
    httpx.delete(f"http://127.0.0.1:{address.port}/v1/endpoints/{endpoint}", headers=headers, timeout=60)


def measure_outage(view: View) -> dict[str, float]:
    """How soon a reader is told that Redis has gone, and is served again once it is back."""
    with serving(view.stand) as address:
        request = address.get(f"/v1/users/{view.users[0]}/risk")
        asyncio.run(_status(address, request))
        if view.stand.valkey.child is not None:
            view.stand.valkey.child.kill()
        told_s = [asyncio.run(_status(address, request, 503)) for _ in range(5)]
        view.stand.valkey.start()
        began_s = time.perf_counter()
        while True:
            try:
                asyncio.run(_status(address, request))
                break
            except RuntimeError:
                time.sleep(0.02)
        back_s = time.perf_counter() - began_s
    return {"redis_down_503_ms": max(told_s) * 1000, "redis_back_s": back_s}


async def _status(address: Address, request: bytes, expected: int = 200) -> float:
    """How long an answer took, s; of another status it is an error."""
    [one] = await connections(address.port, 1)
    began_s = time.perf_counter()
    status = await one.ask(request)
    one.close()
    if status != expected:
        raise RuntimeError(f"an answer has status {status}")
    return time.perf_counter() - began_s
