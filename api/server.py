"""`churn serve`: the HTTP server."""

from __future__ import annotations

import errno
import gc
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import structlog
import uvicorn

from api.app import create_app
from api.connection import Connection
from api.times import Clock
from churn.clock import wall_clock
from churn.errors import ChurnError
from churn.settings import Settings

GRACE_S = 3
"""Requests under way get so long to end. None waits longer for Redis, so that a stop takes less than 5 s."""

log = structlog.get_logger()


def serve(settings: Settings, clock: Clock = wall_clock) -> None:
    """Serves until SIGTERM or SIGINT, then ends the requests under way and returns. Logs its address.

    Args:
        settings: of the project; with api.port = 0 the system chooses a port.
        clock: the wall clock in ms.

    Raises:
        ChurnError: the port is taken, or the host or redis.url is not right.
    """
    app = create_app(settings, clock)
    with listen(settings.api.host, settings.api.port) as door:
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                # Logging belongs to the command; uvicorn's own would print to stdout.
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=GRACE_S,
                timeout_keep_alive=30,
                http=Connection,
            )
        )
        host, port = door.getsockname()[:2]
        log.info("serving", url=f"http://{f'[{host}]' if ':' in host else host}:{port}")
        # To look through all that lives for garbage stops every request, for 200 ms with 2,000 listeners: what was
        # imported is never looked at again, and the rest a tenth as often.
        gc.freeze()
        gc.set_threshold(700, 10, 100)
        with _ending_quietly(server, app.state.context.end_streams):
            server.run(sockets=[door])


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        ChurnError: the port is taken or may not be used, or the host is none of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=512)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ChurnError(
                f"Port {port} on {host} is taken by another program.",
                "Stop that program, or choose another port in the setting api.port.",
            ) from None
        if error.errno == errno.EACCES:
            raise ChurnError(
                f"Port {port} on {host} may not be used by this account.",
                "Choose a port of 1024 or above in the setting api.port.",
            ) from None
        raise ChurnError(
            f"The server cannot listen on host {host}.",
            "Name an address of this machine in the setting api.host.",
        ) from None


@contextmanager
def _ending_quietly(server: uvicorn.Server, end_streams: Callable[[], None]) -> Iterator[None]:
    """Lets `serve` return after a signal: uvicorn sends itself the signal again, once it has ended.

    Streams have no end of their own, for which a server that stops would wait.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(_signal: int, _frame: FrameType | None) -> None:
        server.should_exit = True
        end_streams()

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
