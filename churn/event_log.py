"""Event logs on disk: JSON lines, plain or compressed, in whatever order they were written."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice, pairwise
from pathlib import Path
from typing import IO

from churn.errors import ChurnError
from churn.events import TS_MAX_MS, TS_MIN_MS
from churn.packed import BROKEN, open_packed
from churn.settings import DAY_MS
from churn.unpacked import Progress, plain, silent

__all__ = ["GAP_DAYS", "SUFFIXES", "Survey", "gap", "lines", "plain", "require", "stamp", "survey"]

SUFFIXES = (".json", ".jsonl", ".json.gz", ".json.bz2", ".json.zst")
GAP_DAYS = 30
"""A log that is silent for longer is two logs, or holds an event whose clock was wrong."""

LINE_MAX = 1 << 20
"""Bytes of a line that are read: Kafka takes no longer record. A whole log may be one line, if it is no JSON lines."""

_STRIDE = 100_000
_CUT = 1 << 10
_LINES_TO_JUDGE = 1000
_WANTED = "It must have one JSON object a line, with ts, userId, page and so on."


@dataclass(frozen=True)
class Survey:
    """What one pass over a log found.

    Attributes:
        rows: lines that are not empty.
        with_user: rows of somebody logged in.
        unreadable: rows that are no JSON object with a whole number `ts` that an event can have.
        first_ms: smallest `ts`.
        last_ms: largest `ts`.
        disorder_ms: by how much a row's `ts` lies behind the largest before it, at most.
    """

    rows: int
    with_user: int
    unreadable: int
    first_ms: int
    last_ms: int
    disorder_ms: int


def lines(path: Path) -> Iterator[bytes]:
    """The lines of a log that are not empty, without their line ends.

    Of a line longer than :data:`LINE_MAX` only the beginning is given, so marked that nobody can take it for an event.

    Raises:
        ChurnError: the file is not there, not to be read, or its compression is broken; it names the line.
    """
    number = 0
    try:
        with open_packed(path) as file:
            for line in _bounded(file):
                number += 1
                stripped = line.strip()
                if stripped:
                    yield stripped
    except FileNotFoundError:
        raise ChurnError(f"There is no file {path}.", f"Name a log that ends in {', '.join(SUFFIXES)}.") from None
    except BROKEN as error:
        raise ChurnError(
            f"{path} is broken after line {number} ({error}).", "Fetch or compress the file again."
        ) from None


def _bounded(file: IO[bytes]) -> Iterator[bytes]:
    """Lines as they stand in a file; one that is too long is cut, and its rest is passed over."""
    while line := file.readline(LINE_MAX):
        part = line
        while len(part) == LINE_MAX and not part.endswith(b"\n"):
            part = file.readline(LINE_MAX)
            if part.strip():
                line = line[:_CUT] + b" ..."
        yield line


def stamp(line: bytes) -> tuple[int, str] | None:
    """`ts` (ms) and `userId` of a line, or None when it has no time that an event can have."""
    try:
        record = json.loads(line)
        ts, user = record["ts"], record.get("userId")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    # To Python, true is a whole number.
    if type(ts) is not int or not TS_MIN_MS <= ts < TS_MAX_MS:
        return None
    return ts, "" if user is None else str(user)


def survey(path: Path, progress: Progress = silent) -> Survey:
    """Reads a log once, from end to end.

    Raises:
        ChurnError: as :func:`lines`, or the file holds no event at all, or is silent for more than `GAP_DAYS`.
    """
    rows = with_user = unreadable = disorder = last = 0
    first, days = TS_MAX_MS, Counter[int]()
    for line in lines(path):
        rows += 1
        if rows % _STRIDE == 0:
            progress(rows)
        stamped = stamp(line)
        if stamped is None:
            unreadable += 1
            continue
        ts, user = stamped
        with_user += user != ""
        days[ts // DAY_MS] += 1
        first, disorder, last = min(first, ts), max(disorder, last - ts), max(last, ts)
    if not days:
        raise ChurnError(f"{path} holds no listening event.", _WANTED)
    _refuse_gap(path, days)
    return Survey(rows, with_user, unreadable, first, last, disorder)


def gap(days: Mapping[int, int]) -> tuple[int, int] | None:
    """The longest silence of a log if it is longer than `GAP_DAYS`.

    One event with a wrong clock would otherwise move the end of the log by years, and every cut and label with it.

    Args:
        days: how many events each day holds, by days since 1970.

    Returns:
        The day before the silence and the day after it.
    """
    held = sorted(day for day, rows in days.items() if rows)
    widest = max(pairwise(held), key=lambda pair: pair[1] - pair[0], default=(0, 0))
    return widest if widest[1] - widest[0] > GAP_DAYS else None


def _refuse_gap(path: Path, days: Mapping[int, int]) -> None:
    """Raises ChurnError for a log with a gap, and names the smaller part of it."""
    found = gap(days)
    if found is None:
        return
    before, after = found
    early = sum(rows for day, rows in days.items() if day <= before)
    late = sum(rows for day, rows in days.items() if day >= after)
    where = f"from {date(after)} on" if late <= early else f"up to {date(before)}"
    count = min(early, late)
    raise ChurnError(
        f"{path} has {'one event' if count == 1 else f'{count:,} events'} {where}, {after - before:,} days "
        f"{'after' if late <= early else 'before'} all others.",
        "Take out what does not belong there, or give each part of the log by itself.",
    )


def date(day: int) -> str:
    """A day by days since 1970, as people write it."""
    return f"{datetime.fromtimestamp(day * DAY_MS / 1000, UTC):%Y-%m-%d}"


def require(path: Path) -> None:
    """Raises ChurnError unless the file is there, is read to its first event, and has an ending we know."""
    if not path.name.endswith(SUFFIXES):
        raise ChurnError(f"{path} is not a kind of log we read.", f"It should end in {', '.join(SUFFIXES)}.")
    first = b""
    for line in islice(lines(path), _LINES_TO_JUDGE):
        if stamp(line):
            return
        first = first or line
    if first.startswith(b"["):
        raise ChurnError(f"{path} looks like one JSON array.", "Give one event a line, as jq -c '.[]' writes them.")
    raise ChurnError(f"{path} holds no listening event.", _WANTED)
