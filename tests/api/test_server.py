from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import uvicorn

from api.server import _ending_quietly, listen, serve
from churn.errors import ChurnError
from churn.settings import Settings
from tests.api.conftest import NOBODY


def test_a_taken_port_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ChurnError, match=f"Port {port} on 127.0.0.1 is taken"):
            serve(Settings(api={"port": port}))


def test_a_host_of_another_machine_is_refused() -> None:
    with pytest.raises(ChurnError, match=r"cannot listen on host 192\.0\.2\.1"):
        listen("192.0.2.1", 0)


@pytest.mark.servers
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_listens_and_stops_soon_even_with_a_request_under_way(
    number: signal.Signals, tmp_path: Path, eventually: Callable[..., bool]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:  # a Redis that never answers
        own = {"CHURN_API__PORT": "0", "CHURN_REDIS__URL": f"redis://127.0.0.1:{mute.getsockname()[1]}/0"}
        log = tmp_path / "serve.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "churn.cli", "serve"],
                stdout=subprocess.PIPE,
                stderr=file,
                env={**os.environ, **own},
            )
        try:
            assert eventually(lambda: log.read_text().endswith("\n"), 20)
            said = re.search(r"level=info event=serving url=(http://127\.0\.0\.1:\d+)\n", log.read_text())
            assert said is not None
            address = httpx.URL(said[1])
            with socket.create_connection((address.host, address.port)) as reader:
                reader.sendall(f"GET /v1/alerts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {NOBODY}\r\n\r\n".encode())
                mute.accept()[0].recv(1)  # the request has reached Redis
                began_s = time.monotonic()
                process.send_signal(number)
                out, _ = process.communicate(timeout=20)
                assert time.monotonic() - began_s < 5
                assert reader.recv(4096).startswith(b"HTTP/1.1 503")
        finally:
            process.kill()
            process.wait()
        assert out == b""
        assert process.returncode == 0


def test_a_signal_that_comes_before_the_server_is_up_is_not_lost() -> None:
    server = uvicorn.Server(uvicorn.Config("none"))
    before = signal.getsignal(signal.SIGTERM)
    with _ending_quietly(server, lambda: None):
        signal.raise_signal(signal.SIGTERM)
    assert server.should_exit
    assert signal.getsignal(signal.SIGTERM) == before
