"""The page What if: what it shows, what it answers while a lever is moved, and without a script."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from api.alert_answers import percent
from tests.api.console.conftest import Visit

pytestmark = pytest.mark.servers

HOSTILE = "<img src=x onerror=alert(1)>/\"'&?#"
HIGH = {"adverts_14d": 90.0, "adverts_3d": 20.0}


def said(share: float) -> str:
    return percent(share)


def then(page: Page) -> Any:
    return page.locator("[data-side=then]")


def test_a_link_holds_a_state_and_needs_no_script(filled: Any, served: Any, get: Any, scored: Any) -> None:
    filled.add(scored("7", HIGH))
    told = served.client.post("/v1/users/7/what-if", json={"changes": {"per_day": {"adverts": 0.5}}}).json()
    html = get("/what-if", params={"user": "7", "adverts": "0.5", "errors": "", "level": "free"}).text
    risks = re.findall(r'<b class="risk">([^<]+)</b>', html)
    assert risks == [said(told["now"]["risk"]), said(told["then"]["risk"])]
    assert "band high" in html
    assert told["disclaimer"] in html
    assert "Work it out" in html
    assert 'name="adverts" value="0.5"' in html
    assert 'name="user" value="7"' in html
    assert "no promise" in html
    rows = dict(re.findall(r'data-driver="(\w+)".*?<td class="number">([^<]+)</td>', html, re.DOTALL))
    assert len(rows) == 8
    assert rows["adverts"].startswith("+")


def test_the_form_sent_as_it_stands_changes_nothing(filled: Any, visit: Visit, scored: Any) -> None:
    filled.add(scored("7", {"adverts_14d": 33.3, "adverts_3d": 1.0}))
    page = visit(java_script_enabled=False).go("/what-if?user=7")
    expect(page.locator("#difference")).to_have_text("no difference")
    page.get_by_role("button", name="Work it out").click()
    expect(page).to_have_url(re.compile("adverts=1.6"))
    expect(page.locator("#difference")).to_have_text("no difference")
    page.get_by_role("spinbutton", name="Adverts").fill("20")
    page.get_by_label("paid").check()
    page.get_by_role("button", name="Work it out").click()
    expect(page.locator("#difference")).to_have_text(re.compile(r"^\+\d+\.\d points$"))
    expect(page.get_by_label("paid")).to_be_checked()


def test_the_model_answers_while_a_lever_is_moved(filled: Any, served: Any, visit: Visit, scored: Any) -> None:
    filled.add(scored("7", HIGH))
    visitor = visit()
    page = visitor.go("/what-if?user=7")
    expect(then(page).locator(".band")).to_have_text("high")
    asked: list[Any] = []
    page.on("request", lambda request: asked.append(request) if request.method == "POST" else None)
    slider = page.get_by_role("slider", name="Adverts")
    slider.focus()
    page.keyboard.press("Home")
    expect(page.get_by_role("spinbutton", name="Adverts")).to_have_value("0")
    expect(slider).to_have_attribute("aria-valuetext", "0 a day")
    told = served.client.post("/v1/users/7/what-if", json={"changes": {"per_day": {"adverts": 0}}}).json()
    expect(then(page).locator(".risk")).to_have_text(said(told["then"]["risk"]))
    expect(then(page).locator(".band")).to_have_text("low")
    expect(page.locator("#difference")).to_have_text(f"\N{MINUS SIGN}{-told['difference'] * 100:.1f} points")
    expect(page).to_have_url(f"{visitor.url}/what-if?user=7&adverts=0")
    expect(page.locator("#least-words")).to_contain_text("nothing to change")
    expect(page.locator("#said")).to_have_text(re.compile("^Then "))
    assert {request.url.rpartition("/")[2] for request in asked} == {"what-if", "least-change"}
    # The link tells the same to whoever opens it, and the bars are as long.
    width = then(page).locator("rect.cancel").get_attribute("width")
    page.reload()
    expect(then(page).locator(".risk")).to_have_text(said(told["then"]["risk"]))
    again = then(page).locator("rect.cancel").get_attribute("width")
    assert float(str(width).rstrip("%")) == pytest.approx(float(str(again).rstrip("%")), abs=0.01)


@pytest.mark.parametrize("user_id", [".", ".."])
def test_of_whom_a_browser_cannot_ask_the_page_tells_itself(
    filled: Any, visit: Visit, scored: Any, user_id: str
) -> None:
    filled.add(scored(user_id, HIGH))
    page = visit().go(f"/what-if?user={user_id}")
    asked: list[Any] = []
    page.on("request", lambda request: asked.append(request) if request.method == "POST" else None)
    expect(page.get_by_text("use the API. This page works it out")).to_be_visible()
    page.get_by_role("spinbutton", name="Adverts").fill("0")
    page.get_by_role("button", name="Work it out").click()
    expect(page).to_have_url(re.compile(rf"user={re.escape(user_id)}&.*adverts=0"))
    expect(then(page).locator(".band")).to_have_text("low")
    expect(page.locator("[data-side=now] .band")).to_have_text("high")
    refused = page.evaluate(
        """path => import("/static/ask.js").then(({ ask }) => ask("POST", path, { changes: {} })).catch(String)""",
        f"/v1/users/{user_id}/what-if",
    )
    assert "A browser cannot ask about a user whose id is . or .." in refused
    assert asked == []


def test_one_request_at_a_time_and_the_newest_value_wins(filled: Any, served: Any, visit: Visit, scored: Any) -> None:
    filled.add(scored("7", HIGH))
    page = visit().go("/what-if?user=7")
    page.evaluate("""() => {
      const real = window.fetch;
      window.under = 0; window.most = 0; window.posts = 0;
      window.fetch = async (...asked) => {
        if (asked[1]?.method !== "POST") return real(...asked);
        window.under += 1; window.posts += 1; window.most = Math.max(window.most, window.under);
        try { return await real(...asked); } finally { window.under -= 1; }
      };
      const number = document.getElementById("lever-thumbs_up");
      for (let value = 1; value <= 200; value += 1) {
        number.value = String(value / 10);
        number.dispatchEvent(new Event("input", { bubbles: true }));
      }
    }""")
    told = served.client.post("/v1/users/7/what-if", json={"changes": {"per_day": {"thumbs_up": 20}}}).json()
    expect(then(page).locator(".risk")).to_have_text(said(told["then"]["risk"]))
    expect(page).to_have_url(re.compile("thumbs_up=20"))
    assert page.evaluate("window.most") == 1
    assert page.evaluate("window.posts") < 10


def test_back_to_the_own_value_by_keyboard(filled: Any, visit: Visit, scored: Any) -> None:
    filled.add(scored("7", HIGH))
    visitor = visit()
    page = visitor.go("/what-if?user=7&errors=3&level=paid")
    back = page.get_by_role("button", name="Errors: back to 0.2")
    back.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("spinbutton", name="Errors")).to_have_value("0.2")
    expect(back).to_be_hidden()
    expect(page).to_have_url(f"{visitor.url}/what-if?user=7&level=paid")
    page.get_by_role("link", name="All back to").click()
    expect(page).to_have_url(f"{visitor.url}/what-if?user=7")
    expect(page.locator("#difference")).to_have_text("no difference")


def test_from_a_typical_user_and_then_from_a_real_one(filled: Any, visit: Visit, scored: Any) -> None:
    filled.add(scored("7", HIGH))
    visitor = visit()
    page = visitor.go("/what-if")
    expect(page.get_by_text("Starting from a typical user")).to_be_visible()
    page.get_by_role("spinbutton", name="Silent for").fill("29")
    expect(then(page).locator(".band")).to_have_text("high")
    expect(page.locator("#told")).to_contain_text("silence")
    expect(page.locator("tr.main")).to_contain_text("silence")
    expect(page.locator("#least-words")).to_contain_text("The high band is left below")
    page.get_by_label("User id").fill("7")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{visitor.url}/what-if?user=7")
    expect(page.locator("[data-part=who]")).to_contain_text("Starting from 7")


def test_a_newer_score_is_told_and_moves_nothing_under_the_hand(filled: Any, visit: Visit, scored: Any) -> None:
    filled.add(scored("7", HIGH))
    page = visit().go("/what-if?user=7&errors=3")
    expect(page.locator("#link")).to_have_text("Live")
    expect(page.locator("#newer")).to_be_hidden()
    filled.add(scored("7", {"adverts_14d": 1.0}, version=2))
    expect(page.locator("#newer")).to_be_visible()
    expect(page.get_by_role("spinbutton", name="Errors")).to_have_value("3")
    page.get_by_role("link", name="Take it over").click()
    expect(page.locator("#newer")).to_be_hidden()
    expect(page.get_by_role("spinbutton", name="Adverts")).to_have_value("0.05")
    expect(page.get_by_role("spinbutton", name="Errors")).to_have_value("3")


def test_an_id_stays_text(filled: Any, visit: Visit, scored: Any) -> None:
    filled.add(scored(HOSTILE, HIGH))
    page = visit().go("/what-if")
    page.get_by_label("User id").fill(HOSTILE)
    page.keyboard.press("Enter")
    expect(page.locator("[data-part=who]")).to_contain_text(f"Starting from {HOSTILE}")
    page.get_by_role("spinbutton", name="Adverts").fill("0")
    expect(then(page).locator(".band")).to_have_text("low")
    expect(page.locator("img")).to_have_count(0)


def test_nobody_of_this_id(filled: Any, visit: Visit) -> None:
    visitor = visit()
    page = visitor.go("/what-if?user=<b>nobody</b>")
    expect(page.get_by_text("Nobody is known by the id <b>nobody</b>.")).to_be_visible()
    expect(page.get_by_label("User id")).to_have_value("<b>nobody</b>")
    expect(page.locator("#levers")).to_have_count(0)
    assert all("404" in each for each in visitor.complaints)
    visitor.complaints.clear()


def test_without_the_model_it_says_so(filled: Any, get: Any, serve_on: Any, tmp_path: Any, scored: Any) -> None:
    filled.add(scored("7", model_version="gone"))
    assert "The model gone is not in the folder of models." in get("/what-if?user=7").text
    bare = serve_on(filled.url, models=tmp_path)
    html = bare.client.get("/what-if").text
    assert "There is no model in use" in html
    assert 'id="levers"' not in html


def test_a_user_who_has_cancelled(filled: Any, get: Any, scored: Any) -> None:
    filled.add(scored("7", HIGH), scored("7", HIGH, version=2, status="cancelled"))
    assert "The user has cancelled" in get("/what-if?user=7").text


@pytest.mark.parametrize("query", ["adverts=-1", "adverts=many", "level=gold", "silence_days=1e9"])
def test_what_cannot_be_is_a_page_that_says_so(filled: Any, get: Any, query: str) -> None:
    answer = get(f"/what-if?{query}")
    assert (answer.status_code, "The address is not right" in answer.text) == (422, True)


def test_what_goes_wrong_is_said_and_tried_again(filled: Any, visit: Visit, scored: Any) -> None:
    filled.add(scored("7", HIGH))
    visitor = visit()
    page = visitor.go("/what-if?user=7")
    answers = iter([True, False])
    page.route(
        "**/what-if",
        lambda route: (
            route.fulfill(status=429, json={"detail": "Ask again in 1 s."})
            if route.request.method == "POST" and next(answers, False)
            else route.continue_()
        ),
    )
    page.get_by_role("spinbutton", name="Adverts").fill("0")
    expect(page.locator("#trouble")).to_have_text("Ask again in 1 s.")
    expect(then(page).locator(".band")).to_have_text("low")
    expect(page.locator("#trouble")).to_be_hidden()
    assert all("429" in each for each in visitor.complaints)
    visitor.complaints.clear()


def test_what_was_moved_before_the_script_ran_counts(filled: Any, visit: Visit, scored: Any) -> None:
    filled.add(scored("7", HIGH))
    visitor = visit()
    held: list[Any] = []
    visitor.page.route("**/pages/what_if.js", lambda route: held.append(route))  # noqa: PLW0108 (not a built-in)
    page = visitor.page
    page.goto(f"{visitor.url}/what-if?user=7", wait_until="commit")
    page.get_by_role("spinbutton", name="Adverts").fill("0")
    held[0].continue_()
    expect(then(page).locator(".band")).to_have_text("low")
    expect(page.get_by_role("button", name="Adverts: back to")).to_be_visible()
