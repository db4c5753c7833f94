"""Charts of what came in: pages, levels and days."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date

from api.alert_answers import percent
from api.console.ages import Sample
from api.console.charts import Chart
from churn.tally import LEVELS, NO_LEVEL, OTHER
from churn.tally_reader import Day, Tally

SONG = "NextSong"
"""Eight of ten events: beside it nothing else could be seen."""

LEVEL_WORDS = {"free": "free", "paid": "paid", NO_LEVEL: "no level told"}
_PAGE_WORDS = {OTHER: "any other page"}


def pages(days: Sequence[Day]) -> Chart:
    """Events by page and level, the most frequent page first; songs are told in words."""
    by_level = sum((Counter(day.pages) for day in days), Counter[tuple[str, str]]())
    by_page = Counter[str]()
    for (page, _), count in by_level.items():
        by_page[page] += count
    order = sorted(by_page, key=lambda page: (-by_page[page], page))
    drawn = [page for page in order if page != SONG]
    told = [level for level in LEVELS if level != NO_LEVEL or any((page, level) in by_level for page in by_page)]
    return Chart(
        name="pages",
        kind="data/pages",
        title="Pages",
        says=_pages_say(by_page, drawn),
        figures={
            "pages": [_page(page) for page in drawn],
            "levels": [
                {"level": LEVEL_WORDS[level], "events": [by_level[page, level] for page in drawn]} for level in told
            ],
        },
        head=("Page", "Events", "Share", *(f"Of them {LEVEL_WORDS[level]}" for level in told)),
        rows=[
            (
                _page(page),
                f"{by_page[page]:,}",
                percent(by_page[page] / by_page.total(), 1),
                *(f"{by_level[page, level]:,}" for level in told),
            )
            for page in order
        ],
    )


def _page(name: str) -> str:
    return _PAGE_WORDS.get(name, name)


def _pages_say(by_page: Counter[str], drawn: list[str]) -> str:
    songs = by_page[SONG]
    first = f"{songs:,} events, {percent(songs / by_page.total())}, are songs ({SONG}), which are not drawn here. "
    if not drawn:
        return f"{first}Nothing else came."
    return f"{first}Of all else {_page(drawn[0])} comes most often, {by_page[drawn[0]]:,} times."


def levels(days: Sequence[Day], found: Sample) -> Chart:
    """Shares of the levels among events, and among users."""
    events = Counter[str]()
    for day in days:
        for (_, level), count in day.pages.items():
            events[level] += count
    users = Counter(each.level for each in found.listeners)
    bars = [(name, counts) for name, counts in (("users", users), ("events", events)) if counts.total()]
    told = [level for level in LEVELS if level != NO_LEVEL or events[level]]
    return Chart(
        name="levels",
        kind="data/levels",
        title="Levels",
        says=_levels_say(events, users, found),
        figures={
            "bars": [name for name, _ in bars],
            "levels": [
                {
                    "level": LEVEL_WORDS[level],
                    "shares": [counts[level] / counts.total() for _, counts in bars],
                    "counts": [counts[level] for _, counts in bars],
                }
                for level in told
            ],
        },
        head=("Level", "Events", "Share of events", "Users looked at", "Share of users"),
        rows=[
            (LEVEL_WORDS[level], f"{events[level]:,}", _share(events, level), f"{users[level]:,}", _share(users, level))
            for level in told
        ],
    )


def _share(counts: Mapping[str, int], level: str) -> str:
    total = sum(counts.values())
    return percent(counts.get(level, 0) / total, 1) if total else "not known"


def _levels_say(events: Counter[str], users: Counter[str], found: Sample) -> str:
    said = []
    if events.total():
        said.append(f"{percent(events['paid'] / events.total())} of the events are on the paid plan")
    if users.total():
        said.append(f"{percent(users['paid'] / users.total())} of the active users are")
    of = f" {found.words} by their newest level." if users.total() else ""
    return f"{', and '.join(said)}.{of}"


def per_day(tally: Tally) -> Chart:
    """Events on each day from the first to the last."""
    counts = {day.date: day.events for day in tally.days}
    peak = max(counts, key=lambda each: counts[each])
    return Chart(
        name="days",
        kind="data/days",
        title="Events per day",
        says=f"{round(sum(counts.values()) / len(counts)):,} a day on average, {counts[peak]:,} on {said(peak)}, the "
        "day with most. Days are of event time, in UTC; the newest is not over yet.",
        figures={
            "days": [each.isoformat() for each in tally.dates],
            "events": [counts.get(each, 0) for each in tally.dates],
        },
        head=("Day (UTC)", "Events", "Of them logged out", "Heartbeats beside them", "Openings beside them"),
        rows=[
            (said(day.date), *(f"{n:,}" for n in (day.events, day.logged_out, day.heartbeats, day.openings)))
            for day in reversed(tally.days)
        ],
    )


def said(day: date) -> str:
    """As `31 Oct 2018`."""
    return f"{day.day} {day:%b %Y}"
