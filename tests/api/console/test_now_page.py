from __future__ import annotations

import html
import re
from typing import Any

import pytest
from playwright.sync_api import expect

from api.console import now_alerts
from api.console.remembered import Remembered
from api.console.unusual import Seen, notes
from api.webhooks.endpoints import Endpoint
from churn.pulse import Pulse, Pulses
from churn.settings import DAY_MS
from churn.spread import Spreads, hour_of
from tests.api.conftest import NOW_MS, Filled
from tests.api.console.conftest import Visit

pytestmark = pytest.mark.servers

HEAVY = {"adverts_14d": 60.0}


def plain(page: str) -> str:
    """The text of a page, in one line."""
    text = re.sub(r"<svg.*?</svg>", "", page, flags=re.DOTALL)
    text = re.sub(r"<[^>]+>", " ", re.sub(r"</?(?:a|b|bdi|code|span|strong|time)\b[^>]*>", "", text))
    return re.sub(r"\s+", " ", html.unescape(text).replace("\N{NARROW NO-BREAK SPACE}", " "))


def beat(filled: Filled, *events: int, ends_ms: int = NOW_MS, p99_ms: float = 29) -> None:
    """Pulses, one a second, the last one at `ends_ms`."""
    for place, count in enumerate(events):
        figures = (7.0, p99_ms) if count else (None, None)
        Pulses(filled.view.redis).note(Pulse(ends_ms - (len(events) - 1 - place) * 1000, 0, count, *figures, NOW_MS))


def rise(filled: Filled, score: Any, *users: str, **changes: object) -> None:
    """Each of them was at low risk, and is at high risk now."""
    filled.add(*(score(user) for user in users))
    filled.add(*(score(user, version=2, **({"p_cancel": 0.6} | changes)) for user in users))


def test_it_shows_who_is_at_risk_and_how_far_the_scorer_is(filled: Filled, get: Any, scored: Any) -> None:
    filled.add(scored("8", p_cancel=0.1), scored("9", p_cancel=0.3))
    rise(filled, scored, "7", p_cancel=0.6, features=HEAVY)
    beat(filled, *[61] * 60)
    text = plain(get("/").text)
    assert "1 of 3 users is at high risk of leaving within 30 days" in text
    assert re.search(r"1 high\s+1 medium\s+1 low", text)
    assert "All is well." in text
    assert "Nothing unusual." in text
    assert "Events a second 61" in text
    assert "Scoring delay, the last minute 7 ms for about half; 99 of 100 within about 29 ms" in text
    assert "Alerts, last 24 hours of event time 1 1 in the last hour" in text
    assert "Model m1 medium from 30 %, high from 50 %" in text
    assert re.search(r"7 may cancel just now On the paid plan, rose from low to high risk: .* adverts", text)
    assert "Driver: adverts" in text
    assert (
        "The risk of 1 of 2 users at high or medium risk is raised most by adverts. Counted within the last 10 seconds."
        in text
    )
    assert 'href="/users?band=high"' in get("/").text


def test_changes_since_a_day_before_are_by_the_event_clock(filled: Filled, get: Any, score: Any) -> None:
    filled.add(*(score(str(user)) for user in range(8)))
    assert "How it was a day before is not known yet." in plain(get("/").text)
    Spreads(filled.view.redis).remember(hour_of(NOW_MS) - DAY_MS)
    filled.add(*(score(str(user), version=2, p_cancel=0.6, as_of=NOW_MS + 1) for user in range(6)))
    text = plain(get("/").text)
    assert "6 high 6 more than a day before" in text
    assert "2 low 6 fewer" in text
    assert "The high band has grown from 0 to 6 users since a day before." in text
    assert "The dashed line is as it was a day before." in text
    assert "15 % to 20 % 2 8" in text


def test_what_was_looked_at_is_told_as_it_was(filled: Filled, get: Any, score: Any) -> None:
    filled.add(score("7"))
    assert "the alerts of an hour against a day, and the event clock." in plain(get("/").text)
    Spreads(filled.view.redis).remember(hour_of(NOW_MS) - 3 * DAY_MS)
    assert "against a day, the bands against 3 days before, and the event clock." in plain(get("/").text)


def test_what_is_not_well_is_said_first_with_what_to_do(filled: Filled, get: Any, score: Any) -> None:
    filled.add(score("7", model_version="gone"))
    filled.view.redis.delete("churn:policy")
    beat(filled, 5, ends_ms=NOW_MS - 180_000)
    page = get("/").text
    text = plain(page)
    assert "Not all is well." in text
    assert "Publish has given no sign of life for 3 minutes" in text
    assert "<code>churn publish</code>" in page
    assert "Redis holds no alert policy" in text
    assert "The bundle of the model gone cannot be read here" in text
    assert text.index("Not all is well.") < text.index("Redis not ready")


