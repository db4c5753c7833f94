"""Who may: keys, scopes, sessions, and how often."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.routing import Mount, Route

from api.access import COOKIE, caller
from api.app import create_app
from api.callers import Callers, Claim
from churn.settings import DAY_MS, Settings

OPEN = {"/healthz", "/readyz", "/metrics", "/sign-in", "/sign-out", "/static", "/static/plotly.min.js"}
"""Health, the door of the console, and what its pages look like."""


def routes() -> list[Any]:
    parts = create_app(Settings(), lambda: 0).routes
    routers = [part.original_router for part in parts if hasattr(part, "original_router")]
    return [*parts, *(route for router in routers for route in router.routes)]


def _dependencies(of: Dependant) -> Iterator[Dependant]:
    """Also what dependencies depend on: a page asks through what renders it."""
    for each in of.dependencies:
        yield each
        yield from _dependencies(each)


def test_every_route_but_those_of_health_asks_who_it_is() -> None:
    seen = set()
    for route in routes():
        if isinstance(route, APIRoute):
            depended = list(_dependencies(route.dependant))
            asks = any(each.call is caller for each in depended)
            scopes = {scope for each in depended for scope in each.own_oauth_scopes or []}
            assert asks == bool(scopes) == (route.path not in OPEN), route.path
            seen.add(route.path)
        elif isinstance(route, Route | Mount):
            assert route.path in OPEN, route.path
    assert len(seen) > 25


@pytest.mark.servers
class TestKeys:
    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"Authorization": "Bearer churn_000000000000_x"},
            {"Authorization": "Bearer churn__"},
            {"Authorization": "Bearer \xe9"},
            {"Authorization": "Basic YTpi"},
            {"Cookie": f"{COOKIE}=nothing"},
        ],
    )
    def test_nobody_gets_nothing(self, served: Any, headers: dict[str, str]) -> None:
        with httpx.Client(base_url=served.client.base_url) as client:
            answer = client.get("/v1/users", headers={name: value.encode("latin-1") for name, value in headers.items()})
        assert answer.status_code == 401
        assert answer.json()["type"] == "urn:churn:problem:unauthenticated"
        assert answer.headers["www-authenticate"].startswith("Bearer")

    def test_a_key_may_what_its_scopes_say_and_admin_may_everything(self, served: Any) -> None:
        def status(path: str, *scopes: str) -> int:
            return int(served.client.get(path, headers=served.key(*scopes)).status_code)

        assert [status("/v1/users", scope) for scope in ("read", "write", "events", "admin")] == [200, 403, 403, 200]
        assert [status("/v1/keys", scope) for scope in ("read", "write", "events", "admin")] == [403, 403, 403, 200]
        refused = served.client.get("/v1/keys", headers=served.key("read", "events")).json()
        assert refused["detail"] == "This needs the scope admin; the key has: read, events."

    def test_a_key_ends_with_its_time_and_when_it_is_revoked(self, served: Any) -> None:
        short, ended = served.key("read", days=1.0), served.key("read")
        assert served.client.get("/v1/users", headers=short).status_code == 200
        served.wall.now_ms += DAY_MS
        answer = served.client.get("/v1/users", headers=short)
        assert (answer.status_code, answer.json()["detail"]) == (401, "The API key is expired.")
        served.context.keys.revoke(ended["Authorization"].split("_")[1])
        answer = served.client.get("/v1/users", headers=ended)
        assert (answer.status_code, answer.json()["detail"]) == (401, "The API key is revoked.")

    def test_the_right_id_with_another_secret_is_nobody(self, served: Any) -> None:
        key = served.key("read")["Authorization"]
        wrong = {"Authorization": key[:-1] + ("a" if key[-1] != "a" else "b")}
        assert served.client.get("/v1/users", headers=wrong).status_code == 401

    def test_redis_never_holds_a_key(self, served: Any) -> None:
        secret = served.key("read")["Authorization"].split("_", 2)[2]
        keys = list(served.context.view.redis.scan_iter("churn:key:*"))
        held = [served.context.view.redis.hgetall(key) for key in keys]
        assert held
        assert secret not in str(held) + str(keys)

    def test_the_last_use_is_known_to_the_minute(self, served: Any) -> None:
        headers = served.key("read")
        key_id = headers["Authorization"].split("_")[1]
        served.client.get("/v1/users", headers=headers)
        first = served.context.keys.get(key_id).last_used_ms
        served.wall.now_ms += 59_999
        served.client.get("/v1/users", headers=headers)
        assert served.context.keys.get(key_id).last_used_ms == first
        served.wall.now_ms += 1
        served.client.get("/v1/users", headers=headers)
        assert served.context.keys.get(key_id).last_used_ms == first + 60_000

    def test_metrics_need_a_key_where_the_setting_says_so(self, filled: Any, serve_on: Any) -> None:
        with httpx.Client() as anybody:
            closed = serve_on(filled.url, api={"open_metrics": False})
            assert anybody.get(f"{closed.client.base_url}/metrics").status_code == 401
            assert closed.client.get("/metrics").status_code == 200
            opened = serve_on(filled.url)
            assert anybody.get(f"{opened.client.base_url}/metrics").status_code == 200


@pytest.mark.servers
class TestRates:
    def test_a_bucket_holds_two_seconds_and_fills_again(self, served: Any) -> None:
        headers = served.key("read", per_second=2.0)
        answers = [served.client.get("/v1/users", headers=headers) for _ in range(6)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 429, 429]
        assert [answer.headers["ratelimit-remaining"] for answer in answers[:4]] == ["3", "2", "1", "0"]
        refused = answers[4]
        assert refused.json()["type"] == "urn:churn:problem:too-many-requests"
        assert (refused.headers["retry-after"], refused.headers["ratelimit-limit"]) == ("1", "4")
        assert refused.headers["ratelimit-reset"] == "1"
        served.wall.now_ms += 500
        assert [served.client.get("/v1/users", headers=headers).status_code for _ in range(2)] == [200, 429]

    def test_one_key_does_not_use_up_another(self, served: Any) -> None:
        first, second = served.key("read", per_second=0.5), served.key("read", per_second=0.5)
        assert [served.client.get("/v1/users", headers=first).status_code for _ in range(2)] == [200, 429]
        assert served.client.get("/v1/users", headers=second).status_code == 200

    def test_the_setting_counts_for_a_key_without_a_number(self, filled: Any, serve_on: Any) -> None:
        served = serve_on(filled.url, api={"requests_per_second": 1.0})
        headers = served.key("read")
        assert [served.client.get("/v1/users", headers=headers).status_code for _ in range(3)] == [200, 200, 429]

    def test_a_clock_that_goes_back_gives_nothing_away(self, served: Any) -> None:
        headers = served.key("read", per_second=0.5)
        assert served.client.get("/v1/users", headers=headers).status_code == 200
        served.wall.now_ms -= 60_000
        assert served.client.get("/v1/users", headers=headers).status_code == 429

    def test_a_clock_that_was_an_hour_ahead_and_is_put_right_locks_nobody_out(self, served: Any) -> None:
        headers = served.key("read", per_second=0.5)
        served.wall.now_ms += 3_600_000
        assert served.client.get("/v1/users", headers=headers).status_code == 200
        served.wall.now_ms -= 3_600_000
        after = []
        for _ in range(4):
            after.append(served.client.get("/v1/users", headers=headers).status_code)
            served.wall.now_ms += 1000
        assert after == [429, 429, 200, 429]

    def test_two_servers_whose_clocks_differ_a_little_give_nothing_away(self, served: Any) -> None:
        headers = served.key("read", per_second=0.1)
        answers = []
        for differs_ms in (3000, -3000) * 10:
            answers.append(served.client.get("/v1/users", headers=headers).status_code)
            served.wall.now_ms += differs_ms
        assert answers == [200] + [429] * 19


@pytest.mark.servers
class TestSessions:
    @pytest.fixture
    def browser(self, served: Any) -> Any:
        with httpx.Client(base_url=served.client.base_url, headers={"Sec-Fetch-Site": "same-origin"}) as client:
            yield client

    def _sign_in(self, browser: Any, served: Any, *scopes: str) -> Any:
        token = served.key(*scopes)["Authorization"].removeprefix("Bearer ")
        return browser.post("/sign-in", data={"key": token})

    def test_by_a_key_and_out_again(self, served: Any, browser: Any) -> None:
        assert browser.get("/").headers["location"] == "/sign-in"
        answer = self._sign_in(browser, served, "read")
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert browser.get("/").status_code == 200
        assert browser.get("/v1/users").status_code == 200
        assert browser.post("/sign-out").headers["location"] == "/sign-in"
        assert browser.get("/v1/users").status_code == 401

    @pytest.mark.parametrize("key", ["", "churn_000000000000_x", "nothing"])
    def test_not_by_something_else(self, browser: Any, key: str) -> None:
        answer = browser.post("/sign-in", data={"key": key})
        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers

    def test_a_key_that_asks_too_often_is_told_so(self, served: Any, browser: Any) -> None:
        token = served.key("read", per_second=1)["Authorization"].removeprefix("Bearer ")
        answers = [browser.post("/sign-in", data={"key": token}) for _ in range(5)]
        assert {each.status_code for each in answers} == {303, 429}
        assert "This key asks too often. Try again in 1 s." in answers[-1].text
        assert answers[-1].headers["retry-after"] == "1"

    def test_without_redis_the_door_says_so(self, unreachable: Any) -> None:
        own = {"Sec-Fetch-Site": "same-origin"}
        with httpx.Client(base_url=unreachable.client.base_url, headers=own, cookies={"churn_session": "x"}) as browser:
            for answer in (browser.get("/sign-in?link=x"), browser.post("/sign-out")):
                assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
                assert answer.headers["content-type"].startswith("text/html")
                assert "Redis cannot be reached." in answer.text

    def test_not_by_a_key_that_may_not_read(self, served: Any, browser: Any) -> None:
        assert self._sign_in(browser, served, "events").status_code == 401

    def test_a_link_is_good_once(self, served: Any, browser: Any) -> None:
        key, _ = served.context.keys.create("console", ["read"])
        link = f"/sign-in?link={served.context.sessions.link(key.id)}"
        assert browser.get(link).status_code == 200
        assert browser.get("/").status_code == 200
        with httpx.Client(base_url=browser.base_url) as another:
            assert another.get(link).status_code == 401
            assert another.get("/v1/users").status_code == 401

    def test_it_ends_with_its_key(self, served: Any, browser: Any) -> None:
        self._sign_in(browser, served, "read")
        for key in served.context.keys.all():
            served.context.keys.revoke(key.id)
        assert browser.get("/v1/users").status_code == 401

    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            ({"Sec-Fetch-Site": "same-origin"}, 404),  # it may go on: there is no such user
            ({"Sec-Fetch-Site": "same-site"}, 403),
            ({"Sec-Fetch-Site": "cross-site"}, 403),
            ({"Origin": "https://evil.example"}, 403),
            ({}, 403),
        ],
    )
    def test_another_site_changes_nothing(
        self, served: Any, browser: Any, headers: dict[str, str], status: int
    ) -> None:
        self._sign_in(browser, served, "write", "read")
        cookies = dict(browser.cookies)
        with httpx.Client(base_url=browser.base_url, cookies=cookies) as elsewhere:
            answer = elsewhere.post("/v1/users/nobody/snooze", json={"hours": 1}, headers=headers)
        assert answer.status_code == status

    def test_an_old_browser_is_known_by_its_origin(self, served: Any, browser: Any) -> None:
        self._sign_in(browser, served, "write", "read")
        with httpx.Client(base_url=browser.base_url, cookies=dict(browser.cookies)) as old:
            origin = str(browser.base_url).rstrip("/")
            answer = old.post("/v1/users/nobody/snooze", json={"hours": 1}, headers={"Origin": origin})
        assert answer.status_code == 404


@pytest.mark.parametrize("session", [False, True])
def test_what_cannot_be_a_key_is_not_looked_for(session: bool) -> None:
    class Redis:
        def fcall(self, *_: Any) -> Any:
            raise AssertionError("it was looked for")

    claims = [
        Claim(token, session) for token in ("", "churn_" + "a" * 1_000_000 + "_b", "churn_000000000000_short", "é")
    ]
    found = Callers(Redis(), lambda: 0, 1.0).look_up(claims)  # type: ignore[arg-type]
    assert [each.verdict for each in found] == ["unknown"] * 4


def test_a_form_of_rubbish_is_no_key(served: Any) -> None:
    headers = {"Sec-Fetch-Site": "same-origin"}
    assert httpx.post(f"{served.client.base_url}/sign-in", content="&" * 100, headers=headers).status_code == 401
    assert httpx.post(f"{served.client.base_url}/sign-in", content="a" * 5000, headers=headers).status_code == 413
