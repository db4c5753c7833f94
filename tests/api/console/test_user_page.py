from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from api.console.user_help import _change
from api.least_change import Moved
from api.webhooks.deliveries import Deliveries, New
from churn.settings import DAY_MS, Kafka
from tests.api.console.conftest import Visit

pytestmark = pytest.mark.servers

HOUR_MS = 3_600_000
EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


def told(html: str) -> str:
    """The text of a page."""
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).replace("\N{NARROW NO-BREAK SPACE}", " ")
    return text.replace(" .", ".").replace(" ,", ",")


def risen(filled: Any, scored: Any, user_id: str = "7", **changes: Any) -> list[Any]:
    """Nine days of somebody whom adverts bring into the high band."""
    first = scored().as_of
    made = [
        scored(
            user_id,
            {"adverts_14d": adverts, "silence_days": silence},
            version=place + 1,
            as_of=first + round(day * DAY_MS),
            last_event=first + round((day - silence) * DAY_MS),
            **changes,
        )
        for place, (day, adverts, silence) in enumerate(
            [(0, 1.0, 0.1), (1, 4.0, 0.1), (2, 15.0, 0.1), (5, 12.9, 3.0), (9, 80.0, 0.1)]
        )
    ]
    filled.add(*made)
    return made


class TestWhatIsRead:
    def test_the_header_says_how_the_user_stands(self, filled: Any, get: Any, scored: Any) -> None:
        risen(filled, scored, level="free")
        filled.add(scored("8"), scored("9"))
        text = told(get("/users/7").text)
        assert "7 high risk" in text
        assert "Risk of leaving within 30 days 54.5 %" in text
        assert "1 of 3 at or above 100 % of the ranked" in text
        assert "Plan free" in text
        assert "by model m1" in text

    def test_the_chart_tells_what_came_in_between(self, filled: Any, get: Any, scored: Any) -> None:
        risen(filled, scored)
        html = get("/users/7").text
        figures = json.loads(re.search(r'data-figures="([^"]*)"', html)[1].replace("&#34;", '"'))  # type: ignore[index]
        assert len(figures["at"]) == 5
        assert figures["bands"] == [{"name": "medium", "risk": 30.0}, {"name": "high", "risk": 50.0}]
        [alert] = figures["alerts"]
        assert alert["words"].startswith("alert 9 Nov 2018, 15:33 UTC: in the high band")
        words = [mark["words"] for mark in figures["lanes"][0]["marks"]]
        assert words[-1].startswith("about ")
        assert words[-1].endswith("adverts between 5 and 9 Nov")
        assert figures["silences"][0]["words"] == "silent for 3 days between 2 and 5 Nov"
        text = told(html)
        assert "9 Nov 2018, 15:33 UTC 54.5 %" in text  # the table
        assert "counts are about" in text

    def test_reasons_moves_and_the_week(self, filled: Any, get: Any, scored: Any) -> None:
        risen(filled, scored)
        text = told(get("/users/7").text)
        assert re.search(r"adverts \+\d+\.\d 4\.0 adverts a day lately; typical 0\.2", text)
        moved = text[text.index("What moved it") :]
        assert re.search(r"\+\d+\.\d points between 5 and 9 Nov adverts: 4\.0 adverts a day lately; before 0\.6", moved)
        assert "Compared with 2 Nov 2018, 7 days before" in text
        assert "4.0 adverts a day lately; before 0.7" in text

    def test_what_would_help_comes_with_its_disclaimer_and_a_way_on(self, filled: Any, get: Any, scored: Any) -> None:
        risen(filled, scored, "10/45 &ä")
        html = get("/users/10%2F45%20%26%C3%A4").text
        assert re.search(r"With .* a day instead of .* just below 42\.5 %, at which the high band is left", told(html))
        assert "It is no promise" in html
        assert 'href="/what-if?user=10%2F45%20%26%C3%A4"' in html

    def test_alerts_and_what_became_of_their_webhooks(self, filled: Any, served: Any, get: Any, scored: Any) -> None:
        risen(filled, scored)
        redis = filled.view.redis
        [alert_id] = redis.lrange("churn:alerts:of:7", 0, -1)
        made = {
            "url": "https://crm.example/hook", "description": "", "format": "standard", "types": [], "wanted": {}
        }  # fmt: skip
        redis.hset("churn:endpoint:ep_1", mapping={name: json.dumps(value) for name, value in made.items()})
        redis.zadd("churn:endpoints", {"ep_1": 1})
        deliveries = Deliveries(redis, served.wall)
        deliveries.enqueue([New("msg_1", "ep_1", alert_id, "alert.raised", "{}", 1_541_000_000_000, 1_541_000_005_000)])
        text = told(get("/users/7").text)
        assert "to high risk: 54 %" in text
        assert "waiting crm.example (ep_1) 31 Oct 2018, 15:33 UTC 0 tries tried next" in text
        reader = told(get("/users/7", headers=served.key("read")).text)
        assert "crm.example" not in reader
        assert "to high risk: 54 %" in reader
        redis.hset("churn:endpoint:ep_1", "url", json.dumps("https://[crm.example"))
        assert "waiting ep_1 31 Oct 2018" in told(get("/users/7").text), "of a URL that cannot be read, the id"
        redis.delete("churn:endpoint:ep_1")
        assert "an endpoint that was deleted" in told(get("/users/7").text)

    def test_an_alert_that_waits_for_the_end_of_quiet_hours_is_not_told(
        self, filled: Any, get: Any, scored: Any
    ) -> None:
        risen(filled, scored)
        filled.view.redis.delete("churn:alerts")
        assert "No alert was raised" in get("/users/7").text


