from __future__ import annotations

import csv
import io
import re
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from api import ranking
from tests.api.console.conftest import Visit

pytestmark = pytest.mark.servers

HOUR_MS = 3_600_000
EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", html)).replace("\N{NARROW NO-BREAK SPACE}", " ")


def ids(html: str) -> list[str]:
    return re.findall(r'class="user"[^>]*><bdi>([^<]*)', html)


def test_a_row_says_who_how_much_and_why(filled: Any, served: Any, get: Any, scored: Any) -> None:
    filled.add(scored("7", {"adverts_14d": 80.0}, events=1234, level="free"), scored("8"))
    filled.add(scored("8", version=2, as_of=scored().as_of + 72 * HOUR_MS))
    served.client.post("/v1/users/7/snooze", json={"hours": 24, "note": "x"})
    text = text_of(get("/users").text)
    assert "1\N{EN DASH}2 of 2" in text
    row = text[text.index("7 snoozed until 1 Nov 2018, 15:33 UTC") :]
    assert "adverts 4.0 adverts a day lately; typical 0.2" in row
    assert "1,234" in row
    assert "scored 3 days ago" in row
    assert ids(get("/users").text) == ["7", "8"]


def test_filters_and_their_chips(filled: Any, served: Any, get: Any, scored: Any) -> None:
    filled.add(
        scored("adverts", {"adverts_14d": 80.0}),
        scored("silent", {"silence_days": 20.0}),
        scored("free", level="free"),
    )
    served.client.post("/v1/users/silent/acknowledge")
    assert ids(get("/users?driver=adverts&band=&level=&mark=&q=").text) == ["adverts"]
    assert ids(get("/users?level=free").text) == ["free"]
    assert ids(get("/users?mark=acknowledged").text) == ["silent"]
    html = get("/users?band=high&mark=none").text
    assert "in the high band" in text_of(html)
    assert 'class="chip" href="/users?mark=none"' in html
    assert 'class="chip" href="/users?band=high"' in html
    assert '<option value="high" selected>' in html
    assert "Nobody fits these filters now." in get("/users?level=free&mark=snoozed").text


def test_pages_hold_everybody_once_and_say_where_they_are(filled: Any, get: Any, score: Any) -> None:
    filled.add(*(score(f"u{i:03}", p_cancel=0.5 + (i % 7) / 100) for i in range(120)), score("low"))
    address, found, places = "/users?band=high", [], []
    while address:
        html = get(address).text
        found += ids(html)
        places += re.findall(r"(\d+)\N{EN DASH}(\d+) of 120", text_of(html))
        following = re.search(r'rel="next" href="([^"]+)"', html)
        address = following[1].replace("&amp;", "&") if following else ""
        assert bool(address) == (len(found) < 120)
    assert sorted(found) == [f"u{i:03}" for i in range(120)]
    assert places == [("1", "50"), ("51", "100"), ("101", "120")]
    assert 'href="/users?band=high">First page' in html


def test_a_short_page_says_why_and_leads_on(filled: Any, get: Any, score: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking, "LOOKED_AT", 20)
    monkeypatch.setattr(ranking, "CHUNK", 10)
    filled.add(*(score(f"u{i:03}") for i in range(40)))
    html = get("/users?level=free").text
    assert "Nobody on this page fits" in html
    assert "20 users were looked at" in html
    assert 'rel="next"' in html


def test_the_same_users_as_a_spreadsheet(filled: Any, get: Any, scored: Any) -> None:
    filled.add(scored("7", {"adverts_14d": 80.0}), scored("8"))
    [link] = re.findall(r'class="csv" href="([^"]+)"', get("/users?driver=adverts").text)
    answer = get(link.replace("&amp;", "&"))
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert [row["user_id"] for row in csv.DictReader(io.StringIO(answer.text))] == ["7"]


@pytest.mark.parametrize("user_id", ["10/45 ä", "..?&#", EVIL])
def test_a_whole_id_leads_straight_to_the_user(filled: Any, get: Any, score: Any, user_id: str) -> None:
    filled.add(score(user_id), score("gone", status="cancelled"))
    answer = get("/users", params={"q": f" {user_id} "})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/users/{quote(user_id, safe='')}")
    assert get("/users?q=gone").headers["location"] == "/users/gone"
    assert get("/users", params={"q": user_id, "fragment": 1}).status_code == 200


def test_an_id_that_is_a_step_in_the_path_leads_nowhere_else(filled: Any, get: Any, score: Any) -> None:
    filled.add(score(".."))
    answer = get("/users", params={"q": ".."})
    assert answer.status_code == 200
    assert "<bdi>..</bdi>" in answer.text


def test_a_part_of_an_id_lists_who_has_it(filled: Any, get: Any, score: Any) -> None:
    filled.add(score("1045"), score("104", p_cancel=0.4), score("2104x", p_cancel=0.6), score("9", level="free"))
    assert ids(get("/users?q=04").text) == ["2104x", "104", "1045"]
    assert ids(get("/users?q=04&band=high").text) == ["2104x"]
    assert ids(get("/users?q=04&level=free").text) == []
    nobody = text_of(get("/users", params={"q": EVIL}).text)
    assert "No ranked user" in nobody
    assert "<script>alert" not in get("/users", params={"q": EVIL}).text


