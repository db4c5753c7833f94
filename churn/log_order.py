"""The order in which a log is sent, so that the stream loses none of its events."""

from __future__ import annotations

import errno
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from churn.event_log import Survey, lines, stamp
from churn.own_folder import own_folder
from churn.settings import DAY_MS
from churn.unpacked import Progress, full_disk, require_room, silent

_STRIDE = 100_000
_SPOOLS_OPEN = 64  # a process may have some 1,024 files open, and a log may span more days than that


def arranged(
    path: Path, found: Survey, window_days: float, folder: Path, progress: Progress = silent
) -> Iterator[bytes]:
    """The lines of a log in an order in which the stream loses none.

    The order of the file is kept where it is good enough: no row further behind than half the time for which the
    stream waits for late events. Otherwise the lines come sorted.
    """
    enough = found.disorder_ms <= window_days / 2 * DAY_MS
    return lines(path) if enough else in_order(path, folder, progress)


def in_order(path: Path, folder: Path, progress: Progress = silent) -> Iterator[bytes]:
    """The lines of a log by `ts`, whatever their order in the file; unreadable ones come first.

    A file may be larger than memory: its lines are spread over one spool file a day in `folder`, and each day
    is sorted by itself.

    Args:
        path: the log.
        folder: where the spool files are for as long as the lines are read; what killed programs left there goes.
        progress: told now and then how many rows are spread; what it raises ends it.

    Raises:
        ChurnError: as :func:`churn.event_log.lines`, or the disk is full or about to be.
    """
    what = f"{path} could not be sorted"

    def tell(rows: int) -> None:
        progress(rows)
        require_room(what, folder)

    with own_folder(folder, "spool-") as spool:
        try:
            days = _spread(path, spool, tell)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise full_disk(what, folder) from None
            raise
        for day in sorted(days):
            with (spool / str(day)).open("rb") as file:
                yield from sorted((line.rstrip(b"\n") for line in file), key=_moment)


def _moment(line: bytes) -> int:
    """By what lines are sorted; below 0 for one without a time."""
    stamped = stamp(line)
    return -DAY_MS if stamped is None else stamped[0]


def _spread(path: Path, spool: Path, progress: Progress) -> set[int]:
    days: set[int] = set()
    files: OrderedDict[int, IO[bytes]] = OrderedDict()
    with ExitStack() as stack:
        stack.callback(lambda: [file.close() for file in files.values()])
        for row, line in enumerate(lines(path), 1):
            if row % _STRIDE == 0:
                progress(row)
            day = _moment(line) // DAY_MS
            if day not in files:
                if len(files) == _SPOOLS_OPEN:
                    files.popitem(last=False)[1].close()
                files[day] = (spool / str(day)).open("ab")
                days.add(day)
            files.move_to_end(day)
            files[day].write(line + b"\n")
    return days
