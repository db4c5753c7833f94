"""Clients that are slow, endless or too large, over a real socket."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from api import boundary, connection

pytestmark = pytest.mark.servers


@pytest.fixture
def door(served: Any) -> Iterator[socket.socket]:
    url = served.client.base_url
    with socket.create_connection((url.host, url.port)) as opened:
        opened.settimeout(5)
        yield opened


def answered(opened: socket.socket) -> bytes:
    """All that comes until the server closes."""
    found = b""
    try:
        while some := opened.recv(65_536):
            found += some
    except ConnectionResetError:
        pass
    return found


def cut(opened: socket.socket, line: bytes = b"X-A: b\r\n") -> bool:
    """Sends a line more; whether the server has let go."""
    try:
        opened.sendall(line)
    except OSError:
        return True
    return False


def test_a_head_that_does_not_come_is_not_waited_for(served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_S", 0.2)
    url = served.client.base_url
    for sent in (b"", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "):
        with socket.create_connection((url.host, url.port)) as opened:
            opened.settimeout(5)
            opened.sendall(sent)
            began_s = time.monotonic()
            assert answered(opened) == b""
            assert time.monotonic() - began_s < 2


def test_drip_by_drip_it_is_not_waited_for_either(served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_S", 0.3)
    url = served.client.base_url
    with socket.create_connection((url.host, url.port)) as opened:
        opened.sendall(b"GET /healthz HTTP/1.1\r\n")
        began_s = time.monotonic()
        while not cut(opened) and time.monotonic() - began_s < 5:
            time.sleep(0.02)
        assert time.monotonic() - began_s < 2


def test_a_head_without_end_is_cut(door: socket.socket) -> None:
    door.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
    assert any(cut(door, b"X-Filler: " + b"a" * 1000 + b"\r\n") for _ in range(10_000))


def test_a_connection_that_goes_on_is_kept(door: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        door.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b'{"status":"ok"}' in door.recv(65_536)


def test_a_body_that_does_not_come_is_a_problem(
    served: Any, door: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boundary, "BODY_S", 0.2)
    key = served.client.headers["authorization"]
    head = f"POST /v1/users/risk HTTP/1.1\r\nHost: x\r\nAuthorization: {key}\r\nContent-Length: 20\r\n"
    door.sendall(f"{head}Content-Type: application/json\r\nConnection: close\r\n\r\n{{".encode())
    found = answered(door)
    assert b" 408 " in found.splitlines()[0]
    assert b"urn:churn:problem:too-slow" in found


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize(("path", "most"), [("/v1/what-if", 65_536), ("/v1/keys", 65_536), ("/v1/users/risk", 524_288)])
def test_a_body_that_is_too_large_is_a_problem(served: Any, declared: bool, path: str, most: int) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(most // 4096):
            yield b" " * 4096
        yield b" "

    content = b" " * (most + 1) if declared else chunks()
    answer = served.client.post(path, content=content, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:churn:problem:too-large")
    assert f"{most:,} bytes" in answer.json()["detail"]


def test_a_thousand_long_ids_fit(served: Any) -> None:
    ids = [f"{number:03}" + "é" * 253 for number in range(1000)]
    content = json.dumps({"user_ids": ids}, ensure_ascii=False).encode()
    answer = served.client.post("/v1/users/risk", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200


def test_a_client_that_does_not_read_is_cut(
    filled: Any, served: Any, score: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "STALLED_S", 0.3)
    filled.add(*(score("u" * 200 + str(number)) for number in range(400)))
    url, key = served.client.base_url, served.client.headers["authorization"]
    with socket.socket() as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        opened.connect((url.host, url.port))
        request = f"GET /v1/users?limit=400 HTTP/1.1\r\nHost: x\r\nAuthorization: {key}\r\n\r\n".encode()
        opened.sendall(request * 20)
        began_s = time.monotonic()
        opened.settimeout(10)
        time.sleep(1.0)  # without reading: it is the server that must lose its patience
        assert answered(opened).count(b"HTTP/1.1 200") < 20
        assert time.monotonic() - began_s < 8


def test_what_is_left_of_a_refused_body_is_not_waited_for(door: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_S", 0.3)
    door.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
    assert b'{"status":"ok"}' in door.recv(65_536)
    door.sendall(b"x")  # by which uvicorn forgets its own timer
    began_s = time.monotonic()
    assert answered(door) == b""
    assert time.monotonic() - began_s < 2
