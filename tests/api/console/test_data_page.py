from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import Page, expect

from api.console import data_charts
from api.console.ages import GROUPS, NOT_KNOWN, Sample, User, chances_by_age, sample, users_by_age
from api.console.data_letters import letters
from api.console.data_rhythm import rhythm
from churn import events
from churn.events import Event
from churn.settings import DAY_MS
from churn.tally import REASONS, Counts, TallyWriter
from churn.tally_reader import Day, Dead, Tally
from tests.api.conftest import NOW_MS, Served
from tests.api.console.conftest import Visit, Visitor

LATER_MS = NOW_MS + 1000 * DAY_MS
SPACE = "\N{NARROW NO-BREAK SPACE}"


def event(page: str = "NextSong", level: str | None = "paid", ts: int = NOW_MS, user_id: str = "7") -> Event:
    return Event(user_id, 1, 1, ts, page, level, None)


@pytest.fixture
def tallied(filled: Any) -> Callable[..., None]:
    """Counts some events and letters, as publish does."""
    writer, at = TallyWriter(filled.view.redis), [0]

    def tally(*some: Event, dead: tuple[str, ...] = (), passed: int = 0) -> None:
        counts = Counts()
        for each in some:
            counts.event(each)
        for reason in dead:
            counts.letter(reason, LATER_MS)
        counts.sums["passed"] += passed
        writer.add(counts, {("churn.events", 0): (at[0] or None, at[0] + 1)}, LATER_MS)
        at[0] += 1

    return tally


def day(at: date = date(2018, 10, 31), hours: dict[int, int] | None = None, **pages: int) -> Day:
    some = {(page, "paid"): count for page, count in pages.items()}
    return Day(at, some, tuple((hours or {}).get(hour, 0) for hour in range(24)), 0, 0, 0)


# Pages, levels, days


def test_pages_stand_by_frequency_and_songs_in_words() -> None:
    both = Counter({("Home", "free"): 3, ("Home", "paid"): 1, ("NextSong", "paid"): 90, ("other", "none"): 6})
    chart = data_charts.pages([Day(date(2018, 10, 31), both, (0,) * 24, 0, 0, 0)])
    assert chart.figures == {
        "pages": ["any other page", "Home"],
        "levels": [
            {"level": "free", "events": [0, 3]},
            {"level": "paid", "events": [0, 1]},
            {"level": "no level told", "events": [6, 0]},
        ],
    }
    assert [row[:3] for row in chart.rows] == [
        ("NextSong", "90", f"90.0{SPACE}%"), ("any other page", "6", f"6.0{SPACE}%"), ("Home", "4", f"4.0{SPACE}%")
    ]  # fmt: skip
    assert chart.says.startswith(
        f"90 events, 90{SPACE}%, are songs (NextSong), which are not drawn here. Of all else any"
    )
    assert data_charts.pages([day(NextSong=2)]).says.endswith("Nothing else came.")


def test_levels_of_events_and_of_users() -> None:
    found = Sample((User("free", 3.0, 0.1, 0.1), User("paid", None, 0.1, 0.1)), 2)
    chart = data_charts.levels([day(Home=4)], found)
    assert [row[1:] for row in chart.rows] == [
        ("0", f"0.0{SPACE}%", "1", f"50.0{SPACE}%"), ("4", f"100.0{SPACE}%", "1", f"50.0{SPACE}%")
    ]  # fmt: skip
    assert data_charts.levels([], found).figures["bars"] == ["users"]
    assert data_charts.levels([day(Home=4)], Sample((), 0)).figures["bars"] == ["events"]


def tally_of(*days: Day, **changes: Any) -> Tally:
    dates = tuple(each.date for each in days)
    return Tally(**({"since_ms": 0, "events": 0, "passed": 0, "passed_letters": 0, "dead": {}, "dates": dates,
                     "days": days} | changes))  # fmt: skip


def test_a_day_on_which_nothing_came_is_a_gap() -> None:
    first, last = date(2018, 10, 29), date(2018, 10, 31)
    tally = tally_of(day(first, Home=10), day(last, Home=4), dates=(first, date(2018, 10, 30), last))
    chart = data_charts.per_day(tally)
    assert chart.figures == {"days": ["2018-10-29", "2018-10-30", "2018-10-31"], "events": [10, 0, 4]}
    assert "7 a day on average, 10 on 29 Oct 2018" in chart.says
    assert [row[0] for row in chart.rows] == ["31 Oct 2018", "29 Oct 2018"]


# Hours and weekdays