def test_a_slow_and_hasty_minute_is_told(filled: Filled, get: Any, score: Any) -> None:
    filled.add(score("7"))
    beat(filled, *[10] * 540, *[100] * 60, p99_ms=2400)
    text = plain(get("/").text)
    assert "99 of 100 came within about 2.4 s" in text
    assert "Many events come: 100 a second in the last minute, 19 on average over ten minutes." in text


def test_an_empty_view_says_what_to_do(filled: Filled, get: Any) -> None:
    text = plain(get("/").text)
    assert "No scores yet" in text
    assert "churn stream" in text
    assert "churn.events" in text
    assert "Publish has given no sign of life yet. Start churn publish." in text


def test_everybody_gone_is_not_an_empty_view(filled: Filled, get: Any, score: Any) -> None:
    filled.add(score("7", status="cancelled"))
    text = plain(get("/").text)
    assert "Nobody is ranked" in text
    assert "Nobody is at high or medium risk." in text


def test_without_a_horizon_no_number_is_made_up(filled: Filled, get: Any, score: Any) -> None:
    rise(filled, score, "7")
    filled.view.redis.hdel("churn:policy", "horizon_days")
    text = plain(get("/").text)
    assert "of leaving 1 high" in text
    assert "to leave, 60" in text


def test_without_redis_the_page_says_so(unreachable: Any) -> None:
    for path in ("/", "/?fragment=1"):
        answer = unreachable.client.get(path)
        assert answer.status_code == 503
        assert "Redis cannot be reached." in answer.text
        assert "hunter2" not in answer.text


def test_the_fragment_is_the_part_that_moves(filled: Filled, get: Any, score: Any) -> None:
    rise(filled, score, "7")
    beat(filled, 1, 2, 3)
    fragment = get("/?fragment=1").text
    assert "<!doctype" not in fragment
    assert fragment.strip() in get("/").text
    assert get("/?fragment=1").text == fragment
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", get("/").text)


def test_webhooks_are_for_whoever_may_admin(served: Any, filled: Filled, get: Any, score: Any) -> None:
    filled.add(score("7"))
    assert "Webhooks no endpoint" in plain(get("/").text)
    assert "Webhooks" not in plain(served.client.get("/", headers=served.key("read")).text)


def test_an_alert_that_nobody_sends_is_told(served: Any, filled: Filled, get: Any, score: Any) -> None:
    served.context.endpoints.create(Endpoint("", "https://a.example/hook"), served.context.secret_keys)
    rise(filled, score, "7")
    served.wall.now_ms = NOW_MS + 90_000
    assert "An alert has waited 1 minute to be sent. Start churn deliver." in plain(get("/").text)


def test_old_alerts_do_not_count_today(filled: Filled, get: Any, score: Any) -> None:
    rise(filled, score, "1", "2", "3", as_of=NOW_MS - 2 * DAY_MS)
    rise(filled, score, "4", "5", as_of=NOW_MS - 7_200_000)
    rise(filled, score, "6")
    text = plain(get("/").text)
    assert "Alerts, last 24 hours of event time 3 1 in the last hour" in text


