"""A compressed log unpacked for Spark, which reads gzip with one core and takes no `.zst` at all."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from churn.errors import ChurnError
from churn.own_folder import own_folder
from churn.packed import BROKEN, COMPRESSED, open_packed

Progress = Callable[[int], None]
"""Told now and then how far a long work has come; what it raises ends the work."""

ROOM_BYTES = 1 << 30
"""Free space below which a log is unpacked no further: a stream and its servers on the same disk must live on."""

_STRIDE_BYTES = 64 << 20
_CHUNK = 1 << 20


def silent(_: int) -> None:
    """Progress of which nobody is told."""


@contextmanager
def plain(path: Path, folder: Path, progress: Progress = silent) -> Iterator[Path]:
    """A file that Spark can read: the log itself, or a compressed one unpacked into `folder` for as long as needed.

    Args:
        path: the log.
        folder: where to; what programs left there that were killed goes.
        progress: told now and then how many bytes there are.

    Raises:
        ChurnError: it is broken, or the disk is full or about to be.
    """
    if path.suffix not in COMPRESSED:
        yield path
        return
    with own_folder(folder, "unpacked-") as own:
        readable = own / "log.json"
        _unpack(path, readable, folder, progress)
        yield readable


def _unpack(path: Path, readable: Path, folder: Path, progress: Progress) -> None:
    size, what = 0, f"{path} could not be unpacked"
    try:
        with open_packed(path) as source, readable.open("wb") as unpacked:
            while chunk := source.read(_CHUNK):
                size += unpacked.write(chunk)
                if size % _STRIDE_BYTES < len(chunk):
                    progress(size)
                    require_room(what, folder)
    except BROKEN as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise full_disk(what, folder) from None
        raise ChurnError(f"{path} cannot be unpacked ({error}).", "Fetch or compress the file again.") from None


def full_disk(what: str, folder: Path) -> ChurnError:
    """The error for a disk on which something could not be written."""
    return ChurnError(f"The disk is full: {what} into {folder}.", _MEND)


def require_room(what: str, folder: Path) -> None:
    """Raises ChurnError when less than :data:`ROOM_BYTES` are free on the disk of a folder.

    Args:
        what: in words, what is not done for want of room.
        folder: where to.
    """
    free = shutil.disk_usage(folder).free
    if free < ROOM_BYTES:
        raise ChurnError(
            f"Only {free >> 20:,} MiB are free: {what} into {folder}, since {ROOM_BYTES >> 20:,} MiB must stay free "
            "for whatever else works on that disk.",
            _MEND,
        )


_MEND = "Make room, or set var to a folder on a larger disk."