def test_a_cell_is_the_mean_of_its_weekday() -> None:
    wednesdays = [day(date(2018, 10, 24), {3: 10}), day(date(2018, 10, 31), {3: 20, 4: 60})]
    grid = rhythm([*wednesdays, day(date(2018, 11, 1), {3: 8})], LATER_MS, LATER_MS)
    assert "Wednesdays from 4:00 to 5:00 (30 on average)" in grid.says
    assert "UTC" in grid.says
    cells = dict(grid.weekdays)["Wed"]
    assert [(cell.height, cell.y) for cell in cells[3:6]] == [(50.0, 50.0), (100.0, 0.0), (0.0, 100.0)]
    assert cells[3].words == "Wed 3:00 to 4:00 UTC: 15 events an hour"
    assert "nothing came yet" in dict(grid.weekdays)["Fri"][3].words
    assert [row[3:6] for row in grid.rows[3:5]] == [("15", "8", "none"), ("30", "0", "none")]


MONDAY = date(2018, 10, 29)


def at(hour: int, minute: int = 0) -> int:
    """A time of that Monday."""
    return round(datetime(2018, 10, 29, hour, minute, tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize("clock_ms", [at(5), None])
def test_hours_that_have_not_come_yet_are_not_empty(clock_ms: int | None) -> None:
    grid = rhythm([day(MONDAY, {0: 50, 1: 40, 2: 30, 3: 20, 4: 25})], LATER_MS, clock_ms)
    assert "fewest on Mondays from 3:00 to 4:00 (20)" in grid.says
    assert [row[1] for row in grid.rows][:7] == ["50", "40", "30", "20", "25", "none", "none"]


def test_an_hour_that_goes_on_is_shown_but_is_not_the_one_with_fewest() -> None:
    grid = rhythm([day(MONDAY, {0: 50, 1: 40, 2: 3})], LATER_MS, at(2, 5))
    assert "fewest on Mondays from 1:00 to 2:00 (40)" in grid.says
    assert grid.rows[2][1] == "3"
    assert "fewest on Mondays from 2:00 to 3:00 (3)" in rhythm([day(MONDAY, {2: 3})], at(2), at(2, 5)).says


def test_an_hour_without_events_that_is_over_is_empty() -> None:
    grid = rhythm([day(MONDAY, {0: 50, 2: 30})], LATER_MS, at(4))
    assert [row[1] for row in grid.rows][:5] == ["50", "0", "30", "0", "none"]


def test_hours_before_counting_began_are_not_empty() -> None:
    grid = rhythm([day(MONDAY, {9: 30, 10: 20, 11: 25})], at(9), at(12))
    assert "fewest on Mondays from 10:00 to 11:00 (20)" in grid.says
    assert {row[1] for row in grid.rows[:9]} == {"none"}


@given(
    st.lists(st.tuples(st.integers(0, 27), st.dictionaries(st.integers(0, 23), st.integers(0, 10**9))), min_size=1),
    st.none() | st.integers(at(0), at(23)),
)
def test_every_cell_fits_its_row(some: list[tuple[int, dict[int, int]]], clock_ms: int | None) -> None:
    days = [day(date(2018, 10, 1 + at), hours) for at, hours in some]
    for _, cells in rhythm(days, LATER_MS, clock_ms).weekdays:
        assert len(cells) == 24
        for cell in cells:
            assert 0 <= cell.y <= 100
            assert cell.y + cell.height == pytest.approx(100)
            assert 0 <= cell.opacity <= 1
        assert cells[-1].x + cells[-1].width <= 100


# Ages


@pytest.mark.parametrize(
    ("age_days", "group"),
    [(0.01, "week 1"), (6.99, "week 1"), (7, "weeks 2 to 4"), (364.9, "months 7 to 12"), (730, "later"),
     (9999, "later"), (None, NOT_KNOWN)],
)  # fmt: skip
def test_the_group_of_an_age(age_days: float | None, group: str) -> None:
    assert User("free", age_days, 0.1, 0.1).group == group


def test_groups_of_few_users_are_drawn_but_not_spoken_of() -> None:
    found = Sample((*[User("free", 3.0, 0.2, 0.1)] * 30, *[User("free", 10.0, 0.9, 0.05)] * 3,
                    *[User("free", 100.0, 0.1, 0.3)] * 20, User("free", None, 0.9, 0.9)), 900)  # fmt: skip
    chart = chances_by_age(found)
    assert chart.figures["groups"] == ["week 1", "weeks 2 to 4", "months 4 to 6"]
    assert chart.figures["cancel"] == pytest.approx([0.2, 0.9, 0.1])
    assert f"cancel is highest in week 1 since registration (20{SPACE}%)" in chart.says
    assert f"silent in months 4 to 6 since registration (30{SPACE}%)" in chart.says
    assert users_by_age(found).figures == {"groups": [*GROUPS, NOT_KNOWN], "users": [30, 3, 0, 20, 0, 0, 0, 1]}
    assert "A sample of 54 of 900 active users; most of them" in users_by_age(found).says
    assert users_by_age(replace(found, age_s=20)).says.endswith(". Looked at within the last minute.")
    assert chart.says.endswith(" Looked at within the last 10 seconds.")
    assert "say little" in chances_by_age(Sample((User("free", 1.0, 0.2, 0.1),), 1)).says


@pytest.mark.servers
def test_ages_are_moved_to_the_event_clock(filled: Any, scored: Any) -> None:
    before = NOW_MS - 3 * DAY_MS
    filled.add(scored("new", {"tenure_days": 5.0}, as_of=before, last_event=before))
    filled.add(scored("unknown", {"tenure_days": 0.0}, as_of=before, last_event=before))
    filled.add(scored("now", {"tenure_days": 400.0}), scored("gone", status="cancelled"))
    found = sample(filled.view)
    assert found.active == 3
    ages = sorted(each.age_days or 0 for each in found.users)
    assert ages == pytest.approx([0, 8, 400])
    assert sum(each.age_days is None for each in found.users) == 1


# Dead letters


def test_letters_stand_by_frequency_with_what_to_do() -> None:
    dead = {"malformed": Dead(2, LATER_MS), "unreadable-score": Dead(3, None), "other": Dead(1, None)}
    found = letters(tally_of(events=10_000, dead=dead, passed_letters=4))
    assert [(each.name, each.count, each.share) for each in found.reasons] == [
        ("unreadable-score", "3", f"50.0{SPACE}%"), ("malformed", "2", f"33.3{SPACE}%"), ("other", "1", f"16.7{SPACE}%")
    ]  # fmt: skip
    assert found.says.startswith("6 since counting began, 3.0 for every 10,000 events; most of them, 3,")
    assert found.says.endswith("4 more were passed over.")
    assert [each.commands[0] for each in found.reasons] == [
        "churn dead-letters list --reason unreadable-score",
        "churn dead-letters list --reason malformed",
        "churn dead-letters list",
    ]


@pytest.mark.parametrize("reason", REASONS)
def test_there_is_something_to_do_about_every_reason(reason: str) -> None:
    [found] = letters(
        tally_of(
            dead={
                reason: Dead(1, None),
            },
            events=1,
        )
    ).reasons
    [other] = letters(tally_of(dead={"of another release": Dead(1, None)}, events=1)).reasons
    assert found.to_do != other.to_do
    assert found.commands[0].endswith(f" --reason {reason}")


def test_no_letters_is_good_only_where_there_were_events() -> None:
    assert letters(tally_of(events=1)).says == "None: every record was a valid event."
    assert "no event was counted" in letters(tally_of()).says


# The page


def opened(visitor: Visitor) -> Page:
    """The page once it listens."""
    page = visitor.go("/data")
    expect(page.locator("#link")).to_have_text("Live")
    return page


@pytest.mark.servers
def test_the_page_tells_what_came_in(filled: Any, visit: Visit, scored: Any, tallied: Any) -> None:
    filled.add(*(scored(str(user), {"tenure_days": 40.0}) for user in range(3)))
    hostile = "<script>alert(1)</script>"
    tallied(*[event()] * 1200, event("Home", "free"), event(hostile, None, NOW_MS - 3 * DAY_MS, ""),
            dead=("malformed", "malformed", hostile), passed=5000)  # fmt: skip
    page = opened(visit())
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "1,202 events came in on 2 of the 28 days of event time up to 31 Oct 2018."
    )
    head = page.locator("[data-part=head]")
    expect(head).to_contain_text("5,000 records were passed over that came faster than 2,000 a second")
    expect(head).to_contain_text("duplicates included")
    for name in ("days", "pages", "levels", "ages", "chances", "letters"):
        figure = page.locator(f"figure#{name}")
        figure.scroll_into_view_if_needed()
        expect(figure.locator(".js-plotly-plot .main-svg").first).to_be_visible(timeout=15_000)
    expect(page.locator("#rhythm svg rect.cell")).to_have_count(168)
    expect(page.locator("[data-part=letters] tbody").first).to_contain_text("malformed")
    expect(page.locator("[data-part=letters]")).to_contain_text("churn dead-letters list --reason malformed")
    assert hostile not in page.content()
    page.locator("#pages summary").press("Enter")
    expect(page.locator("#pages-table")).to_contain_text("any other page")
    page.locator("#rhythm summary").press("Enter")
    expect(page.locator("#rhythm-table")).to_have_attribute("open", "")
    expect(page.locator("#rhythm-table tbody tr")).to_have_count(24)


@pytest.mark.servers
def test_what_comes_is_shown_without_a_reload(filled: Any, visit: Visit, scored: Any, tallied: Any) -> None:
    filled.add(scored("7"))
    tallied(event())
    page = opened(visit())
    expect(page.get_by_role("heading", level=1)).to_contain_text("1 event came")
    page.locator("#pages").scroll_into_view_if_needed()
    expect(page.locator("#pages .js-plotly-plot")).to_be_visible()
    page.locator("#days summary").press("Enter")
    page.evaluate("window.kept = true")
    page.locator("#rhythm summary").focus()
    tallied(*[event("Home")] * 5)
    filled.add(scored("8"))  # publish moves on
    expect(page.get_by_role("heading", level=1)).to_contain_text("6 events came")
    expect(page.locator("#pages figcaption")).to_contain_text("Home comes most often, 5 times")
    expect(page.locator("#days-table")).to_have_attribute("open", "")
    assert page.evaluate("window.kept")
    expect(page.locator("#rhythm-figures")).to_contain_text("6")
    expect(page.locator("#rhythm summary")).to_be_focused()


@pytest.mark.servers
def test_it_is_read_without_javascript_by_who_may_only_read(
    filled: Any, visit: Visit, scored: Any, tallied: Any
) -> None:
    filled.add(scored("7"))
    tallied(event(), dead=("ts-out-of-range",))
    page = visit(scopes=("read",), java_script_enabled=False).go("/data")
    expect(page.locator("#rhythm figcaption")).to_contain_text("All hours are UTC.")
    expect(page.locator("#days-table tbody")).to_contain_text("31 Oct 2018")
    expect(page.locator("[data-part=letters] tbody")).to_contain_text("--scale ts=1000")


def text_of(answer: Any) -> str:
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", answer.text.split("<main")[1]))


@pytest.mark.servers
def test_before_anything_was_counted_it_says_who_counts(
    get: Callable[..., Any], tallied: Any, scored: Any, filled: Any
) -> None:
    said = text_of(get("/data"))
    assert "Nothing has been counted yet. churn publish counts incoming events" in said
    assert "No active user has a score yet." in said
    assert "Not counted yet. churn dead-letters list" in said
    tallied()
    said = text_of(get("/data"))
    assert "Nothing has come in since counting began" in said
    assert "None; but no event was counted yet either." in said
    filled.add(scored("7", {"tenure_days": 0.0}))
    said = text_of(get("/data"))
    assert "have no registration that is known" in said
    tallied(event(events.HEARTBEAT, None))
    assert "Nothing has come in since counting began" in text_of(get("/data"))
    tallied(event())
    said = text_of(get("/data"))
    assert "Beside the events came 1 heartbeat, which churn publish sends itself, and 0 openings." in said
    assert "no record was passed over" in said
    assert "None: every record was a valid event." in said


@pytest.mark.servers
def test_switched_off_it_says_so(filled: Any, serve_on: Callable[..., Served], tallied: Any) -> None:
    off = serve_on(filled.url, publish={"tally_per_second": 0})
    assert "Incoming events are not counted: the setting publish.tally_per_second is 0." in text_of(
        off.client.get("/data")
    )
    tallied(event())
    assert "what came later is missing" in text_of(off.client.get("/data"))


@pytest.mark.servers
def test_the_sample_is_drawn_once_for_many_who_look(get: Callable[..., Any], filled: Any, scored: Any) -> None:
    filled.add(scored("7", {"tenure_days": 5.0}))
    assert "The one active user" in text_of(get("/data"))
    filled.add(*(scored(str(user), {"tenure_days": 50.0}) for user in range(20, 40)))
    assert "The one active user" in text_of(get("/data"))


@pytest.mark.servers
def test_without_redis_it_says_so(unreachable: Served) -> None:
    assert unreachable.client.get("/data").status_code == 503


@pytest.mark.servers
def test_what_comes_in_is_shown_also_where_it_becomes_no_score(tallied: Any, visit: Visit) -> None:
    tallied(event())
    page = visit().go("/data")
    expect(page.locator("h1")).to_contain_text("1 event")
    tallied(event(), event("Home"), dead=("malformed",))
    expect(page.locator("h1")).to_contain_text("3 events")
    expect(page.locator("#letters")).to_be_visible()
