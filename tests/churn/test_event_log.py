from __future__ import annotations

import bz2
import gzip
import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from churn import event_log
from churn.errors import ChurnError
from churn.settings import DAY_MS

LINES = [
    json.dumps({"ts": 1_538_352_000_000 + i * DAY_MS // 8, "userId": str(i % 5 or "")}).encode() for i in range(400)
]
TEXT = b"\n".join(LINES) + b"\n"

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "log.json": bytes,
    "log.json.gz": gzip.compress,
    "log.json.bz2": bz2.compress,
    "log.json.zst": zstandard.ZstdCompressor().compress,
}


@pytest.mark.parametrize("name", PACKERS)
def test_a_log_is_read_whatever_its_compression(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.write_bytes(PACKERS[name](TEXT))
    event_log.require(file)
    assert list(event_log.lines(file)) == LINES
    with event_log.plain(file, tmp_path / "var") as readable:
        if name.endswith((".json", ".zst")):
            assert readable.read_bytes() == TEXT
    assert list((tmp_path / "var").glob("*")) == []


def test_frames_one_after_another_are_one_log(tmp_path: Path) -> None:
    file = tmp_path / "log.json.zst"
    file.write_bytes(PACKERS[file.name](TEXT) + PACKERS[file.name](TEXT))
    assert list(event_log.lines(file)) == LINES * 2


@pytest.mark.parametrize("name", [name for name in PACKERS if name != "log.json"])
def test_a_file_that_was_cut_short_is_not_taken_for_a_whole_one(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.write_bytes(PACKERS[name](TEXT)[:-9])
    with pytest.raises(ChurnError, match=r"is broken after line \d+"):
        list(event_log.lines(file))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("log.txt", TEXT, "is not a kind of log"),
        ("log.json", b"hello\n" * 3, "holds no listening event"),
        ("log.json", b"", "holds no listening event"),
        ("log.json.gz", b"no gzip", "is broken after line 0"),
    ],
)
def test_what_is_no_log_is_refused(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ChurnError, match=words):
        event_log.require(tmp_path / name)


def test_a_survey_counts(tmp_path: Path) -> None:
    file = tmp_path / "log.json"
    file.write_bytes(TEXT + b"\nnot json\n[]\n" + LINES[0] + b"\n")
    found = event_log.survey(file)
    first, last = (json.loads(line)["ts"] for line in (LINES[0], LINES[-1]))
    assert (found.rows, found.unreadable) == (403, 2)
    assert found.with_user == sum(json.loads(line)["userId"] != "" for line in [*LINES, LINES[0]])
    assert (found.first_ms, found.last_ms, found.disorder_ms) == (first, last, last - first)


def test_a_log_in_disorder_is_sorted_and_one_in_good_order_is_left(tmp_path: Path) -> None:
    shuffled = random.Random(1).sample(LINES, len(LINES))
    file = tmp_path / "log.json"
    file.write_bytes(b"\n".join(shuffled))
    found = event_log.survey(file)
    assert list(event_log.arranged(file, found, 3, tmp_path / "var")) == LINES
    assert list((tmp_path / "var").glob("*")) == []
    assert list(event_log.arranged(file, found, 1000, tmp_path / "var")) == shuffled
