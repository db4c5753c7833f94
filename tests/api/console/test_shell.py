from __future__ import annotations

import re
from typing import Any

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
