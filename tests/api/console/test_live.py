"""What keeps a page as new as the server has it, and what becomes of it when server, session or Redis goes away."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from churn.embedded import Valkey, free_port
from churn.outcomes import HeartbeatPolicy
from churn.settings import DAY_MS, Settings
from churn.view import View
from tests.api.conftest import HORIZON_DAYS, POLICY, SECRET, Filled, Wall, make_score, running
from tests.api.console.conftest import Visit

pytestmark = pytest.mark.servers

WITHIN_MS = 2000
RISK = "td.risk"


def settings_on(url: str, models: Path) -> Settings:
    return Settings(redis={"url": url}, models=models, secrets={"key": SECRET})  # type: ignore[arg-type]


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[Valkey]:
    """A Valkey that a test may kill, with a user in it."""
    with Valkey(tmp_path) as valkey:
        filled = Filled(View.connect(valkey.url), valkey.url)
        filled.view.prepare(POLICY, HORIZON_DAYS, HeartbeatPolicy(DAY_MS, 7 * DAY_MS))
        filled.add(make_score("7"))
        yield valkey


def row(page: Page, user_id: str) -> Any:
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=user_id, exact=True))


def test_a_new_score_moves_the_row_within_two_seconds_and_without_a_reload(filled: Filled, visit: Visit) -> None:
    filled.add(make_score("7"), make_score("8"))
    page = visit().go("/users")
    expect(row(page, "7").locator(RISK)).to_contain_text("15.0")
    page.evaluate("window.sameAsBefore = true")
    filled.add(make_score("7", version=2, p_cancel=0.4))
    expect(row(page, "7").locator(RISK)).to_contain_text("45.0", timeout=WITHIN_MS)
    assert page.evaluate("window.sameAsBefore")


def test_a_server_that_comes_back_is_found_again(filled: Filled, small_models: Path, visit: Visit) -> None:
    settings = settings_on(filled.url, small_models)
    filled.add(make_score("7"))
    port = free_port()
    with running(settings, Wall(), port) as first:
        visitor = visit(first)
        page = visitor.go("/users")
        expect(page.locator("#link")).to_have_text("Live")
    expect(page.locator("#link")).to_contain_text("Connection lost at")
    filled.add(make_score("7", version=2, p_cancel=0.4))
    with running(settings, Wall(), port):
        expect(page.locator("#link")).to_have_text("Live", timeout=15_000)
        expect(row(page, "7").locator(RISK)).to_contain_text("45.0")
    visitor.complaints.clear()  # of a server that was not there


def test_while_redis_is_away_the_page_says_so_and_goes_on_by_itself(
    mortal: Valkey, small_models: Path, visit: Visit
) -> None:
    with running(settings_on(mortal.url, small_models), Wall()) as served:
        visitor = visit(served)
        page = visitor.go("/users")
        expect(row(page, "7")).to_be_visible()
        assert mortal.child is not None
        mortal.child.kill()
        expect(page.get_by_role("heading", name="The scores cannot be read")).to_be_visible()
        expect(page.locator("#link")).to_have_text("Waiting for Redis")
        mortal.start()
        expect(row(page, "7")).to_be_visible(timeout=15_000)
        expect(page.locator("#link")).to_have_text("Live")
        visitor.complaints.clear()  # of answers with 503


def test_a_page_that_was_opened_while_redis_was_away_is_whole_afterwards(
    mortal: Valkey, small_models: Path, visit: Visit
) -> None:
    with running(settings_on(mortal.url, small_models), Wall()) as served:
        visitor = visit(served)
        assert mortal.child is not None
        mortal.child.kill()
        page = visitor.go("/users")
        expect(page.get_by_role("heading", name="The scores cannot be read")).to_be_visible()
        mortal.start()
        expect(row(page, "7")).to_be_visible()
        expect(page.locator("#link")).to_have_text("Live")
        visitor.complaints.clear()  # of answers with 503


def test_a_page_that_was_just_read_is_not_asked_for_again(
    filled: Filled, served: Any, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled.add(make_score("7"))
    visitor = visit()
    page, found = visitor.page, asked(visitor.page)
    read, looks, told = served.context.watch._read, [], threading.Event()

    def look(subjects: list[str]) -> Any:
        looks.append(subjects)
        if len(looks) > 3:  # for the page itself, and then for those who listen: what they are told they have by now
            told.set()
        return read(subjects)

    monkeypatch.setattr(served.context.watch, "_read", look)
    with page.expect_response("**/live?*"):
        visitor.go("/users")
    assert told.wait(10)
    filled.add(make_score("7", version=2, p_cancel=0.4))
    expect(row(page, "7").locator(RISK)).to_contain_text("45.0")
    assert len([each for each in found if "fragment=1" in each]) == 1


def test_a_page_listens_to_what_its_newest_content_watches(filled: Filled, visit: Visit) -> None:
    filled.add(make_score("70"))
    page = visit().go("/users?q=7")
    expect(row(page, "70")).to_be_visible()
    expect(page.locator("#link")).to_have_text("")
    page.get_by_label("Id", exact=True).fill("")
    page.get_by_label("Band").select_option("low")
    expect(page.locator("#link")).to_have_text("Live")
    filled.add(make_score("70", version=2, p_cancel=0.15))
    expect(row(page, "70").locator(RISK)).to_contain_text("20.0")


def test_what_the_server_refuses_is_no_lost_connection(filled: Filled, visit: Visit) -> None:
    filled.add(make_score("7"))
    visitor = visit()
    page, link = visitor.page, visitor.page.locator("#link")
    page.clock.install()
    visitor.go("/users")
    expect(link).to_have_text("Live")
    answers = [(429, {"Retry-After": "20"}), (500, {}), (403, {})]
    asked_for: list[int] = []

    def refuse(route: Any) -> None:
        status, headers = answers[min(len(asked_for), 2)]
        asked_for.append(status)
        html = '<section data-part="problem"><h1>Your key may not see this</h1></section>'
        route.fulfill(status=status, headers=headers, content_type="text/html", body=html)

    page.route("**/*fragment=1*", refuse)
    filled.add(make_score("7", version=2))
    expect(link).to_have_text("Too many requests; trying again")
    page.clock.run_for(18_000)
    assert asked_for == [429]
    page.clock.run_for(3_000)
    expect(link).to_have_text("The server answered 500; trying again")
    page.clock.run_for(10_000)
    expect(page.get_by_role("heading", name="Your key may not see this")).to_be_visible()
    visitor.complaints.clear()  # of these answers


def test_a_session_that_ends_leads_to_the_door(filled: Filled, served: Any, visit: Visit) -> None:
    filled.add(make_score("7"))
    visitor = visit()
    page = visitor.go("/users?band=low")
    expect(page.locator("#link")).to_have_text("Live")
    for key in filled.view.redis.scan_iter("churn:session:*"):
        filled.view.redis.delete(key)
    filled.add(make_score("7", version=2))
    expect(page.get_by_label("API key")).to_be_visible()
    assert page.url.endswith("/sign-in?next=%2Fusers%3Fband%3Dlow")
    visitor.complaints.clear()  # of the answer with 401


def test_what_somebody_marks_stays_under_their_hand(filled: Filled, visit: Visit) -> None:
    filled.add(make_score("7"))
    page = visit().go("/users")
    cell = row(page, "7").locator(RISK)
    cell.evaluate("element => document.getSelection().selectAllChildren(element)")
    with page.expect_response(lambda answer: "fragment=1" in answer.url and "45.0" in answer.text()):
        filled.add(make_score("7", version=2, p_cancel=0.4))
    expect(cell).to_contain_text("15.0")
    page.evaluate("document.getSelection().removeAllRanges()")
    filled.add(make_score("7", version=3, p_cancel=0.5))
    expect(cell).to_contain_text("55.0")


def test_the_focus_stays_where_it_was(filled: Filled, visit: Visit) -> None:
    filled.add(make_score("7"), make_score("8"))
    page = visit().go("/users")
    row(page, "8").get_by_role("link", name="8").focus()
    filled.add(make_score("8", version=2, p_cancel=0.4))
    expect(row(page, "8").locator(RISK)).to_contain_text("45.0")
    expect(row(page, "8").get_by_role("link", name="8")).to_be_focused()


def test_a_server_stops_though_pages_are_open(filled: Filled, small_models: Path, visit: Visit) -> None:
    settings = settings_on(filled.url, small_models)
    with running(settings, Wall()) as served:
        visitor = visit(served)
        page = visitor.go("/users")
        expect(page.locator("#link")).to_have_text("Live")
        served.context.end_streams()
        began_s = time.monotonic()
    assert time.monotonic() - began_s < 2.5, "it waited for the page's stream"
    visitor.complaints.clear()


UNSEEN = "Object.defineProperty(document, 'hidden', { get: () => window.unseen ?? false });"


def look(page: Page, away: bool) -> None:
    page.evaluate("away => { window.unseen = away; document.dispatchEvent(new Event('visibilitychange')); }", away)


def asked(page: Page) -> list[str]:
    """What the page asks for from now on."""
    found: list[str] = []
    page.on("request", lambda request: found.append(request.url))
    return found


def test_a_page_that_nobody_sees_asks_for_nothing_also_while_the_connection_is_lost(
    filled: Filled, visit: Visit
) -> None:
    filled.add(make_score("7"))
    visitor = visit()
    page = visitor.page
    page.add_init_script(UNSEEN)
    page.clock.install()
    visitor.go("/users")
    expect(page.locator("#link")).to_have_text("Live")
    page.route("**/*fragment=1*", lambda route: route.abort())
    filled.add(make_score("7", version=2))
    expect(page.locator("#link")).to_contain_text("Connection lost at")
    look(page, away=True)
    found = asked(page)
    page.clock.run_for(20_000)
    assert found == []
    page.unroute("**/*fragment=1*")
    look(page, away=False)
    expect(page.locator("#link")).to_have_text("Live")
    visitor.complaints.clear()  # of what was not answered


def test_a_page_that_is_opened_out_of_sight_waits_until_it_is_seen(filled: Filled, visit: Visit) -> None:
    filled.add(make_score("7"))
    visitor = visit()
    page = visitor.page
    page.add_init_script(f"window.unseen = true; {UNSEEN}")
    found = asked(page)
    visitor.go("/users")
    expect(page.locator("#link")).to_have_text("Live")
    filled.add(make_score("7", version=2, p_cancel=0.4))
    assert [each for each in found if "/live?" in each or "fragment" in each] == []
    look(page, away=False)
    expect(row(page, "7").locator(RISK)).to_contain_text("45.0")


def test_what_was_held_is_new_soon_after_it_is_let_go(filled: Filled, visit: Visit) -> None:
    filled.add(make_score("7"))
    page = visit().go("/users")
    cell = row(page, "7").locator(RISK)
    cell.evaluate("element => document.getSelection().selectAllChildren(element)")
    with page.expect_response(lambda answer: "fragment=1" in answer.url and "45.0" in answer.text()):
        filled.add(make_score("7", version=2, p_cancel=0.4))
    page.evaluate("document.getSelection().removeAllRanges()")
    expect(cell).to_contain_text("45.0")


def test_charts_are_drawn_once_what_draws_them_can_be_loaded(filled: Filled, visit: Visit) -> None:
    filled.add(make_score("7"))
    visitor = visit()
    page = visitor.page
    page.route("**/plotly.min.js", lambda route: route.abort())
    visitor.go("/")
    expect(page.locator("#spread details")).to_have_attribute("open", "")
    page.unroute("**/plotly.min.js")
    with page.expect_response(lambda answer: "fragment=1" in answer.url and answer.ok):
        filled.add(make_score("7", version=2, p_cancel=0.4))
    page.locator("#spread").scroll_into_view_if_needed()
    expect(page.locator("#spread .js-plotly-plot")).to_be_visible()
    visitor.complaints.clear()  # of what could not be loaded