def test_what_is_left_of_something_long_ago_is_none() -> None:
    assert _change(Moved(lever="adverts", now=4.23, then=0.0004)) == "no adverts a day instead of 4.2"
    assert _change(Moved(lever="adverts", now=0.0, then=0.034)) == "0.034 adverts a day instead of none"


class TestOddOnes:
    def test_whoever_has_left_is_not_ranked(self, filled: Any, get: Any, scored: Any) -> None:
        made = risen(filled, scored)
        filled.add(scored("7", version=6, as_of=made[-1].as_of + 1, status="cancelled"))
        text = told(get("/users/7").text)
        assert "This user has cancelled and is not ranked" in text
        assert "Place in the ranking" not in text
        assert "Whoever is not ranked is in no band" in text
        filled.add(scored("7", version=7, as_of=made[-1].as_of + 2, status="lapsed"))
        assert "no event for 30 days or longer" in told(get("/users/7").text)

    def test_a_single_point_is_not_drawn(self, filled: Any, get: Any, scored: Any) -> None:
        filled.add(scored("7", opened=0))
        html = get("/users/7").text
        text = told(html)
        assert "<figure" not in html
        assert "this is the only point so far" in text
        assert "It takes two moments".lower() in text
        assert "There is no earlier moment" in text
        assert "Known for less than a week" in text

    def test_without_the_model_it_is_said(self, filled: Any, get: Any, scored: Any, score: Any) -> None:
        risen(filled, scored, model_version="m0")
        text = told(get("/users/7").text)
        assert "The model m0 is not at hand" in text
        assert "The model that made this score is not at hand" in text
        assert "Try other figures" not in text
        filled.add(score("few"), score("few", version=2, as_of=score().as_of + DAY_MS))  # with some features only
        assert get("/users/few").status_code == 200

    def test_an_old_score_is_told_to_be_old(self, filled: Any, get: Any, scored: Any) -> None:
        filled.add(scored("7"), scored("8", as_of=scored().as_of + 5 * DAY_MS))
        assert "The score is 5 days behind the event clock" in get("/users/7").text

    def test_nobody_has_a_page_that_says_so(self, filled: Any, get: Any, scored: Any) -> None:
        answer = get("/users/no%2Fbody")
        assert answer.status_code == 404
        assert "Nobody is known by this id" in answer.text

    def test_what_the_log_and_people_say_is_text(self, filled: Any, served: Any, visit: Visit, scored: Any) -> None:
        risen(filled, scored, EVIL)
        at = f"/v1/users/{quote(EVIL, safe='')}/snooze"
        assert served.client.post(at, json={"hours": 24, "note": EVIL}).status_code == 200
        page = visit().go(f"/users/{quote(EVIL, safe='')}")
        expect(page.get_by_role("heading", level=1)).to_contain_text(EVIL)
        expect(page.locator(".marks q")).to_have_text(EVIL)
        expect(page.locator("#risk .main-svg").first).to_be_attached()
        assert page.locator("img").count() == 0


