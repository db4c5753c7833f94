from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time

import httpx
import pytest
import uvicorn

from api.server import _ending_quietly, listen, serve
from churn.errors import ChurnError
from churn.settings import Settings

PROGRAM = """
import sys
from api.server import serve
from churn.settings import Settings
say = lambda address: print(address, file=sys.stderr, flush=True)
serve(Settings(api={"port": 0}, redis={"url": sys.argv[1]}), listening=say)
"""


def test_importing_the_server_brings_no_spark() -> None:
    check = "import api.server, sys; assert 'pyspark' not in sys.modules"
    subprocess.run([sys.executable, "-c", check], check=True)


def test_a_taken_port_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ChurnError, match=f"Port {port} on 127.0.0.1 is taken"):
            serve(Settings(api={"port": port}))


def test_a_host_of_another_machine_is_refused() -> None:
    with pytest.raises(ChurnError, match=r"cannot listen on host 192\.0\.2\.1"):
        listen("192.0.2.1", 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_soon_even_with_a_request_under_way_and_prints_nothing(number: signal.Signals) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:  # a Redis that never answers
        url = f"redis://127.0.0.1:{mute.getsockname()[1]}/0"
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            assert process.stderr is not None
            address = httpx.URL(process.stderr.readline().strip())
            with socket.create_connection((address.host, address.port)) as reader:
                reader.sendall(b"GET /v1/alerts HTTP/1.1\r\nHost: x\r\n\r\n")
                mute.accept()[0].recv(1)  # the request has reached Redis
                began_s = time.monotonic()
                process.send_signal(number)
                out, _ = process.communicate(timeout=20)
                assert time.monotonic() - began_s < 5
                assert reader.recv(4096).startswith(b"HTTP/1.1 503")
        finally:
            process.kill()
            process.wait()
        assert out == ""
        assert process.returncode == 0


def test_a_signal_that_comes_before_the_server_is_up_is_not_lost() -> None:
    server = uvicorn.Server(uvicorn.Config("none"))
    before = signal.getsignal(signal.SIGTERM)
    with _ending_quietly(server):
        signal.raise_signal(signal.SIGTERM)
    assert server.should_exit
    assert signal.getsignal(signal.SIGTERM) == before
