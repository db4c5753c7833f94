"""What the webhooks can take: one `churn deliver`, to five endpoints that answer at once and one that never does."""

from __future__ import annotations

import time

import httpx
import numpy as np

from benchmarks.filled_view import View, program, serving
from benchmarks.http_load import Address
from benchmarks.stand import wait_until
from benchmarks.webhook_receiver import Receiver, receiver

HEALTHY = 5
RATE = 100.0
"""Alerts a second: with five healthy endpoints 500 deliveries."""


def measure(view: View) -> dict[str, float]:
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
    headers = {"Authorization": f"Bearer {address.key}"}
    answer = httpx.post(f"http://127.0.0.1:{address.port}/v1/endpoints", json={"url": url}, headers=headers)
    return str(answer.raise_for_status().json()["id"])


def _delete(address: Address, endpoint: str) -> None:
    headers = {"Authorization": f"Bearer {address.key}"}
    httpx.delete(f"http://127.0.0.1:{address.port}/v1/endpoints/{endpoint}", headers=headers, timeout=60)
