from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from api.console.shell import PAGES
from tests.api.console.conftest import Visit
from tests.api.console.crowd import crowd

pytestmark = pytest.mark.servers


@pytest.mark.parametrize("path", [path for path, _ in PAGES])
def test_every_page_opens_and_nothing_is_refused(filled: Any, visit: Visit, scored: Any, path: str) -> None:
    filled.add(scored("7"), scored("8"))
    page = visit().go(path)
    expect(page.get_by_role("navigation").locator("[aria-current=page]")).to_have_attribute("href", path)
    expect(page.locator("#link")).to_have_text("Live")


def test_whoever_is_not_signed_in_comes_back_to_where_they_wanted(served: Any, browser: Any) -> None:
    held = browser.new_context()
    page, url = held.new_page(), str(served.client.base_url).rstrip("/")
    page.goto(f"{url}/users?band=high")
    page.get_by_label("API key").fill(served.key("read")["Authorization"].removeprefix("Bearer "))
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{url}/users?band=high")
    held.close()


@pytest.mark.parametrize("length", [2000, 2001])
def test_the_door_can_be_passed_from_however_long_an_address(served: Any, length: int) -> None:
    path = f"/users?level=free&x={'%C3%A9' * 200}"
    client = httpx.Client(base_url=served.client.base_url)
    answer = client.get(path.ljust(length, "y"))
    assert answer.status_code == 303
    assert ("next=" in answer.headers["location"]) == (length == 2000)
    door = client.get(answer.headers["location"])
    assert (door.status_code, door.headers["content-type"]) == (200, "text/html; charset=utf-8")


def test_forms_say_where_they_come_from_to_browsers_that_say_no_more(served: Any) -> None:
    assert served.client.get("/sign-in").headers["referrer-policy"] == "same-origin"


def test_a_key_that_asks_too_often_is_told_on_a_page_when_to_come_again(served: Any) -> None:
    key = served.key("read", per_second=1)
    answers = [served.client.get("/data", headers=key) for _ in range(5)]
    refused = next(each for each in answers if each.status_code == 429)
    assert "Too many requests" in refused.text
    assert int(refused.headers["retry-after"]) >= 1


def test_a_fault_is_a_page_with_the_name_by_which_the_log_has_it(
    served: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("secret of the house")

    monkeypatch.setattr(served.context.risks, "look_up", broken)
    answer = served.client.get("/users/7", headers={"X-Request-Id": "the-one"})
    assert (answer.status_code, answer.headers["content-type"]) == (500, "text/html; charset=utf-8")
    assert "A fault of the server" in answer.text
    assert "the-one" in answer.text
    assert "secret" not in answer.text
    assert "secret of the house" in caplog.text, "with its trace"


@pytest.mark.parametrize("wanted", ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)"])
def test_the_door_leads_nowhere_else(served: Any, wanted: str) -> None:
    key = served.key("read")["Authorization"].removeprefix("Bearer ")
    origin = {"Origin": str(served.client.base_url).rstrip("/")}
    answer = served.client.post("/sign-in", data={"key": key, "next": wanted}, headers=origin)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert re.search(r'name="next" value="/"', served.client.get("/sign-in", params={"next": wanted}).text)


def test_without_a_script_everything_reads_and_nothing_is_offered_that_would_not_work(
    filled: Any, visit: Visit, scored: Any
) -> None:
    crowd(filled, scored)
    visitor = visit(java_script_enabled=False)
    for path, _ in PAGES:
        page = visitor.go(path)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.locator(".plot:visible")).to_have_count(0)
        expect(page.locator("main button[type=button]:visible")).to_have_count(0)
    page = visitor.go("/users/u1")
    page.get_by_text("As a table", exact=True).first.click()
    expect(page.get_by_role("table").first).to_contain_text("%")
    expect(page.get_by_role("button", name="Snooze")).to_be_hidden()
    page = visitor.go("/users")
    page.get_by_label("Band").select_option("high")
    page.get_by_role("button", name="Show").click()
    expect(page).to_have_url(re.compile("band=high"))
    expect(page.get_by_label("Band")).to_have_value("high")


def test_whoever_follows_their_link_again_is_in_already(served: Any, visit: Visit) -> None:
    visitor = visit()
    key, _ = served.context.keys.create("linked", ("read",))
    link = f"/sign-in?link={served.context.sessions.link(key.id)}"
    visitor.go(link)
    visitor.page.wait_for_url(f"{visitor.url}/")
    visitor.go(link)
    visitor.page.wait_for_url(f"{visitor.url}/")
    assert served.client.get(link).status_code == 401  # for whoever is not in


def test_where_there_is_nothing_people_get_a_page_and_programs_a_problem(served: Any) -> None:
    page = served.client.get("/settings", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "There is no such page" in page.text
    for accepted in ("*/*", "application/json", "application/json, text/html;q=0.1"):
        answer = served.client.get("/settings", headers={"Accept": accepted})
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:churn:problem:not-found")


def test_what_is_wrong_is_told_in_our_own_words(served: Any) -> None:
    answer = served.client.patch("/v1/policy", json={"quiet_zone": "Mars/X"})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("quiet_zone: Mars/X is no time zone")
