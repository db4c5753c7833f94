"""A run's own folder below one that many share: gone when the run ends, swept by the next one if the run was killed."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from churn.locks import taken

_LOCK = ".lock"
_NEW = ".new-"


@contextmanager
def own_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """Makes a folder for as long as the context is open, and before that removes those whose run is gone.

    The kernel says whether a run lives, by a lock on a file in its folder: a process id means nothing to another
    container or another machine that shares the disk.

    Args:
        parent: is created if it is missing.
        prefix: how the folder's name begins; only folders of that name are swept.

    Raises:
        OSError: the folder cannot be made.
    """
    parent.mkdir(parents=True, exist_ok=True)
    _sweep(parent, prefix)
    folder = Path(tempfile.mkdtemp(prefix=_NEW, dir=parent))
    try:
        with (folder / _LOCK).open("wb") as lock:
            taken(lock)
            # It has the name that is swept only once it has its lock.
            folder = folder.rename(parent / f"{prefix}{folder.name.removeprefix(_NEW)}")
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(parent: Path, prefix: str) -> None:
    for left in parent.glob(f"{prefix}*"):
        # What has no such file was not made here.
        with suppress(OSError), (left / _LOCK).open("r+b") as lock:
            if taken(lock):  # not while the run that made it lives
                shutil.rmtree(left, ignore_errors=True)
