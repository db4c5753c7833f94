"""The order in which a log is sent."""

from __future__ import annotations

import errno
import json
import random
import subprocess
import sys
import tracemalloc
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn import event_log, log_order
from churn.errors import ChurnError
from churn.settings import DAY_MS

START_MS = 1_538_352_000_000


def event(ts: int, **more: object) -> bytes:
    return json.dumps({"ts": ts, "userId": "7", "page": "NextSong", **more}).encode()


def write(path: Path, lines: list[bytes]) -> Path:
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


@settings(max_examples=30)
@given(stamps=st.lists(st.integers(START_MS, START_MS + 4 * DAY_MS), max_size=40), dice=st.randoms())
def test_in_order_is_a_stable_sort_with_the_unreadable_first(
    tmp_path_factory: pytest.TempPathFactory, stamps: list[int], dice: random.Random
) -> None:
    folder = tmp_path_factory.getbasetemp() / "order"
    folder.mkdir(exist_ok=True)
    lines = [event(ts, n=number) for number, ts in enumerate(stamps)] + [
        b"garbage 1",
        b"{}",
        event(10**30),
        event(START_MS // 1000),
    ]
    dice.shuffle(lines)
    path = write(folder / "log.json", lines)
    found = list(log_order.in_order(path, folder / "spools"))
    assert found == sorted(lines, key=lambda line: (event_log.stamp(line) or (0, ""))[0])
    assert list((folder / "spools").iterdir()) == []


def test_in_order_keeps_few_files_open_and_less_than_the_log_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_order, "_SPOOLS_OPEN", 4)
    lines = [event(START_MS + day * DAY_MS + n, pad="x" * 700) for day in range(40) for n in range(50)]
    random.Random(3).shuffle(lines)
    path = write(tmp_path / "log.json", lines)
    size, expected = sum(map(len, lines)), Counter(lines)
    del lines
    tracemalloc.start()
    last, count = 0, 0
    for line in log_order.in_order(path, tmp_path / "spools"):
        ts = json.loads(line)["ts"]
        assert ts >= last
        last, count = ts, count + 1
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == sum(expected.values())
    assert peak < size / 5, (peak, size)


def test_spools_go_when_the_reader_stops_early(tmp_path: Path) -> None:
    reader = log_order.in_order(
        write(tmp_path / "log.json", [event(START_MS + 1), event(START_MS)]), tmp_path / "spools"
    )
    assert next(reader) == event(START_MS)
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
    found = list(log_order.arranged(path, event_log.survey(path), 3.0, tmp_path))
    assert found == (lines if kept else sorted(lines))


class Enough(Exception):  # noqa: N818 (what a caller raises who wants no more)
    pass


def test_sorting_ends_where_it_reports_its_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_order, "_STRIDE", 2)
    seen: list[int] = []

    def tell(rows: int) -> None:
        seen.append(rows)
        if rows == 4:
            raise Enough

    path = write(tmp_path / "log.json", [event(START_MS + n) for n in range(9)])
    with pytest.raises(Enough):
        next(log_order.in_order(path, tmp_path / "spools", tell))
    assert seen == [2, 4]
    assert list((tmp_path / "spools").iterdir()) == []


def test_a_full_disk_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(log_order, "_spread", full)
    path = write(tmp_path / "log.json", [event(START_MS)])
    with pytest.raises(ChurnError, match=r"disk is full: .*log\.json could not be sorted into .*Make room"):
        next(log_order.in_order(path, tmp_path / "spools"))


def test_sorting_leaves_room_for_whatever_else_works_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_order, "_STRIDE", 2)
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1 << 20))
    path = write(tmp_path / "log.json", [event(START_MS + n) for n in range(9)])
    with pytest.raises(ChurnError, match=r"Only 1 MiB are free: .*log\.json could not be sorted"):
        next(log_order.in_order(path, tmp_path / "spools"))
    assert list((tmp_path / "spools").iterdir()) == []


SORTER = """
import sys, time
from pathlib import Path
from churn.log_order import in_order
lines = in_order(Path(sys.argv[1]), Path(sys.argv[2]))
print(next(lines), flush=True)
time.sleep(60)
"""


def test_what_a_killed_program_had_spooled_goes(tmp_path: Path) -> None:
    path, folder = write(tmp_path / "log.json", [event(START_MS + 1), event(START_MS)]), tmp_path / "spools"
    with subprocess.Popen([sys.executable, "-c", SORTER, path, folder], stdout=subprocess.PIPE) as killed:
        assert killed.stdout is not None
        killed.stdout.readline()
        killed.kill()
    [left] = folder.iterdir()
    reader = log_order.in_order(path, folder)
    assert next(reader) == event(START_MS)
    assert not left.exists()
    reader.close()  # type: ignore[attr-defined]
    assert list(folder.iterdir()) == []
