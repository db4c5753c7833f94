"""What every embedded server needs: room on the disk, a folder of its own, a port, a child process, an answer."""

from __future__ import annotations

import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Self

from churn.child import Child
from churn.errors import ChurnError
from churn.jars import require_space
from churn.locks import claim

HOST = "127.0.0.1"
"""The servers have no password: nothing but this machine may reach them."""

NEED_BYTES = 500_000_000
"""Free space below which no server is started: one that runs out of it stops in the middle of the work."""

STOP_S = 5.0
_HANDOVER_S = 3.0
_START_ATTEMPTS = 3


def free_port() -> int:
    """A port of the loopback interface that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def nothing() -> None:
    """The check of a start that nobody wants to end early."""


class Server(ABC):
    """What starting a server takes whichever it is: room, the folder, a port, a child, and an answer.

    Args:
        var: holds its folder.
        port: 0 chooses a free one.
        check: called again and again while it starts; what it raises ends the start.
    """

    name: str
    title: str
    start_s: float

    def __init__(self, var: Path, port: int = 0, check: Callable[[], None] = nothing) -> None:
        self.directory = var.resolve() / self.name
        self.port = port
        self._var = var.resolve()
        self._check = check
        self._lock: IO[bytes] | None = None
        self.child: Child | None = None

    def start(self) -> Self:
        """Starts the server and waits until it answers. It keeps its port if it is stopped and started again.

        Raises:
            ChurnError: the port is taken, the folder in use, the disk full, or the server ended or did not answer.
        """
        if self.child is not None and self.child.alive:
            return self
        self.stop()
        require_space(self.directory, NEED_BYTES)
        # Its last holder may have been killed a moment ago and its server be dying still.
        self._lock = claim(self.directory, wait_s=_HANDOVER_S)
        try:
            self._start_on_a_port()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self, timeout_s: float = STOP_S) -> None:
        """Stops the server within some seconds or kills it. Its data stay."""
        if self.child is not None:
            self.child.stop(timeout_s)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def require_alive(self) -> None:
        """Raises ChurnError when the server has ended by itself, with the end of its log."""
        if self.child is not None and not self.child.alive:
            raise failed(self.child, f"{self.title} has ended.")

    def __enter__(self) -> Self:
        """Starts it."""
        return self.start()

    def __exit__(self, *exception: object) -> None:
        """Stops it."""
        self.stop()

    def _start_on_a_port(self) -> None:
        if self.port and not is_free(self.port):
            raise ChurnError(
                f"Port {self.port} is taken by another program; {self.title} cannot listen there.",
                "Stop that program, or choose another port.",
            )
        for attempt in range(1, _START_ATTEMPTS + 1):
            port = self.port or free_port()
            try:
                self._start_on(port)
            except ChurnError:
                # Between choosing a port and listening on it another program may take it.
                if attempt == _START_ATTEMPTS or self.child is None or "in use" not in self.child.tail():
                    raise
            else:
                self.port = port
                return

    def _start_on(self, port: int) -> None:
        assert self._lock is not None  # noqa: S101 (start() took it)
        command = self._prepare(port)
        # The server holds the lock as well: as long as it lives, nobody else may touch its data.
        hold = [self._lock.fileno()]
        self.child = Child(self.name, command, self._var, cwd=self.directory, hold=hold).start()
        deadline_s = time.monotonic() + self.start_s
        while not self._answers(port):
            self._check()
            if not self.child.alive:
                raise failed(self.child, f"{self.title} ended while it was starting.")
            if time.monotonic() > deadline_s:
                self.child.kill()
                raise failed(self.child, f"{self.title} did not answer within {self.start_s:.0f} s.")
            time.sleep(0.05)

    @abstractmethod
    def _prepare(self, port: int) -> list[str]:
        """Writes what the server reads at its start and returns its command."""

    @abstractmethod
    def _answers(self, port: int) -> bool:
        """Whether it works, not merely listens."""


def failed(child: Child, problem: str) -> ChurnError:
    """The error for a server that is not there, with the end of its log."""
    return ChurnError(problem, f"Its log {child.log} ends:\n{child.tail() or '(it is empty)'}")


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback interface at this moment."""
    with socket.socket() as probe:
        # As servers do: connections that are closing do not count, a listener does.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def ask(port: int, request: bytes) -> bytes:
    """What a server answers, empty if it does not."""
    with suppress(OSError), socket.create_connection((HOST, port), timeout=1.0) as connection:
        connection.sendall(request)
        return connection.recv(4096)
    return b""
