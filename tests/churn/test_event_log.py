"""Logs in every packing and every order; and those that are broken."""

from __future__ import annotations

import bz2
import errno
import gzip
import json
import random
import shutil
import tracemalloc
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from churn import event_log
from churn.errors import ChurnError
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
        (event(5, "7"), (5, "7")),
        (event(5, 7), (5, "7")),
        (event(5, ""), (5, "")),
        (event(5, None), (5, "")),
        (b'{"ts": 5}', (5, "")),
        (b'{"userId": "7"}', None),
        (event("5"), None),
        (event(5.5), None),
        (event(None), None),
        (event(True), None),
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
        event(START_MS + 10 * hour, None),
    ]
    assert event_log.survey(write(tmp_path / "log.json", [*rows, b""])) == event_log.Survey(
        rows=7, with_user=3, unreadable=2, first_ms=START_MS, last_ms=START_MS + 10 * hour, disorder_ms=9 * hour
    )


@settings(max_examples=40)
@given(st.lists(st.integers(0, 2 * START_MS), min_size=1, max_size=30))
def test_disorder_is_how_far_a_row_lies_behind(tmp_path_factory: pytest.TempPathFactory, stamps: list[int]) -> None:
    path = tmp_path_factory.getbasetemp() / "disorder.json"
    found = event_log.survey(write(path, [event(ts) for ts in stamps]))
    assert found.disorder_ms == max(max(stamps[: at + 1]) - ts for at, ts in enumerate(stamps))
    assert (found.first_ms, found.last_ms) == (min(stamps), max(stamps))


def test_a_survey_reports_its_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_log, "_STRIDE", 2)
    seen: list[int] = []
    event_log.survey(write(tmp_path / "log.json", [event(1)] * 5), seen.append)
    assert seen == [2, 4]


def test_a_log_without_events_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "log.json", [b"<html>", b"{}"])
    for look in (event_log.survey, event_log.require):
        with pytest.raises(ChurnError, match="holds no listening event"):
            look(path)


def test_require_looks_at_the_ending_and_at_a_few_lines(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_bytes(event(1))
    with pytest.raises(ChurnError, match=r"log\.csv is not a kind of log we read\. .*\.json\.zst"):
        event_log.require(tmp_path / "log.csv")
    event_log.require(write(tmp_path / "log.json", [b"garbage", event(1)]))
    late = [b"garbage"] * event_log._LINES_TO_JUDGE + [event(1)]
    with pytest.raises(ChurnError, match="holds no listening event"):
        event_log.require(write(tmp_path / "late.json", late))


@settings(max_examples=30)
@given(stamps=st.lists(st.integers(START_MS, START_MS + 4 * DAY_MS), max_size=40), dice=st.randoms())
def test_in_order_is_a_stable_sort_with_the_unreadable_first(
    tmp_path_factory: pytest.TempPathFactory, stamps: list[int], dice: random.Random
) -> None:
    folder = tmp_path_factory.getbasetemp() / "order"
    folder.mkdir(exist_ok=True)
    lines = [event(ts, n=number) for number, ts in enumerate(stamps)] + [b"garbage 1", b"{}"]
    dice.shuffle(lines)
    path = write(folder / "log.json", lines)
    found = list(event_log.in_order(path, folder / "spools"))
    assert found == sorted(lines, key=lambda line: (event_log.stamp(line) or (0, ""))[0])
    assert list((folder / "spools").iterdir()) == []


def test_in_order_keeps_few_files_open_and_less_than_the_log_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_log, "_SPOOLS_OPEN", 4)
    lines = [event(START_MS + day * DAY_MS + n, pad="x" * 700) for day in range(40) for n in range(50)]
    random.Random(3).shuffle(lines)
    path = write(tmp_path / "log.json", lines)
    size, expected = sum(map(len, lines)), Counter(lines)
    del lines
    tracemalloc.start()
    last, count = 0, 0
    for line in event_log.in_order(path, tmp_path / "spools"):
        ts = json.loads(line)["ts"]
        assert ts >= last
        last, count = ts, count + 1
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == sum(expected.values())
    assert peak < size / 5, (peak, size)


def test_spools_go_when_the_reader_stops_early(tmp_path: Path) -> None:
    reader = event_log.in_order(write(tmp_path / "log.json", [event(2), event(1)]), tmp_path / "spools")
    assert next(reader) == event(1)
    reader.close()  # type: ignore[attr-defined]
    assert list((tmp_path / "spools").iterdir()) == []


@pytest.mark.parametrize(("behind_days", "kept"), [(0.0, True), (1.5, True), (1.51, False)])
def test_an_order_that_is_good_enough_is_kept(tmp_path: Path, behind_days: float, kept: bool) -> None:
    lines = [
        event(START_MS + 3 * DAY_MS),
        event(START_MS + round((3 - behind_days) * DAY_MS)),
        event(START_MS + DAY_MS * 4),
    ]
    path = write(tmp_path / "log.json", lines)
    found = list(event_log.arranged(path, event_log.survey(path), 3.0, tmp_path))
    assert found == (lines if kept else sorted(lines))


def test_plain_unpacks_what_spark_cannot_read_and_cleans_up(tmp_path: Path) -> None:
    lines = unpredictable(50)
    packed = write(tmp_path / "log.json.zst", lines)
    with event_log.plain(packed, tmp_path / "var") as readable:
        assert readable.suffix == ".json"
        assert readable.read_bytes().splitlines() == lines
    assert list((tmp_path / "var").iterdir()) == []
    with pytest.raises(ZeroDivisionError), event_log.plain(packed, tmp_path / "var"):
        raise ZeroDivisionError
    assert list((tmp_path / "var").iterdir()) == []


def test_plain_leaves_alone_what_spark_reads(tmp_path: Path) -> None:
    path = write(tmp_path / "log.json", [event(1)])
    with event_log.plain(path, tmp_path / "var") as readable:
        assert readable == path
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize("ending", [".json.gz", ".json.bz2", ".json.zst"])
def test_plain_refuses_a_broken_archive(tmp_path: Path, ending: str) -> None:
    path = write(tmp_path / f"log{ending}", unpredictable(100))
    path.write_bytes(cut(path.read_bytes()))
    with pytest.raises(ChurnError, match="cannot be unpacked"), event_log.plain(path, tmp_path / "var"):
        pytest.fail("a broken archive was given out")
    assert list((tmp_path / "var").iterdir()) == []


def test_plain_tells_of_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", full)
    path = write(tmp_path / "log.json.gz", unpredictable(100))
    with pytest.raises(ChurnError, match=r"disk is full.*Make room"), event_log.plain(path, tmp_path / "var"):
        pytest.fail("a log was given out that was not unpacked")
