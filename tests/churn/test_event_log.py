"""Logs in every packing and every order; and those that are broken."""

from __future__ import annotations

import bz2
import gzip
import json
import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from churn import event_log
from churn.errors import ChurnError
from churn.events import TS_MAX_MS, TS_MIN_MS
from churn.settings import DAY_MS

START_MS = 1_538_352_000_000
PACK: dict[str, Callable[[bytes], bytes]] = {
    ".json": lambda raw: raw,
    ".jsonl": lambda raw: raw,
    ".json.gz": gzip.compress,
    ".json.bz2": bz2.compress,
    # With a checksum, as the program zstd writes it; without one a flipped byte may go unnoticed.
    ".json.zst": zstandard.ZstdCompressor(write_checksum=True).compress,
}
PACKED = [ending for ending in PACK if ending not in (".json", ".jsonl")]


def event(ts: object, user: object = "7", **more: object) -> bytes:
    return json.dumps({"ts": ts, "userId": user, "page": "NextSong", **more}).encode()


def unpredictable(count: int) -> list[bytes]:
    """Lines that do not pack well, so that a cut file still has whole lines before the cut."""
    dice = random.Random(1)
    return [event(START_MS + number * 1000, song=dice.randbytes(30).hex()) for number in range(count)]


def write(path: Path, lines: list[bytes]) -> Path:
    ending = path.name[path.name.index(".") :]
    path.write_bytes(PACK[ending](b"".join(line + b"\n" for line in lines)))
    return path


@pytest.mark.parametrize("ending", PACK)
def test_every_packing_gives_the_same_lines(tmp_path: Path, ending: str) -> None:
    lines = unpredictable(3000)
    path = write(tmp_path / f"log{ending}", [b"", *lines, b"  "])
    event_log.require(path)
    assert list(event_log.lines(path)) == lines
    assert event_log.survey(path).rows == 3000


@pytest.mark.parametrize("ending", PACKED)
def test_parts_packed_one_after_the_other_are_one_log(tmp_path: Path, ending: str) -> None:
    lines = unpredictable(10)
    path = tmp_path / f"log{ending}"
    path.write_bytes(PACK[ending](b"\n".join(lines[:4]) + b"\n") + PACK[ending](b"\n".join(lines[4:])))
    assert list(event_log.lines(path)) == lines


