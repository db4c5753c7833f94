"""What was written, brought to the disk itself, so that a power cut does not take it back."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def contents_to_disk(folder: Path) -> None:
    """Waits until a folder and everything in it is on the disk.

    Raises:
        OSError: a file could not be written there after all.
    """
    for path in sorted(folder.rglob("*")):
        if path.is_dir():
            names_to_disk(path)
        else:
            _to_disk(path)
    names_to_disk(folder)


def names_to_disk(folder: Path) -> None:
    """Waits until the names in a folder are on the disk: which files there are, and what was renamed."""
    with suppress(OSError):  # some network disks do not know of this for folders, and lose nothing by it
        _to_disk(folder)


def _to_disk(path: Path) -> None:
    held = os.open(path, os.O_RDONLY)
    try:
        os.fsync(held)
    finally:
        os.close(held)
