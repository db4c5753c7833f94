"""Receivers of webhooks in a process of their own: they note when each message came."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection as Pipe

_ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"


class Receiver:
    """What came to the healthy ones, told over a pipe."""

    def __init__(self, urls: list[str], pipe: Pipe) -> None:
        self.urls = urls
        self._moments: defaultdict[str, list[float]] = defaultdict(list)
        self._count = 0
        threading.Thread(target=self._read, args=(pipe,), daemon=True).start()

    def _read(self, pipe: Pipe) -> None:
        while True:
            try:
                came = pipe.recv()
            except (EOFError, OSError):
                return
            for user, moment in came:
                self._moments[user].append(moment)
            self._count += len(came)

    def count(self) -> int:
        """How many came in all."""
        return self._count

    def has(self, user: str, times: int) -> bool:
        """Whether all of them heard of a user."""
        return len(self._moments.get(user, ())) >= times

    def moments(self, user: str) -> list[float]:
        """When, on the clock of `time.perf_counter`."""
        return list(self._moments[user])


@contextmanager
def receiver(healthy: int, hangs: bool) -> Iterator[Receiver]:
    """So many healthy ones, and one that never answers."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_run, args=(theirs, healthy, hangs), daemon=True)
    process.start()
    theirs.close()  # so that one that cannot start is an end of file, and no endless wait
    try:
        yield Receiver([f"http://127.0.0.1:{port}/hook" for port in ours.recv()], ours)
    finally:
        process.kill()
        process.join()


def _run(pipe: Pipe, healthy: int, hangs: bool) -> None:
    asyncio.run(_serve(pipe, healthy, hangs))


async def _serve(pipe: Pipe, healthy: int, hangs: bool) -> None:
    loop, came = asyncio.get_running_loop(), list[tuple[str, float]]()
    servers = [await loop.create_server(lambda: _Http(came), "127.0.0.1", 0) for _ in range(healthy)]
    if hangs:
        servers.append(await loop.create_server(asyncio.Protocol, "127.0.0.1", 0))
    pipe.send([server.sockets[0].getsockname()[1] for server in servers])
    while True:
        await asyncio.sleep(0.05)
        if came:
            pipe.send(came[:])
            came.clear()


class _Http(asyncio.Protocol):
    """As much of HTTP as is needed to take a message."""

    def __init__(self, came: list[tuple[str, float]]) -> None:
        self._came, self._held = came, bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._held += data
        head = self._held.find(b"\r\n\r\n")
        if head < 0:
            return
        at = self._held.lower().find(b"content-length:", 0, head)
        length = int(self._held[at + 15 : self._held.index(b"\r\n", at)])
        if len(self._held) >= head + 4 + length:
            message = json.loads(self._held[head + 4 : head + 4 + length])
            self._came.append((message["data"].get("user_id", ""), time.perf_counter()))
            self._held.clear()
            self._transport.write(_ANSWER)  # type: ignore[attr-defined]
