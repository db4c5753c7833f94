"""A compressed log unpacked for Spark, which reads gzip with one core and takes no `.zst` at all."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from churn.errors import ChurnError
from churn.locks import taken
from churn.packed import BROKEN, COMPRESSED, open_packed

Progress = Callable[[int], None]
"""Told now and then how far a long work has come; what it raises ends the work."""

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
        ChurnError: it is broken, or the disk is full.
    """
    if path.suffix not in COMPRESSED:
        yield path
        return
    folder.mkdir(parents=True, exist_ok=True)
    _sweep(folder)
    with _held_file(folder) as (unpacked, name):
        _unpack(path, unpacked, progress)
        yield name


def _sweep(folder: Path) -> None:
    for left in folder.glob("unpacked-*.json"):
        with suppress(FileNotFoundError), left.open("rb") as file:
            if taken(file):  # not while the program that made it lives
                left.unlink()


@contextmanager
def _held_file(folder: Path) -> Iterator[tuple[IO[bytes], Path]]:
    """A file that is gone afterwards, and locked meanwhile: it has its name only once it has its lock."""
    with tempfile.NamedTemporaryFile(dir=folder, prefix="new-", delete=False) as file:
        name = Path(file.name)
        try:
            taken(file)
            name = name.rename(folder / f"unpacked-{name.name.removeprefix('new-')}.json")
            yield file, name
        finally:
            name.unlink(missing_ok=True)


def _unpack(path: Path, unpacked: IO[bytes], progress: Progress) -> None:
    size = 0
    try:
        with open_packed(path) as source:
            while chunk := source.read(_CHUNK):
                size += unpacked.write(chunk)
                if size % _STRIDE_BYTES < len(chunk):
                    progress(size)
        unpacked.flush()
    except BROKEN as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise full_disk(f"{path} could not be unpacked", folder=Path(unpacked.name).parent) from None
        raise ChurnError(f"{path} cannot be unpacked ({error}).", "Fetch or compress the file again.") from None


def full_disk(what: str, folder: Path) -> ChurnError:
    """The error for a disk on which something could not be written."""
    return ChurnError(f"The disk is full: {what} into {folder}.", "Make room, or set var to a folder on a larger disk.")
