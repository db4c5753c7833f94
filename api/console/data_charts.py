"""Charts of what came in: pages, levels and days."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from api.alert_answers import percent
from api.console.ages import Sample
from api.console.charts import Chart
from api.console.user_spans import day
from churn.tally import LEVELS, NO_LEVEL, OTHER
from churn.tally_reader import Day, Tally

SONG = "NextSong"
"""Eight of ten events: beside it nothing else could be seen."""

LEVEL_WORDS = {"free": "free", "paid": "paid", NO_LEVEL: "no level told"}
_PAGE_WORDS = {OTHER: "any other page"}
_ByLevel = Counter[tuple[str, str]]


def pages(days: Sequence[Day]) -> Chart:
    """Events by page and level, the most frequent page first; songs are told in words."""
    by_level = sum((Counter(each.pages) for each in days), Counter[tuple[str, str]]())
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
        figures={"pages": [_page(page) for page in drawn], "levels": _pages_of(by_level, drawn, told)},
        head=("Page", "Events", "Share", *(f"Of them {LEVEL_WORDS[level]}" for level in told)),
        rows=[_pages_row(page, by_page, by_level, told) for page in order],
    )


def _pages_of(by_level: _ByLevel, drawn: Sequence[str], told: Sequence[str]) -> list[dict[str, object]]:
    return [{"level": LEVEL_WORDS[level], "events": [by_level[page, level] for page in drawn]} for level in told]


def _pages_row(page: str, by_page: Counter[str], by_level: _ByLevel, told: Sequence[str]) -> tuple[str, ...]:
    share = percent(by_page[page] / by_page.total(), 1)
    return _page(page), f"{by_page[page]:,}", share, *(f"{by_level[page, level]:,}" for level in told)


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
    for each in days:
        for (_, level), count in each.pages.items():
            events[level] += count
    users = Counter(each.level for each in found.users)
    told = [level for level in LEVELS if level != NO_LEVEL or events[level]]
    return Chart(
        name="levels",
        kind="data/levels",
        title="Levels",
        says=_levels_say(events, users, found),
        figures=_levels_figures(events, users, told),
        head=("Level", "Events", "Share of events", "Users looked at", "Share of users"),
        rows=[
            (LEVEL_WORDS[level], f"{events[level]:,}", _share(events, level), f"{users[level]:,}", _share(users, level))
            for level in told
        ],
    )


def _levels_figures(events: Counter[str], users: Counter[str], told: Sequence[str]) -> dict[str, object]:
    bars = [(name, counts) for name, counts in (("users", users), ("events", events)) if counts.total()]
    some = [
        {
            "level": LEVEL_WORDS[level],
            "shares": [counts[level] / counts.total() for _, counts in bars],
            "counts": [counts[level] for _, counts in bars],
        }
        for level in told
    ]
    return {"bars": [name for name, _ in bars], "levels": some}


def _share(counts: Mapping[str, int], level: str) -> str:
    total = sum(counts.values())
    return percent(counts.get(level, 0) / total, 1) if total else "not known"


def _levels_say(events: Counter[str], users: Counter[str], found: Sample) -> str:
    said = []
    if events.total():
        said.append(f"{percent(events['paid'] / events.total())} of the events are on the paid plan")
    if users.total():
        said.append(f"{percent(users['paid'] / users.total())} of the active users are")
    of = f" {found.words} by their newest level. {found.looked_at}" if users.total() else ""
    return f"{', and '.join(said)}.{of}"


def per_day(tally: Tally) -> Chart:
    """Events on each day from the first to the last."""
    counts = {each.date: each.events for each in tally.days}
    peak = max(counts, key=lambda each: counts[each])
    return Chart(
        name="days",
        kind="data/days",
        title="Events per day",
        says=f"{round(sum(counts.values()) / len(counts)):,} a day on average, {counts[peak]:,} on "
        f"{day(peak, year=True)}, the day with most. Days are of event time, in UTC; the newest is not over yet.",
        figures={
            "days": [each.isoformat() for each in tally.dates],
            "events": [counts.get(each, 0) for each in tally.dates],
        },
        head=("Day (UTC)", "Events", "Of them logged out", "Heartbeats beside them", "Openings beside them"),
        rows=[
            (
                day(each.date, year=True),
                *map("{:,}".format, (each.events, each.logged_out, each.heartbeats, each.openings)),
            )
            for each in reversed(tally.days)
        ],
    )
