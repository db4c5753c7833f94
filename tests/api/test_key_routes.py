from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.servers


def test_a_key_is_made_shown_once_and_works(served: Any) -> None:
    answer = served.client.post("/v1/keys", json={"name": "CRM", "scopes": ["read"], "days": 7})
    assert answer.status_code == 201
    made = answer.json()
    headers = {"Authorization": f"Bearer {made['key']}"}
    assert served.client.get("/v1/users", headers=headers).status_code == 200
    listed = served.client.get("/v1/keys").json()["keys"]
    [mine] = [key for key in listed if key["id"] == made["id"]]
    assert (mine["name"], mine["scopes"], mine["state"], mine["expires_at"][:10]) == (
        "CRM",
        ["read"],
        "valid",
        "2018-11-07",
    )
    assert "key" not in mine
    assert made["key"] not in served.client.get("/v1/keys").text


def test_a_rotation_overlaps_as_long_as_asked(served: Any) -> None:
    old = served.client.post("/v1/keys", json={"name": "CRM", "scopes": ["read"]}).json()
    new = served.client.post(f"/v1/keys/{old['id']}/rotate", json={"overlap_days": 2}).json()
    assert (new["name"], new["scopes"]) == ("CRM", ["read"])

    def status(made: Any) -> int:
        return int(served.client.get("/v1/users", headers={"Authorization": f"Bearer {made['key']}"}).status_code)

    served.wall.now_ms += 2 * 86_400_000 - 1
    assert [status(old), status(new)] == [200, 200]
    served.wall.now_ms += 1
    assert [status(old), status(new)] == [401, 200]
    assert served.client.post(f"/v1/keys/{old['id']}/rotate").status_code == 422


def test_revoking_ends_it_at_once(served: Any) -> None:
    made = served.client.post("/v1/keys", json={"name": "x", "scopes": ["read"]}).json()
    assert served.client.delete(f"/v1/keys/{made['id']}").json()["state"] == "revoked"
    headers = {"Authorization": f"Bearer {made['key']}"}
    assert served.client.get("/v1/users", headers=headers).status_code == 401


@pytest.mark.parametrize("method_path", [("DELETE", "/v1/keys/nothing"), ("POST", "/v1/keys/nothing/rotate")])
def test_an_unknown_key_is_a_problem(served: Any, method_path: tuple[str, str]) -> None:
    answer = served.client.request(*method_path)
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:churn:problem:unknown-key")


@pytest.mark.parametrize(
    "body", [{"name": "x", "scopes": []}, {"name": "x", "scopes": ["all"]}, {"name": "", "scopes": ["read"]}, {}]
)
def test_what_cannot_be_is_refused(served: Any, body: Any) -> None:
    assert served.client.post("/v1/keys", json=body).status_code == 422


class TestAudit:
    def test_every_change_is_noted_with_who_made_it(self, filled: Any, served: Any, score: Any) -> None:
        filled.add(score("7"))
        served.client.post("/v1/users/7/snooze", json={"hours": 1})
        made = served.client.post("/v1/keys", json={"name": "x", "scopes": ["read"]}).json()
        served.client.patch("/v1/policy", json={"high": 0.9})
        entries = served.client.get("/v1/audit").json()["entries"]
        assert [(entry["action"], entry["subject"], entry["name"]) for entry in entries] == [
            ("policy.change", "policy", "tests"),
            ("key.create", made["id"], "tests"),
            ("user.snoozed", "7", "tests"),
        ]
        assert made["key"] not in served.client.get("/v1/audit").text

    def test_in_pages(self, filled: Any, served: Any, score: Any) -> None:
        filled.add(score("7"))
        for hours in range(1, 8):
            served.client.post("/v1/users/7/snooze", json={"hours": hours})
        found, following = [], None
        while True:
            page = served.client.get(
                "/v1/audit", params={"limit": 3, **({"cursor": following} if following else {})}
            ).json()
            found += [entry["details"]["hours"] for entry in page["entries"]]
            following = page["next"]
            if following is None:
                break
        assert found == [7, 6, 5, 4, 3, 2, 1]

    def test_only_for_an_administrator(self, served: Any) -> None:
        assert served.client.get("/v1/audit", headers=served.key("read", "write")).status_code == 403
