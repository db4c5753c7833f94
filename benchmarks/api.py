"""What the API can take: one `churn serve` on a view of 10,000 users."""

from __future__ import annotations

import asyncio
import gc
import json
import statistics
import time

import numpy as np
import psutil

from benchmarks.filled_view import View, serving
from benchmarks.http_load import Address, closed_loop, connections, open_loop

CLIENTS = 16
LISTENERS = 2_000
ALERTS = 20


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
    gc.freeze()  # a client that looks for garbage would be measured for it
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


def measure_outage(view: View) -> dict[str, float]:
    """How soon a reader is told that Redis has gone or hangs, and is served again once it is back."""
    valkey = view.stand.valkey
    child = valkey.child
    if child is None:
        raise RuntimeError("the Valkey has ended")
    with serving(view.stand) as address:
        request = address.get(f"/v1/users/{view.users[0]}/risk")
        asyncio.run(_status(address, request))
        process = psutil.Process(child.pid)
        process.suspend()
        hangs_s = [asyncio.run(_status(address, request, 503)) for _ in range(5)]
        process.resume()
        again_s = _until_served(address, request)
        child.kill()
        gone_s = [asyncio.run(_status(address, request, 503)) for _ in range(5)]
        valkey.start()
        back_s = _until_served(address, request)
    return {
        "redis_hangs_503_ms": max(hangs_s) * 1000,
        "redis_hung_back_ms": again_s * 1000,
        "redis_gone_503_ms": max(gone_s) * 1000,
        "redis_gone_back_ms": back_s * 1000,
    }


def _until_served(address: Address, request: bytes) -> float:
    began_s = time.perf_counter()
    while True:
        try:
            asyncio.run(_status(address, request))
        except RuntimeError:
            time.sleep(0.02)
        else:
            return time.perf_counter() - began_s


async def _status(address: Address, request: bytes, expected: int = 200) -> float:
    """How long an answer took, s; of another status it is an error."""
    [one] = await connections(address.port, 1)
    began_s = time.perf_counter()
    status = await one.ask(request)
    one.close()
    if status != expected:
        raise RuntimeError(f"an answer has status {status}")
    return time.perf_counter() - began_s
