"""Event logs on disk: JSON lines, plain or compressed, in whatever order they were written."""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import json
import shutil
import tempfile
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

import zstandard

from churn.errors import ChurnError
from churn.settings import DAY_MS

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

SUFFIXES = (".json", ".jsonl", ".json.gz", ".json.bz2", ".json.zst")
_COMPRESSED = (".gz", ".bz2", ".zst")
_STRIDE = 100_000
_LINES_TO_JUDGE = 1000
_WANTED = "It must have one JSON object a line, with ts, userId, page and so on."
_BROKEN = (OSError, EOFError, ValueError, zlib.error, zstandard.ZstdError)
_SPOOLS_OPEN = 64  # a process may have some 1,024 files open, and a log may span more days than that


@dataclass(frozen=True)
class Survey:
    """What one pass over a log found.

    Attributes:
        rows: lines that are not empty.
        with_user: rows of somebody logged in.
        unreadable: rows that are no JSON object with a whole number `ts`.
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


def _open(path: Path) -> IO[bytes]:
    if path.suffix == ".gz":
        return cast("IO[bytes]", gzip.open(path, "rb"))
    if path.suffix == ".bz2":
        return cast("IO[bytes]", bz2.open(path, "rb"))
    if path.suffix == ".zst":
        return cast("IO[bytes]", io.BufferedReader(_Zstandard(path), 1 << 20))
    return path.open("rb")


class _Zstandard(io.RawIOBase):
    """Reads a `.zst` to its end. The library's own reader takes a file that was cut short for one that is whole."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()

    def readinto(self, buffer: WriteableBuffer) -> int:
        while not self._ready and not self._file.closed:
            packed = self._file.read(1 << 17)
            if not packed:
                if not self._frame.eof:
                    raise EOFError("the file ends before its last frame does")
                return 0
            self._ready = memoryview(self._unpack(packed))
        target = memoryview(buffer).cast("B")
        size = min(len(target), len(self._ready))
        target[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size

    def _unpack(self, packed: bytes) -> bytes:
        parts = []
        while packed:
            if self._frame.eof:
                self._frame = zstandard.ZstdDecompressor().decompressobj()
            parts.append(self._frame.decompress(packed))
            packed = self._frame.unused_data if self._frame.eof else b""
        return b"".join(parts)


def lines(path: Path) -> Iterator[bytes]:
    """The lines of a log that are not empty, without their line ends.

    Raises:
        ChurnError: the file is not there, not to be read, or its compression is broken; it names the line.
    """
    number = 0
    try:
        with _open(path) as file:
            for line in file:
                number += 1
                stripped = line.strip()
                if stripped:
                    yield stripped
    except FileNotFoundError:
        raise ChurnError(f"There is no file {path}.", f"Name a log that ends in {', '.join(SUFFIXES)}.") from None
    except _BROKEN as error:
        raise ChurnError(
            f"{path} is broken after line {number} ({error}).", "Fetch or compress the file again."
        ) from None


def stamp(line: bytes) -> tuple[int, str] | None:
    """`ts` (ms) and `userId` of a line, or None when it has none to go by."""
    try:
        record = json.loads(line)
        ts, user = record["ts"], record.get("userId")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    # To Python, true is a whole number.
    return (ts, "" if user is None else str(user)) if type(ts) is int else None


def survey(path: Path, progress: Callable[[int], None] = lambda _: None) -> Survey:
    """Reads a log once, from end to end.

    Raises:
        ChurnError: as :func:`lines`, or the file holds no event at all.
    """
    rows = with_user = unreadable = disorder = last = 0
    first: int | None = None
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
        first = ts if first is None else min(first, ts)
        disorder, last = max(disorder, last - ts), max(last, ts)
    if first is None:
        raise ChurnError(f"{path} holds no listening event.", _WANTED)
    return Survey(rows, with_user, unreadable, first, last, disorder)


def require(path: Path) -> None:
    """Raises ChurnError unless the file is there, is read to its first event, and has an ending we know."""
    if not path.name.endswith(SUFFIXES):
        raise ChurnError(f"{path} is not a kind of log we read.", f"It should end in {', '.join(SUFFIXES)}.")
    if not any(stamp(line) for line in islice(lines(path), _LINES_TO_JUDGE)):
        raise ChurnError(f"{path} holds no listening event.", _WANTED)


@contextmanager
def plain(path: Path, folder: Path) -> Iterator[Path]:
    """A file that Spark can read: the log itself, or a compressed one unpacked into `folder` for as long as needed.

    Spark reads gzip by itself, but with one core, and takes no `.zst` at all.
    """
    if path.suffix not in _COMPRESSED:
        yield path
        return
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, prefix="unpacked-", suffix=".json") as unpacked:
        try:
            with _open(path) as source:
                shutil.copyfileobj(source, unpacked, 1 << 20)
        except _BROKEN as error:
            if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                raise ChurnError(
                    f"The disk is full: {path} could not be unpacked into {folder}.",
                    "Make room, or set var to a folder on a larger disk.",
                ) from None
            raise ChurnError(f"{path} cannot be unpacked ({error}).", "Fetch or compress the file again.") from None
        unpacked.flush()
        yield Path(unpacked.name)


def arranged(path: Path, found: Survey, window_days: float, folder: Path) -> Iterator[bytes]:
    """The lines of a log in an order in which the stream loses none.

    The order of the file is kept where it is good enough: no row further behind than half the time for which the
    stream waits for late events. Otherwise the lines come sorted.
    """
    return lines(path) if found.disorder_ms <= window_days / 2 * DAY_MS else in_order(path, folder)


def in_order(path: Path, folder: Path) -> Iterator[bytes]:
    """The lines of a log by `ts`, whatever their order in the file; unreadable ones come first.

    A file may be larger than memory: its lines are spread over one spool file a day in `folder`, and each day
    is sorted by itself.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="spool-", dir=folder) as spool:
        days = _spread(path, Path(spool))
        for day in sorted(days):
            with (Path(spool) / str(day)).open("rb") as file:
                yield from sorted((line.rstrip(b"\n") for line in file), key=lambda line: (stamp(line) or (0, ""))[0])


def _spread(path: Path, spool: Path) -> set[int]:
    days: set[int] = set()
    files: OrderedDict[int, IO[bytes]] = OrderedDict()
    with ExitStack() as stack:
        stack.callback(lambda: [file.close() for file in files.values()])
        for line in lines(path):
            day = (stamp(line) or (-DAY_MS, ""))[0] // DAY_MS
            if day not in files:
                if len(files) == _SPOOLS_OPEN:
                    files.popitem(last=False)[1].close()
                files[day] = (spool / str(day)).open("ab")
                days.add(day)
            files.move_to_end(day)
            files[day].write(line + b"\n")
    return days