def cut(packed: bytes) -> bytes:
    return packed[: len(packed) * 2 // 3]


def overwritten(packed: bytes) -> bytes:
    middle = len(packed) * 2 // 3
    return packed[:middle] + bytes(byte ^ 0x5A for byte in packed[middle : middle + 400]) + packed[middle + 400 :]


@pytest.mark.parametrize("harm", [cut, overwritten])
@pytest.mark.parametrize("ending", PACKED)
def test_a_broken_file_names_the_line(tmp_path: Path, ending: str, harm: Callable[[bytes], bytes]) -> None:
    path = tmp_path / f"log{ending}"
    # Two of bz2's blocks of 900 kB, several of zstandard's, so that there is something before the break.
    packed = PACK[ending](b"".join(line + b"\n" for line in unpredictable(4_000 if ending == ".json.gz" else 14_000)))
    path.write_bytes(harm(packed))
    read = 0
    with pytest.raises(ChurnError, match=r"is broken after line (\d+) ") as caught:  # noqa: PT012 (counts on the way)
        for _ in event_log.lines(path):
            read += 1
    assert read > 0
    assert f"{path} is broken after line {read} (" in caught.value.problem
    assert caught.value.remedy


@pytest.mark.parametrize("ending", PACKED)
@pytest.mark.parametrize("raw", [b"", b"no archive at all, but a page that says: not found"])
def test_what_is_not_packed_at_all_is_broken_from_the_start(tmp_path: Path, ending: str, raw: bytes) -> None:
    path = tmp_path / f"log{ending}"
    path.write_bytes(raw)
    with pytest.raises(ChurnError, match=r"is broken after line 0 |holds no listening event"):
        event_log.survey(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for look in (event_log.survey, event_log.require):
        with pytest.raises(ChurnError, match=r"There is no file .*none\.json"):
            look(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("line", "stamped"),
    [
        (event(START_MS, "7"), (START_MS, "7")),
        (event(START_MS, 7), (START_MS, "7")),
        (event(START_MS, ""), (START_MS, "")),
        (event(START_MS, None), (START_MS, "")),
        (b'{"ts": 1538352000000}', (START_MS, "")),
        (b'{"userId": "7"}', None),
        (event(str(START_MS)), None),
        (event(START_MS + 0.5), None),
        (event(None), None),
        (event(True), None),
        (event(START_MS // 1000), None),
        (event(TS_MIN_MS - 1), None),
        (event(TS_MIN_MS), (TS_MIN_MS, "7")),
        (event(TS_MAX_MS - 1), (TS_MAX_MS - 1, "7")),
        (event(TS_MAX_MS), None),
        (event(10**30), None),
        (event(-1), None),
        (b"[1]", None),
        (b"5", None),
        (b"{", None),
        (b"\xff\xfe", None),
        (b"[" * 100_000, None),
    ],
)
def test_the_stamp_of_a_line(line: bytes, stamped: tuple[int, str] | None) -> None:
    assert event_log.stamp(line) == stamped


def test_a_survey_counts(tmp_path: Path) -> None:
    hour = 3_600_000
    rows = [
        event(START_MS + 2 * hour),
        event(START_MS + 9 * hour, ""),
        b"garbage",
        event(START_MS + 4 * hour),
        event(START_MS),
        event("soon"),
        event(START_MS // 1000),
        event(10**30),
        event(START_MS + 10 * hour, None),
    ]
    assert event_log.survey(write(tmp_path / "log.json", [*rows, b""])) == event_log.Survey(
        rows=9, with_user=3, unreadable=4, first_ms=START_MS, last_ms=START_MS + 10 * hour, disorder_ms=9 * hour
    )


@settings(max_examples=40)
@given(st.lists(st.integers(START_MS, START_MS + 30 * DAY_MS), min_size=1, max_size=30))
def test_disorder_is_how_far_a_row_lies_behind(tmp_path_factory: pytest.TempPathFactory, stamps: list[int]) -> None:
    path = tmp_path_factory.getbasetemp() / "disorder.json"
    found = event_log.survey(write(path, [event(ts) for ts in stamps]))
    assert found.disorder_ms == max(max(stamps[: at + 1]) - ts for at, ts in enumerate(stamps))
    assert (found.first_ms, found.last_ms) == (min(stamps), max(stamps))


def test_a_survey_reports_its_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_log, "_STRIDE", 2)
    seen: list[int] = []
    event_log.survey(write(tmp_path / "log.json", [event(START_MS)] * 5), seen.append)
    assert seen == [2, 4]


@pytest.mark.parametrize(
    ("days", "found"),
    [
        ({}, None),
        ({17_800: 5}, None),
        ({17_800: 5, 17_830: 1}, None),
        ({17_800: 5, 17_831: 1}, (17_800, 17_831)),
        ({17_800: 5, 17_820: 1, 17_840: 1}, None),
        ({17_800: 5, 17_820: 0, 17_840: 1}, (17_800, 17_840)),
        ({17_800: 1, 17_900: 9, 22_000: 1}, (17_900, 22_000)),
    ],
)
def test_a_gap_is_the_longest_silence_of_more_than_thirty_days(
    days: dict[int, int], found: tuple[int, int] | None
) -> None:
    assert event_log.gap(days) == found


END_OF_2030_MS = 1_924_905_600_000


@pytest.mark.parametrize(
    ("strays", "words"),
    [
        ([END_OF_2030_MS], "one event from 2030-12-31 on, 4,474 days after all others."),
        ([END_OF_2030_MS, END_OF_2030_MS + 1], "2 events from 2030-12-31 on, 4,474 days after all others."),
        ([START_MS - 40 * DAY_MS], "one event up to 2018-08-22, 40 days before all others."),
    ],
)
def test_a_log_with_an_event_far_from_all_others_is_refused(tmp_path: Path, strays: list[int], words: str) -> None:
    usual = [event(START_MS + n * 3_600_000) for n in range(24)]
    path = write(tmp_path / "log.json", [*usual[:5], *map(event, strays), *usual[5:]])
    with pytest.raises(ChurnError) as caught:
        event_log.survey(path)
    assert caught.value.problem == f"{path} has {words}"
    assert caught.value.remedy


def test_a_log_without_events_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "log.json", [b"<html>", b"{}"])
    for look in (event_log.survey, event_log.require):
        with pytest.raises(ChurnError, match="holds no listening event"):
            look(path)


def test_require_looks_at_the_ending_and_at_a_few_lines(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_bytes(event(START_MS))
    with pytest.raises(ChurnError, match=r"log\.csv is not a kind of log we read\. .*\.json\.zst"):
        event_log.require(tmp_path / "log.csv")
    event_log.require(write(tmp_path / "log.json", [b"garbage", event(START_MS)]))
    late = [b"garbage"] * event_log._LINES_TO_JUDGE + [event(START_MS)]
    with pytest.raises(ChurnError, match="holds no listening event"):
        event_log.require(write(tmp_path / "late.json", late))


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".json", ".json.gz", ".json.zst"])
def test_a_log_that_is_one_array_is_told_and_takes_no_memory(tmp_path: Path, ending: str) -> None:
    array = b"[" + b",".join([event(START_MS + n) for n in range(300_000)]) + b"]"
    path = tmp_path / f"log{ending}"
    path.write_bytes(PACK[ending](array))
    size = len(array)
    del array
    tracemalloc.start()
    with pytest.raises(ChurnError, match=r"looks like one JSON array\. Give one event a line"):
        event_log.require(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size > 16 << 20
    assert peak < 8 << 20


def test_an_array_over_several_lines_is_told_too(tmp_path: Path) -> None:
    path = write(tmp_path / "log.json", [b"[", *[event(START_MS) + b","] * 5])
    with pytest.raises(ChurnError, match="looks like one JSON array"):
        event_log.require(path)


def test_a_line_that_is_too_long_is_unreadable_and_its_neighbours_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_log, "LINE_MAX", 200)
    monkeypatch.setattr(event_log, "_CUT", 100)
    just = event(START_MS, pad="x" * (200 - len(event(START_MS, pad=""))))
    assert len(just) == 200
    over, two = event(START_MS, pad="x" * 200), event(START_MS, pad="")
    far = two + b" " * 300 + two  # cut where its first half is an event
    padded = two + b" " * 300
    path = tmp_path / "log.json"
    path.write_bytes(b"\n".join([just, over, two, far, padded, over * 5, just]))
    read = list(event_log.lines(path))
    assert read == [just, over[:100] + b" ...", two, far[:100] + b" ...", two, over[:100] + b" ...", just]
    found = event_log.survey(path)
    assert (found.rows, found.unreadable) == (7, 3)