@pytest.mark.parametrize("query", ["?q=04", "?q=04&band=high"])
def test_a_search_does_not_renew_itself_and_says_so(filled: Any, get: Any, score: Any, query: str) -> None:
    filled.add(score("1045"))
    html = get(f"/users{query}").text
    assert re.search(r"<body>", html)
    assert 'data-part="heading" data-watch=""' in html
    assert "This page does not renew itself" in html
    assert "This page does not renew itself" not in get("/users").text


def test_without_scores_and_with_nobody_ranked_it_is_said(filled: Any, get: Any, score: Any) -> None:
    assert "No scores yet" in get("/users").text
    filled.add(score("7", status="cancelled"))
    assert "Nobody is ranked" in get("/users").text
    assert "Nobody is in the high band now." in get("/users?band=high").text


def test_what_cannot_be_is_told_on_a_page(get: Any) -> None:
    for query in ("band=none", "driver=weather", "cursor=nonsense", f"q={'x' * 257}"):
        answer = get(f"/users?{query}")
        assert answer.status_code == 422
        assert "The address is not right" in answer.text


def test_a_hostile_id_is_text(filled: Any, visit: Visit, score: Any) -> None:
    filled.add(score(EVIL, level="free"), score("7"))
    page = visit().go("/users")
    expect(page.get_by_role("link", name=EVIL)).to_be_visible()
    assert page.locator("img").count() == 0


def test_a_filter_acts_at_once_by_keyboard_and_goes_back(filled: Any, visit: Visit, score: Any) -> None:
    filled.add(score("7", p_cancel=0.6), score("8"))
    page = visit().go("/users")
    rows = page.locator(".people tbody tr")
    expect(rows).to_have_count(2)
    band = page.get_by_label("Band")
    band.focus()
    page.keyboard.press("h")
    expect(rows).to_have_count(1)
    expect(page).to_have_url(re.compile(r"/users\?band=high$"))
    expect(band).to_be_focused()
    expect(page.locator("#said")).to_contain_text("1 of 1")
    page.go_back()
    expect(rows).to_have_count(2)
    expect(band).to_have_value("")


def test_the_form_does_without_a_script(filled: Any, visit: Visit, score: Any) -> None:
    filled.add(score("7", p_cancel=0.6), score("8"))
    page = visit(java_script_enabled=False).go("/users")
    page.get_by_label("Band").select_option("high")
    page.get_by_role("button", name="Show").click()
    expect(page.locator(".people tbody tr")).to_have_count(1)
    page.get_by_label("Id", exact=True).fill("8")
    page.get_by_role("button", name="Show").click()
    expect(page).to_have_url(re.compile(r"/users/8$"))


def test_a_risk_that_moves_moves_on_the_page_and_nobody_reloads(filled: Any, visit: Visit, score: Any) -> None:
    filled.add(score("7"), score("8", p_cancel=0.2))
    visitor = visit()
    page = visitor.go("/users")
    users = page.locator(".people .user")
    expect(users).to_have_text(["8", "7"])
    page.evaluate("window.same = true")
    page.get_by_label("Id", exact=True).fill("half a w")
    filled.add(score("7", version=2, p_cancel=0.6))
    expect(users).to_have_text(["7", "8"])
    expect(page.locator(".people tbody tr").first.locator(".where")).to_have_text("high")
    expect(page.get_by_label("Id", exact=True)).to_have_value("half a w")
    assert page.evaluate("window.same")


def test_a_narrow_screen_shows_each_user_as_a_block(filled: Any, visit: Visit, score: Any) -> None:
    filled.add(score("listener@example.com " * 11, events=1_234_567), score("8"))
    visitor = visit()
    visitor.page.set_viewport_size({"width": 360, "height": 700})
    page = visitor.go("/users")
    expect(page.locator(".people .risk").nth(1)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    expect(page.get_by_role("row").nth(1).get_by_role("cell")).to_have_count(8)


def test_what_takes_long_is_not_looked_for_each_time_and_its_age_is_told(
    filled: Any, served: Any, get: Any, score: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled.add(score("7", level="free"))
    looked = []
    page, now_s = ranking.page, [0.0]

    def slow(*given: Any) -> Any:
        looked.append(now_s[0])
        now_s[0] += 0.5
        return page(*given)

    monkeypatch.setattr(ranking, "page", slow)
    monkeypatch.setattr("api.console.user_finding.time.perf_counter", lambda: now_s[0])
    monkeypatch.setattr(served.context.remembered, "_clock", lambda: now_s[0])
    assert ids(get("/users?level=free").text) == ["7"]
    now_s[0] += 9.0
    filled.add(score("7", version=2, p_cancel=0.7, level="free"), score("8", level="free"))
    html = get("/users?level=free").text
    assert (len(looked), ids(html)) == (1, ["7"])
    assert "looked for 9 seconds ago" in html
    assert "75.0" in html
    now_s[0] += 1.0
    assert ids(get("/users?level=free").text) == ["7", "8"]


def test_a_search_for_blanks_is_none_and_nothing_is_kept_of_it(filled: Any, served: Any, get: Any, scored: Any) -> None:
    filled.add(scored("7", {"adverts_14d": 80.0}))
    pages = [get("/users", params={"driver": "adverts", "q": " " * count}).text for count in range(4)]
    assert [ids(each) for each in pages] == [["7"]] * 4
    assert not any("id contains" in each for each in pages)
    assert len(served.context.remembered._held) == 1, "memory would grow with whatever is asked"
