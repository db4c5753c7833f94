"""Nobody's body is read, and whoever sends one is counted once."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from fastapi.routing import APIRoute

from api import boundary
from api.access import COOKIE
from tests.api.conftest import NOBODY
from tests.api.test_access import routes

JSON = {"Content-Type": "application/json"}
GOOD = '{"changes": {"silence_days": 3}}'
TAKE_A_BODY = [
    ("POST", "/v1/what-if"),
    ("POST", "/v1/users/risk"),
    ("POST", "/v1/users/7/acknowledge"),
    ("POST", "/v1/policies/backtest"),
    ("PATCH", "/v1/policy"),
    ("POST", "/v1/keys"),
    ("POST", "/v1/endpoints"),
]


def test_every_model_as_a_body_is_below_v1() -> None:
    paths = {route.path for route in routes() if isinstance(route, APIRoute) and route.body_field}
    assert {path.replace("{user_id}", "7") for path in paths} >= {path for _, path in TAKE_A_BODY}
    assert all(path.startswith("/v1/") for path in paths)


def _answered_without_the_body(served: Any, method: str, path: str, head: str) -> bytes:
    """What is answered to a head whose body never comes."""
    url = served.client.base_url
    with socket.create_connection((url.host, url.port)) as opened:
        opened.settimeout(5)
        sent = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\nContent-Type: application/json\r\n"
        opened.sendall(f"{sent}{head}\r\n".encode())
        return opened.recv(65_536)


@pytest.mark.servers
class TestNobody:
    @pytest.fixture(autouse=True)
    def _soon(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(boundary, "BODY_S", 0.3)  # whoever waits for the body says so soon

    @pytest.mark.parametrize(("method", "path"), TAKE_A_BODY)
    @pytest.mark.parametrize(
        "head",
        [
            "",
            "Authorization: Basic YTpi\r\n",
            f"Authorization: Bearer {NOBODY}\r\n",
            f"Cookie: {COOKIE}={'a' * 43}\r\nSec-Fetch-Site: same-origin\r\n",
        ],
    )
    def test_of_nobody_no_body_is_read(self, served: Any, method: str, path: str, head: str) -> None:
        answer = _answered_without_the_body(served, method, path, head)
        assert b" 401 " in answer.splitlines()[0]
        assert b"www-authenticate: Bearer" in answer
        assert b"urn:churn:problem:unauthenticated" in answer

    def test_nor_of_another_site(self, served: Any) -> None:
        answer = _answered_without_the_body(served, "POST", "/v1/keys", f"Cookie: {COOKIE}={'a' * 43}\r\n")
        assert b"urn:churn:problem:foreign-origin" in answer

    def test_nor_of_a_key_that_asks_too_often(self, served: Any) -> None:
        key = served.key("read", per_second=0.5)
        served.client.get("/v1/users", headers=key)
        answer = _answered_without_the_body(served, "POST", "/v1/what-if", f"Authorization: {key['Authorization']}\r\n")
        assert b" 429 " in answer.splitlines()[0]
        assert b"ratelimit-remaining: 0" in answer

    def test_without_redis_the_reason_is_told(self, unreachable: Any) -> None:
        answer = unreachable.client.post("/v1/what-if", content="{", headers=JSON)
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:churn:problem:redis-unavailable")
        assert answer.json()["detail"] == "Redis cannot be reached. See /readyz for what to do."
        assert int(answer.headers["retry-after"]) > 0


@pytest.mark.servers
def test_a_body_takes_one_token(served: Any) -> None:
    key = served.key("read", per_second=1.5)
    answers = [served.client.post("/v1/what-if", content=sent, headers=key | JSON) for sent in ("{", GOOD, "{", GOOD)]
    assert [answer.status_code for answer in answers] == [422, 200, 422, 429]
    assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["2", "1", "0", "0"]
