"""Endpoints by HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from churn.settings import DAY_MS
from tests.api.webhooks.receiver import Receiver

pytestmark = pytest.mark.servers


def made(served: Any, url: str, **more: Any) -> dict[str, Any]:
    answer = served.client.post("/v1/endpoints", json={"url": url, **more})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def test_one_is_made_and_its_secret_is_shown_once(served: Any, receiver: Receiver) -> None:
    wanted = {"bands": ["high"], "drivers": ["adverts"], "levels": ["free"], "kinds": ["band"], "least_rise": 0.1}
    endpoint = made(served, receiver.url, description="CRM", filter=wanted, per_second=5, types=["alert.raised"])
    assert endpoint["secret"].startswith("whsec_")
    assert (endpoint["filter"], endpoint["per_second"], endpoint["state"]) == (wanted, 5.0, "enabled")
    one = served.client.get(f"/v1/endpoints/{endpoint['id']}")
    assert "secret" not in one.json()
    assert endpoint["secret"] not in one.text + served.client.get("/v1/endpoints").text
    assert served.client.get("/v1/endpoints").json()["endpoints"] == [one.json()]
    assert endpoint["secret"] not in str(served.context.view.redis.hgetall(f"churn:endpoint:{endpoint['id']}"))
    assert receiver.connections == 0  # it is looked at when it is made, and not spoken to


@pytest.mark.parametrize(
    "url",
    [
        "https://10.0.0.1/x", "http://example.com/x", "https://169.254.169.254/latest/meta-data", "https://[::1]/",
        "https://user:pw@example.com/", "nonsense", "https://no-such-host.invalid/",
        "https://a..b.com/", f"https://{'a' * 64}.example.com/",
    ],
)  # fmt: skip
def test_where_it_may_not_go_it_is_not_made(served: Any, url: str) -> None:
    answer = served.client.post("/v1/endpoints", json={"url": url})
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:churn:problem:refused-address")
    assert served.client.get("/v1/endpoints").json()["endpoints"] == []


def test_nor_can_it_be_sent_there_later(served: Any, receiver: Receiver) -> None:
    endpoint = made(served, receiver.url)
    answer = served.client.patch(f"/v1/endpoints/{endpoint['id']}", json={"url": "https://10.0.0.1/x"})
    assert answer.status_code == 422
    assert served.client.get(f"/v1/endpoints/{endpoint['id']}").json()["url"] == receiver.url


def test_a_change_changes_what_it_names(served: Any, receiver: Receiver) -> None:
    endpoint = made(served, receiver.url, description="a", per_second=5)
    path = f"/v1/endpoints/{endpoint['id']}"
    changed = served.client.patch(path, json={"description": "b", "filter": {"bands": ["high"]}}).json()
    assert (changed["description"], changed["filter"]["bands"], changed["per_second"]) == ("b", ["high"], 5.0)
    assert served.client.patch(path, json={"per_second": None}).json()["per_second"] is None
    off = served.client.patch(path, json={"state": "disabled"}).json()
    assert (off["state"], off["disabled_for"]) == ("disabled", "by hand")
    on = served.client.patch(path, json={"state": "enabled"}).json()
    assert (on["state"], on["disabled_for"]) == ("enabled", "")
    assert served.client.patch(path, json={"secret": "x"}).status_code == 422


def test_a_rotation_is_told_until_when(served: Any, receiver: Receiver) -> None:
    endpoint = made(served, receiver.url)
    rotated = served.client.post(f"/v1/endpoints/{endpoint['id']}/rotate-secret").json()
    assert rotated["secret"] != endpoint["secret"]
    assert rotated["old_secret_until"] == "2018-11-01T15:33:20.000Z"  # noqa: S105
    served.wall.now_ms += DAY_MS
    assert served.client.get(f"/v1/endpoints/{endpoint['id']}").json()["old_secret_until"] is None


def test_deleted_it_is_gone_with_its_deliveries(filled: Any, served: Any, receiver: Receiver) -> None:
    endpoint = made(served, receiver.url)
    delivery = served.client.post(f"/v1/endpoints/{endpoint['id']}/ping").json()["delivery"]
    assert served.client.get(f"/v1/endpoints/{endpoint['id']}").json()["waiting"] == 1
    assert served.client.delete(f"/v1/endpoints/{endpoint['id']}").status_code == 204
    for path in (f"/v1/endpoints/{endpoint['id']}", f"/v1/deliveries/{delivery}"):
        assert served.client.get(path).status_code == 404
    left = [key for key in filled.view.redis.scan_iter("churn:*") if endpoint["id"] in key or delivery in key]
    assert left == []


@pytest.mark.parametrize(("method", "path"), [("PATCH", ""), ("POST", "/rotate-secret")])
def test_deleted_while_it_is_changed_it_stays_deleted(
    filled: Any, served: Any, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, method: str, path: str
) -> None:
    endpoint = made(served, receiver.url)
    endpoints = served.context.endpoints
    get = endpoints.get

    def deleted_meanwhile(endpoint_id: str) -> Any:
        found = get(endpoint_id)
        endpoints.delete(endpoint_id)
        return found

    monkeypatch.setattr(endpoints, "get", deleted_meanwhile)
    options = {"json": {"description": "b"}} if method == "PATCH" else {}
    answer = served.client.request(method, f"/v1/endpoints/{endpoint['id']}{path}", **options)
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:churn:problem:unknown-endpoint")
    assert filled.view.redis.exists(f"churn:endpoint:{endpoint['id']}") == 0


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/ping"), ("POST", "/rotate-secret"),
        ("GET", "/deliveries"), ("POST", "/replay"),
    ],
)  # fmt: skip
def test_an_unknown_one_is_a_problem(served: Any, method: str, path: str) -> None:
    body = (
        {"json": {"since": "2018-10-01T00:00:00Z"}} if path == "/replay" else {"json": {}} if method == "PATCH" else {}
    )
    answer = served.client.request(method, f"/v1/endpoints/ep_nothing{path}", **body)
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:churn:problem:unknown-endpoint")


def test_without_a_secret_key_there_are_none(filled: Any, serve_on: Any, receiver: Receiver) -> None:
    served = serve_on(filled.url, webhooks={"http_networks": ["127.0.0.0/8"]}, secrets={})
    answer = served.client.post("/v1/endpoints", json={"url": receiver.url})
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:churn:problem:no-secret")


def test_only_for_an_administrator(served: Any) -> None:
    headers = served.key("read", "write", "events")
    assert served.client.get("/v1/endpoints", headers=headers).status_code == 403
    assert served.client.get("/v1/deliveries/msg_1", headers=headers).status_code == 403
