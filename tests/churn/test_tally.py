from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from churn import events, tally, tally_reader
from churn.events import Event
from churn.settings import DAY_MS
from churn.tally import Counts, TallyWriter
from churn.tally_reader import Dead

TS = 1_541_000_000_000  # 2018-10-31T15:33:20Z, a Wednesday
WALL = 1_790_000_000_000
HERE = ("events", 0)


def event(page: str = "NextSong", level: str | None = "free", ts: int = TS, user_id: str = "7") -> Event:
    return Event(user_id, 1, 1, ts, page, level, None)


def counted(*some: Event) -> Counts:
    counts = Counts()
    for each in some:
        counts.event(each)
    return counts


def test_an_event_counts_on_its_day_by_page_level_and_hour() -> None:
    counts = counted(event(), event(), event("Home", None, user_id=""), event("Home", "paid", TS + DAY_MS))
    first, second = TS // DAY_MS, TS // DAY_MS + 1
    assert counts.days == {
        first: {"page|NextSong|free": 2, "page|Home|none": 1, "hour|15": 3, "logged_out": 1},
        second: {"page|Home|paid": 1, "hour|15": 1, "logged_out": 0},
    }
    assert counts.sums == {"events": 4}


def test_what_nobody_listening_made_is_counted_apart() -> None:
    counts = counted(event(events.HEARTBEAT, None), event(events.OPENING), event(events.OPENING))
    assert counts.days == {TS // DAY_MS: {"heartbeats": 1, "openings": 2}}
    assert counts.sums["events"] == 0


@given(st.lists(st.builds(event, st.text(), st.sampled_from([None, "free", "paid"]),
                          st.integers(events.TS_MIN_MS, events.TS_MAX_MS - 1), st.text()), max_size=50))  # fmt: skip
def test_a_log_can_make_no_names_of_its_own(some: list[Event]) -> None:
    counts = counted(*some)
    known = {f"page|{page}|{level}" for page in (*events.PAGES, tally.OTHER) for level in tally.LEVELS}
    known |= {f"hour|{hour}" for hour in range(24)} | {"logged_out", "heartbeats", "openings"}
    assert {name for fields in counts.days.values() for name in fields} <= known
    ours = [each for each in some if each.page not in events.RESERVED_PAGES]
    for kind in ("page|", "hour|"):
        found = sum(n for fields in counts.days.values() for name, n in fields.items() if name.startswith(kind))
        assert found == len(ours) == counts.sums["events"]


@pytest.mark.parametrize("reason", ["rubbish", None, 7, ["malformed"], "dead|malformed"])
def test_a_letter_of_an_unknown_reason_is_one_of_the_others(reason: object) -> None:
    counts = Counts()
    counts.letter(reason, "yesterday")
    assert (counts.sums, counts.newest_ms) == ({"dead|other": 1}, {})


def test_the_newest_letter_of_a_reason_is_known() -> None:
    counts = Counts()
    for at_ms in (WALL, WALL + 5, WALL + 1, -1, True, 2**80):
        counts.letter("malformed", at_ms)
    assert (counts.sums, counts.newest_ms) == ({"dead|malformed": 6}, {"malformed": WALL + 5})


@pytest.fixture
def writer(redis_client: Any) -> TallyWriter:
    return TallyWriter(redis_client)


@pytest.mark.servers
def test_what_is_written_is_read(writer: TallyWriter, redis_client: Any) -> None:
    assert tally_reader.read(redis_client, 28) is None
    assert writer.offsets([HERE, ("dead", 1)]) == {HERE: None, ("dead", 1): None}
    assert writer.offsets([]) == {}
    first = counted(event(), event("Home", "paid", TS - 3 * DAY_MS))
    first.letter("malformed", WALL)
    first.sums["passed"] += 40
    writer.add(first, {HERE: (None, 7), ("dead", 1): (None, 0)}, WALL)
    writer.add(counted(event(user_id="")), {HERE: (7, 9)}, WALL + 1000)
    assert writer.offsets([HERE, ("dead", 1)]) == {HERE: 9, ("dead", 1): 0}
    found = tally_reader.read(redis_client, 28)
    assert found is not None
    assert (found.since_ms, found.events, found.passed, found.passed_letters) == (WALL, 3, 40, 0)
    assert found.dead == {"malformed": Dead(1, WALL)}
    assert (found.dates[0], found.dates[-1]) == (date(2018, 10, 4), date(2018, 10, 31))
    before, newest = found.days
    assert (before.date, before.pages, before.events) == (date(2018, 10, 28), {("Home", "paid"): 1}, 1)
    assert (newest.weekday, newest.pages, newest.logged_out) == (2, {("NextSong", "free"): 2}, 1)
    assert newest.hours == tuple(2 if hour == 15 else 0 for hour in range(24))
    near = tally_reader.read(redis_client, 3)
    assert near is not None
    assert [each.date for each in near.days] == [date(2018, 10, 31)]


@pytest.mark.servers
def test_counts_and_offsets_are_written_both_or_neither(writer: TallyWriter, redis_client: Any) -> None:
    writer.add(counted(event()), {HERE: (None, 7)}, WALL)
    held = {key: redis_client.dump(key) for key in redis_client.keys("*") if key != tally.DAYS}
    for wrong in (None, 6, 8):
        with pytest.raises(redis.WatchError):
            writer.add(counted(event()), {HERE: (wrong, 9)}, WALL + 1)
    assert {key: redis_client.dump(key) for key in held} == held

    class Meddled(redis.Redis):
        """Somebody else writes between our look at the offsets and our writing."""

        def pipeline(self, *arguments: Any, **options: Any) -> Any:
            pipe = super().pipeline(*arguments, **options)
            multi = pipe.multi

            def late() -> None:
                TallyWriter(redis_client).add(counted(event()), {HERE: (7, 8)}, WALL + 1)
                multi()

            pipe.multi = late  # type: ignore[method-assign]
            return pipe

    with pytest.raises(redis.WatchError):
        TallyWriter(Meddled(connection_pool=redis_client.connection_pool)).add(
            counted(event(), event()), {HERE: (7, 9)}, WALL + 2
        )
    found = tally_reader.read(redis_client, 1)
    assert found is not None
    assert (found.events, writer.offsets([HERE])) == (2, {HERE: 8})


@pytest.mark.servers
def test_days_go_when_they_have_not_grown_for_long_and_when_there_are_too_many(
    writer: TallyWriter, redis_client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tally, "MOST_DAYS", 3)

    def add(day: int, offset: int, wall_ms: int) -> None:
        writer.add(counted(event(ts=TS + day * DAY_MS)), {HERE: (offset - 1 or None, offset)}, wall_ms)

    def held() -> list[str]:
        days = sorted(redis_client.zrange(tally.DAYS, 0, -1))
        assert sorted(redis_client.keys("churn:tally:2*")) == [f"churn:tally:{name}" for name in days]
        return [name[4:] for name in days]

    for place, day in enumerate((0, 1, 2), 1):
        add(day, place, WALL + place)
    assert held() == ["1031", "1101", "1102"]
    add(0, 4, WALL + 4)
    add(-9, 5, WALL + 5)
    assert held() == ["1022", "1031", "1102"], "1 Nov has not grown for the longest time"
    assert 0 < redis_client.pttl("churn:tally:20181022") <= tally.KEPT_MS
    add(2, 6, WALL + 4 + tally.KEPT_MS)
    assert held() == ["1022", "1102"]


@pytest.mark.servers
def test_one_record_with_a_wrong_clock_does_not_move_the_days_out_of_sight(
    writer: TallyWriter, redis_client: Any
) -> None:
    writer.add(counted(event(ts=TS + 2000 * DAY_MS)), {HERE: (None, 1)}, WALL)
    writer.add(counted(event()), {HERE: (1, 2)}, WALL + DAY_MS)
    odd = tally_reader.read(redis_client, 28)
    assert odd is not None
    assert odd.dates[-1] == date(2024, 4, 22)
    writer.add(counted(event()), {HERE: (2, 3)}, WALL + DAY_MS + 1)
    found = tally_reader.read(redis_client, 28)
    assert found is not None
    assert (found.dates[-1], sum((Counter(day.pages) for day in found.days), Counter())) == (
        date(2018, 10, 31), {("NextSong", "free"): 2}
    )  # fmt: skip