def test_with_more_at_risk_than_are_looked_at_it_says_so(
    filled: Filled, get: Any, score: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.console.drivers.MOST", 2)
    rise(filled, score, "7", "8", "9")
    assert "These are the ones at highest risk, of 3." in plain(get("/").text)


EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


def test_what_the_log_says_is_text(filled: Filled, get: Any, visit: Visit, scored: Any) -> None:
    rise(filled, scored, EVIL)
    for path in ("/", "/?fragment=1"):
        page = get(path).text
        assert "<script>alert" not in page
        assert "<img" not in page
    page = visit().go("/")
    expect(page.locator(".alerts .user")).to_have_text(EVIL)
    page.locator(".alerts .user").click()
    expect(page).to_have_url(re.compile("/users/%3Cscript"))


def test_alerts_arrive_by_themselves_stand_out_and_are_said(filled: Filled, visit: Visit, scored: Any) -> None:
    rise(filled, scored, "7", p_cancel=0.6, features=HEAVY)
    filled.add(scored("8", p_cancel=0.1), scored("9", p_cancel=0.1))
    page = visit().go("/")
    alerts = page.locator(".alerts li")
    expect(alerts).to_have_count(1)
    expect(page.locator("#link")).to_have_text("Live")
    page.evaluate("window.untouched = true")
    filled.add(scored("8", version=2, p_cancel=0.7), scored("9", version=2, p_cancel=0.5, p_lapse=0.1))
    expect(alerts).to_have_count(3)
    expect(alerts.nth(0).locator(".user")).to_have_text("9")
    expect(page.locator(".alerts li.fresh .user")).to_have_text(["9", "8"])
    expect(page.locator("#said")).to_contain_text("2 new alerts, the newest: 9, may cancel, On the paid plan")
    expect(page.get_by_role("heading", level=1)).to_contain_text("3 of 3 users are at high risk")
    assert page.evaluate("window.untouched")


def test_what_moves_by_the_wall_clock_alone_is_renewed_too(
    served: Any, filled: Filled, visit: Visit, score: Any
) -> None:
    filled.add(score("7"))
    beat(filled, *[5] * 60)
    page = visit().go("/")
    verdict = page.locator("#health")
    expect(verdict).to_have_text("All is well.")
    served.wall.now_ms = NOW_MS + 120_000
    expect(verdict).to_have_text("Not all is well.")


def test_charts_are_drawn_moved_on_and_readable_as_tables(filled: Filled, visit: Visit, scored: Any) -> None:
    rise(filled, scored, "7", p_cancel=0.6, features=HEAVY)
    Spreads(filled.view.redis).remember(hour_of(NOW_MS) - DAY_MS)
    beat(filled, *[61] * 600)
    visitor = visit()
    page = visitor.go("/")
    for name in ("rates", "delay", "spread", "drivers"):
        figure = page.locator(f"#{name}")
        figure.scroll_into_view_if_needed()
        expect(figure.locator(".main-svg").first).to_be_visible()
        figure.locator(".plot").hover()
        figure.get_by_text("As a table").press("Enter")
        expect(figure.get_by_role("table")).to_be_visible()
    expect(page.locator("#rates tbody tr")).to_have_count(60)
    expect(page.locator("#drivers tbody tr")).to_have_text(re.compile(r"adverts\s*1\s*0"))
    filled.add(scored("8", p_cancel=0.9, features=HEAVY))
    expect(page.locator("#spread figcaption")).to_contain_text("Of 2 users")
    expect(page.locator("#spread .js-plotly-plot")).to_have_count(1)
    expect(page.locator("#spread-table")).to_have_attribute("open", "")


def test_bands_lead_to_their_users_by_keyboard(filled: Filled, visit: Visit, score: Any) -> None:
    rise(filled, score, "7")
    page = visit(scopes=("read",)).go("/")
    page.get_by_role("link", name="1 high").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/users\?band=high$"))


def test_without_a_script_all_can_be_read(filled: Filled, visit: Visit, scored: Any) -> None:
    rise(filled, scored, "7")
    page = visit(java_script_enabled=False).go("/")
    expect(page.get_by_role("heading", level=1)).to_contain_text("at high risk")
    page.locator("#spread summary").click()
    expect(page.locator("#spread").get_by_role("table")).to_contain_text("Users now")


@pytest.mark.parametrize("width", [360, 1280, 2560])
def test_nothing_stands_out_sideways(filled: Filled, visit: Visit, score: Any, width: int) -> None:
    rise(filled, score, "u" * 200, "7")
    visitor = visit()
    visitor.page.set_viewport_size({"width": width, "height": 900})
    page = visitor.go("/")
    expect(page.locator("#rates .main-svg").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_alerts_that_were_not_looked_at_make_no_hour_unusual(
    filled: Filled, score: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(now_alerts, "AT_ONCE", 10)
    monkeypatch.setattr(now_alerts, "MOST", 40)
    for place in range(60):
        rise(filled, score, f"u{place}", as_of=NOW_MS - (59 - place) * 6 * 60_000)
    found = now_alerts.counted(filled.view, NOW_MS, NOW_MS - DAY_MS)
    assert (found.hour, found.day, found.is_all, found.is_hour_all) == (10, 40, False, True)
    assert found.known_hours == pytest.approx(3.9)
    assert notes(Seen(alerts_hour=found.hour, alerts_day=found.day, known_hours=found.known_hours)) == []


def test_a_count_of_alerts_that_may_be_larger_says_at_least(
    filled: Filled, get: Any, score: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(now_alerts, "AT_ONCE", 2)
    monkeypatch.setattr(now_alerts, "MOST", 4)
    rise(filled, score, *"1234")
    assert "at least 4 at least 4 in the last hour" in plain(get("/").text)


def test_alerts_are_counted_once_for_everybody(
    served: Any, filled: Filled, get: Any, score: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rise(filled, score, "7")
    known = Remembered(lambda: 100.0)
    monkeypatch.setattr(served.context.remembered, "get", known.get)
    assert "1 1 in the last hour" in plain(get("/").text)
    monkeypatch.setattr(now_alerts, "counted", lambda *_: pytest.fail("it was counted just now"))
    assert "1 1 in the last hour" in plain(get("/").text)


def test_whoever_stands_below_their_band_after_a_jump_of_the_clock_is_explained(
    filled: Filled, get: Any, scored: Any
) -> None:
    filled.add(scored("7"))
    clock_ms = filled.view.clock() or 0
    filled.view.redis.hset("churn:hold", mapping={"since": clock_ms - 1, "until": clock_ms + DAY_MS})
    assert "The event clock has jumped" in get("/").text
    filled.view.redis.hset("churn:hold", mapping={"since": clock_ms - 2, "until": clock_ms})
    assert "The event clock has jumped" not in get("/").text
