"""A receiver of webhooks for tests: real HTTP, told how to answer, and counting every connection."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Got:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """What came, and how to answer: a status, with headers and a body, or a function of the request."""

    url: str = ""
    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    answer: bytes = b""
    hang_s: float = 0.0
    decide: Callable[[Got], int] | None = None
    got: list[Got] = field(default_factory=list)
    connections: int = 0

    def ids(self) -> list[str]:
        """Of every message, in the order of their coming."""
        return [each.headers["webhook-id"] for each in self.got]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no news."""


@contextmanager
def receiving(tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> Iterator[Receiver]:
    """A receiver on a free port."""
    held = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # one packet an answer

        def setup(self) -> None:
            held.connections += 1
            super().setup()
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            got = Got(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            held.got.append(got)
            if held.hang_s:
                time.sleep(held.hang_s)
            self.send_response(held.status if held.decide is None else held.decide(got))
            for name, value in held.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(held.answer)))
            self.end_headers()
            self.wfile.write(held.answer)
            self.wfile.flush()

        def log_message(self, *_: Any) -> None:
            pass

    with _Server((host, 0), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        held.url = f"{'http' if tls is None else 'https'}://{host}:{server.server_address[1]}/hook"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield held
        finally:
            server.shutdown()
            thread.join()
