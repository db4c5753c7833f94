"""A client of HTTP that costs little beside what it measures: prepared requests over kept connections."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Address:
    """Where, and by which key."""

    port: int
    key: str

    def get(self, path: str, headers: str = "") -> bytes:
        """A request without a body."""
        return f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.key}\r\n{headers}\r\n".encode()

    def post(self, path: str, body: bytes) -> bytes:
        """A request with JSON."""
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.key}\r\n"
        return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


class Connection(asyncio.Protocol):
    """One request at a time; answers have a Content-Length."""

    def __init__(self) -> None:
        self.open = True
        self._held = bytearray()
        self._waiting: asyncio.Future[int] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        self._transport = transport

    def connection_lost(self, _exc: Exception | None) -> None:
        """The server has closed it, as it does to one that asks nothing for long."""
        self.open = False
        if self._waiting is not None:
            self._waiting.set_exception(ConnectionResetError("the server has closed a connection that waited"))

    def data_received(self, data: bytes) -> None:
        """Some of an answer."""
        self._held += data
        head = self._held.find(b"\r\n\r\n")
        if head < 0 or self._waiting is None:
            return
        at = self._held.lower().find(b"content-length:", 0, head)
        length = int(self._held[at + 15 : self._held.index(b"\r\n", at)])
        if len(self._held) >= head + 4 + length:
            status, waiting = int(self._held[9:12]), self._waiting
            self._held.clear()
            self._waiting = None
            waiting.set_result(status)

    async def ask(self, request: bytes) -> int:
        """Sends a request; returns the status of its whole answer."""
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)  # type: ignore[attr-defined]
        return await self._waiting

    def close(self) -> None:
        """Lets go."""
        self._transport.close()


async def connections(port: int, count: int) -> list[Connection]:
    """Some open connections."""
    loop = asyncio.get_running_loop()
    return [(await loop.create_connection(Connection, "127.0.0.1", port))[1] for _ in range(count)]


async def closed_loop(address: Address, requests: Sequence[bytes], clients: int, seconds: float) -> float:
    """Answers a second when so many clients ask again as soon as they are answered.

    Raises:
        RuntimeError: an answer was no 200.
    """
    answered, ends_s = 0, time.perf_counter() + seconds
    source = itertools.cycle(requests)

    async def client(one: Connection) -> None:
        nonlocal answered
        while time.perf_counter() < ends_s:
            _require(await one.ask(next(source)))
            answered += 1

    opened = await connections(address.port, clients)
    began_s = time.perf_counter()
    await asyncio.gather(*(client(one) for one in opened))
    took_s = time.perf_counter() - began_s
    for one in opened:
        one.close()
    return answered / took_s


async def open_loop(address: Address, requests: Sequence[bytes], rate: float, seconds: float) -> list[float]:
    """How long each request waited, ms, from the moment it was due: a client that is late counts."""
    idle = await connections(address.port, 64)
    waits: list[float] = []

    async def one(due_s: float, request: bytes) -> None:
        usable = next((each for each in reversed(idle) if each.open), None)
        if usable is not None:
            idle.remove(usable)
        connection = usable or (await connections(address.port, 1))[0]
        _require(await connection.ask(request))
        waits.append((time.perf_counter() - due_s) * 1000)
        idle.append(connection)

    await _paced(one, itertools.cycle(requests), rate, seconds)
    for connection in idle:
        connection.close()
    return waits


async def _paced(one: Callable[..., object], requests: Iterator[bytes], rate: float, seconds: float) -> None:
    began_s, tasks = time.perf_counter() + 0.05, list[asyncio.Task[object]]()
    for number in range(int(rate * seconds)):
        due_s = began_s + number / rate
        wait_s = due_s - time.perf_counter()
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        tasks.append(asyncio.create_task(one(due_s, next(requests))))  # type: ignore[arg-type]
    await asyncio.gather(*tasks)


def _require(status: int) -> None:
    if status != 200:
        raise RuntimeError(f"an answer has status {status}")
