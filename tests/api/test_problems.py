from __future__ import annotations

import socket
import time
from typing import Any

import pytest

pytestmark = pytest.mark.servers

DATA = ["/v1/users", "/v1/users/7/risk", "/v1/alerts"]


@pytest.mark.parametrize("path", DATA)
def test_without_redis_a_reason_soon_and_nothing_of_the_inside(unreachable: Any, path: str) -> None:
    began_s = time.monotonic()
    answer = unreachable.client.get(path)
    assert time.monotonic() - began_s < 2
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json()["detail"] == "Redis cannot be reached. See /readyz for what to do."
    assert "hunter2" not in answer.text
    assert "Traceback" not in answer.text


def test_a_redis_that_hangs_is_given_up_soon(serve_on: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        served = serve_on(f"redis://127.0.0.1:{mute.getsockname()[1]}/0")
        began_s = time.monotonic()
        answer = served.client.get("/v1/alerts")
        assert time.monotonic() - began_s < 4
    assert answer.status_code == 503
    assert "in time" in answer.json()["detail"]


def test_many_faults_are_not_all_told(served: Any) -> None:
    answer = served.client.post("/v1/what-if", json={"x" * 1000 + str(number): 1 for number in range(50)})
    assert answer.status_code == 422
    assert len(answer.json()["parameters"]) == 20
    assert answer.json()["detail"].endswith("; and 31 more.")
    assert len(answer.content) < 6000


def test_a_connection_that_redis_closed_is_not_the_readers_concern(filled: Any, get: Any) -> None:
    assert get("/v1/users").status_code == 200
    filled.view.redis.client_kill_filter(_type="normal", skipme=True)
    assert get("/v1/users").status_code == 200


def test_what_redis_refuses_is_a_503(filled: Any, get: Any) -> None:
    filled.view.redis.set("churn:ranking", "not a sorted set")
    answer = get("/v1/users")
    assert answer.status_code == 503
    assert "WRONGTYPE" not in answer.text


def test_the_unforeseen_is_a_500_without_internals(served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("secret of the house")

    monkeypatch.setattr(served.context.view, "history", broken)
    answer = served.client.get("/v1/users/7/history")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.json()["status"] == 500
    assert "secret" not in answer.text
    assert served.client.get("/healthz").status_code == 200


def test_unknown_paths_and_methods_are_problems(served: Any) -> None:
    for answer, status in ((served.client.get("/nope"), 404), (served.client.post("/v1/users"), 405)):
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == status
    assert served.client.post("/v1/users").headers["allow"] == "GET"