class TestActing:
    def test_snooze_by_keyboard_and_end_it(self, filled: Any, visit: Visit, scored: Any) -> None:
        filled.add(scored("7"))
        page = visit().go("/users/7")
        page.get_by_label("For", exact=True).focus()
        page.keyboard.press("Tab")
        page.keyboard.type("called on Monday")
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name="Snooze")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator(".marks")).to_contain_text("Snoozed: no alert is raised about this user until")
        expect(page.locator(".marks")).to_contain_text("called on Monday")
        expect(page.get_by_role("status").filter(has_text="Snoozed.")).to_be_visible()
        expect(page.get_by_label("Note")).to_have_value("")
        page.get_by_role("button", name="End it now").press("Enter")
        expect(page.locator(".marks p")).to_have_count(0)
        expect(page.get_by_label("For", exact=True)).to_be_focused()

    def test_acknowledge_until_the_end_of_a_day(self, filled: Any, served: Any, visit: Visit, scored: Any) -> None:
        filled.add(scored("7"))
        page = visit().go("/users/7")
        day = page.evaluate(
            """() => {
            const day = new Date(Date.now() + 3 * 86400e3);
            return [day.getFullYear(), day.getMonth() + 1, day.getDate()]
                .map((part) => `${part}`.padStart(2, "0")).join("-");
            }"""
        )
        page.get_by_label("For", exact=True).select_option("until")
        page.get_by_label("Day").fill(day)
        page.get_by_role("button", name="Acknowledge").click()
        expect(page.locator(".marks")).to_contain_text("Acknowledged: somebody takes care")
        [marks] = served.context.marks.of(["7"])
        days = (marks["acknowledged"].until_ms - served.wall.now_ms) / DAY_MS
        assert 2.9 < days < 4.1  # the browser's clock is another one

    def test_what_goes_wrong_is_told_in_words(self, filled: Any, served: Any, visit: Visit, scored: Any) -> None:
        filled.add(scored("7"))
        visitor = visit()
        page = visitor.go("/users/7")
        page.get_by_label("Note").evaluate("input => input.removeAttribute('maxlength')")
        page.get_by_label("Note").fill("a" * 5000)
        page.get_by_role("button", name="Snooze").click()
        expect(page.locator("#mark output")).to_contain_text("note: String should have at most")
        visitor.complaints.clear()  # of the answer 422

    def test_whoever_may_only_read_sees_no_button_and_why(self, filled: Any, visit: Visit, scored: Any) -> None:
        filled.add(scored("7"))
        page = visit(scopes=("read",)).go("/users/7")
        expect(page.locator("#actions")).to_contain_text("takes a key with the scope write")
        expect(page.locator("#actions button")).to_have_count(0)
        expect(page.locator("dialog")).to_have_count(0)
        writer = visit(scopes=("read", "write")).go("/users/7")
        expect(writer.get_by_role("button", name="Snooze")).to_be_visible()
        expect(writer.get_by_role("button", name="Forget")).to_have_count(0)

    def test_forgetting_asks_for_the_id_and_shows_the_receipt(
        self, filled: Any, serve_on: Any, kafka: Kafka, visit: Visit, scored: Any
    ) -> None:
        risen(filled, scored, "Ann/1")
        visitor = visit(serve_on(filled.url, kafka=kafka))
        page = visitor.go("/users/Ann%2F1")
        page.get_by_role("button", name="Forget…").press("Enter")
        sure = page.get_by_role("button", name="Forget", exact=True)
        expect(page.get_by_label("To confirm, type the id")).to_be_focused()
        page.keyboard.type("Ann")
        expect(sure).to_be_disabled()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_be_hidden()
        page.get_by_role("button", name="Forget…").press("Enter")
        page.keyboard.type("Ann/1")
        page.keyboard.press("Enter")
        receipt = page.locator("#receipt")
        expect(receipt).to_contain_text("history points: 5")
        expect(receipt).to_contain_text("events, in topic")
        expect(receipt).to_be_focused()
        expect(page.get_by_role("heading", level=1, include_hidden=True)).to_have_text("Nobody is known by this id")
        assert filled.view.user("Ann/1") is None
        receipt.get_by_role("button", name="Close").click()
        expect(page.locator("#actions")).to_be_hidden()
        visitor.complaints.clear()  # of the answer 404


class TestLive:
    def test_a_new_score_shows_itself(self, filled: Any, visit: Visit, scored: Any) -> None:
        made = risen(filled, scored)
        page = visit().go("/users/7")
        expect(page.locator("#risk .main-svg").first).to_be_attached()
        page.evaluate("document.querySelector('#risk .plot').same = true")
        page.get_by_label("Note").fill("half a w")
        filled.add(scored("7", {"adverts_14d": 2.0}, version=6, as_of=made[-1].as_of + DAY_MS))
        expect(page.locator(".facts .chances dd")).to_contain_text("15.1")
        expect(page.get_by_role("heading", level=1)).to_contain_text("low risk")
        expect(page.locator("#risk figcaption")).to_contain_text("at the last score")
        expect(page.get_by_label("Note")).to_have_value("half a w")
        assert page.evaluate("document.querySelector('#risk .plot').same")

    def test_the_drawing_holds_both_outcomes_thresholds_alerts_and_lanes(
        self, filled: Any, visit: Visit, scored: Any
    ) -> None:
        risen(filled, scored)
        page = visit().go("/users/7")
        expect(page.locator("#risk .main-svg").first).to_be_attached()
        drawn = _drawn(page)
        assert drawn["filled"] == ["tozeroy", "tonexty"]
        assert drawn["lines"] == [30, 50]
        assert drawn["lanes"] == [
            "Adverts", "Thumbs up", "Thumbs down", "Errors", "Songs", "Plan", "Silence"
        ]  # fmt: skip
        assert any(text.startswith("alert 9 Nov") for text in drawn["texts"])
        assert any(re.fullmatch(r"about \d+ adverts between 5 and 9 Nov", text) for text in drawn["texts"])


def _drawn(page: Page) -> dict[str, Any]:
    drawn: dict[str, Any] = page.evaluate("""() => {
        const { data, layout } = document.querySelector("#risk .plot");
        return {
            filled: data.map((each) => each.fill).filter((fill) => fill && fill !== "none"),
            lines: layout.shapes.map((each) => each.y0), lanes: layout.yaxis2.ticktext,
            texts: data.flatMap((each) => Array.isArray(each.text) ? each.text : []),
        };
    }""")
    return drawn
