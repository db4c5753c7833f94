"""From when to when a log was kept: strays with a wrong clock move neither its end nor its beginning."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from churn import event_log
from churn.errors import ChurnError
from churn.settings import DAY_MS
from training.span import Day, kept_days, left_out, span

START = 17_805
START_MS = START * DAY_MS


def days(events: dict[int, int]) -> dict[int, Day]:
    return {
        START + day: Day(count, START_MS + day * DAY_MS, START_MS + (day + 1) * DAY_MS - 1)
        for day, count in events.items()
    }


USUAL = dict.fromkeys(range(60), 1000)


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({}, (0, 59)),
        ({89: 1}, (0, 59)),  # one event a month after all others
        ({61: 12}, (0, 59)),
        ({-20: 3}, (0, 59)),
        ({-20: 3, 70: 49, 85: 1}, (0, 59)),
        ({62: 50}, (0, 62)),  # a twentieth of a median day is a day
        ({60: 1}, (0, 60)),  # the first minutes of the day on which the log was cut
        ({-1: 1, 60: 1, 75: 1}, (-1, 60)),
        ({30: 1, 31: 1}, (0, 59)),  # an outage in the middle
    ],
)
def test_days_that_hold_next_to_nothing_at_either_end_do_not_count(
    changes: dict[int, int], kept: tuple[int, int]
) -> None:
    first, last = kept_days(days(USUAL | changes))
    assert (first - START, last - START) == kept


@pytest.mark.parametrize("events", [{0: 1}, {0: 1, 9: 1, 20: 1}, {0: 20, 5: 1, 20: 1}, {0: 1, 1: 30, 2: 1}])
def test_a_small_log_is_taken_as_it_is(events: dict[int, int]) -> None:
    first, last = kept_days(days(events))
    assert (first - START, last - START) == (min(events), max(events))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, ""),
        ({60: 1}, ""),
        ({70: 12}, "12 events after 2018-11-29 are left out of the span"),
        ({70: 1}, "1 event after 2018-11-29 is left out of the span"),
        ({-5: 2, 70: 3, 80: 4}, "2 events before 2018-10-01 and 7 events after 2018-11-29 are left out of the span"),
    ],
)
def test_what_is_left_out_is_said_in_a_sentence(changes: dict[int, int], words: str) -> None:
    held = days(USUAL | changes)
    said = left_out(held, *kept_days(held))
    assert said.startswith(words)
    assert bool(said) == bool(words)


@pytest.mark.slow
def test_a_log_that_was_kept_every_day_loses_nothing(shared_data: Path) -> None:
    path = shared_data / "sparkify-synthetic-mini.json.zst"
    if not path.exists():
        pytest.skip("the shared data are not there")
    found = Counter(json.loads(line)["ts"] // DAY_MS for line in event_log.lines(path))
    assert kept_days({day: Day(count, 0, 0) for day, count in found.items()}) == (min(found), max(found))


def events(spark: SparkSession, stamps: list[int]) -> DataFrame:
    return spark.createDataFrame([(ts,) for ts in stamps], "ts bigint")


@pytest.mark.spark
def test_the_span_is_that_of_the_days_on_which_the_log_was_kept(spark: SparkSession) -> None:
    usual = [START_MS + n * 864_000 + 7 for n in range(40 * 100)]
    said: list[str] = []
    assert span(events(spark, usual), said.append) == (usual[0], usual[-1])
    assert said == []
    strays = [START_MS - 9 * DAY_MS, *(START_MS + day * DAY_MS for day in (50, 69))]
    assert span(events(spark, [*usual, *strays]), said.append) == (usual[0], usual[-1])
    assert said == [
        "1 event before 2018-10-01 and 2 events after 2018-11-09 are left out of the span of the log: the days there "
        "hold next to nothing."
    ]


@pytest.mark.spark
def test_one_clock_that_is_wrong_by_years_is_told_with_its_day(spark: SparkSession) -> None:
    usual = [START_MS + day * DAY_MS for day in range(40)]
    assert span(events(spark, usual), print) == (usual[0], usual[-1])
    with pytest.raises(ChurnError, match="silent from 2018-11-09 to 2029-09-09"):
        span(events(spark, [*usual, START_MS + (4000 - 4) * DAY_MS]), print)
