"""Locks between programs, on files. The kernel frees one when whoever holds it has ended, however that came about."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from churn.errors import ChurnError

_LOOK_S = 0.05
_REMIND_S = 3.0


def taken(file: IO[bytes]) -> bool:
    """Takes the lock of an open file if nobody else holds it, and says whether it could."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def claim(directory: Path, wait_s: float = 0.0) -> IO[bytes]:
    """Takes the lock file `directory/.lock`; it is held until the file returned, and what inherited it, is closed.

    Args:
        directory: is created if it is missing.
        wait_s: how long to wait for another holder to go away.

    Raises:
        ChurnError: another running program holds it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    file = (directory / ".lock").open("ab")
    deadline_s = time.monotonic() + wait_s
    while not taken(file):
        if time.monotonic() >= deadline_s:
            file.close()
            raise ChurnError(
                f"The folder {directory} is in use by another running program.",
                "Stop that one, or choose another folder.",
            )
        time.sleep(_LOOK_S)
    return file


@contextmanager
def locked(path: Path, progress: Callable[[str], None]) -> Iterator[None]:
    """Holds the lock file `path`. Waits for whoever holds it, and says so every few seconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        told_s = -_REMIND_S
        while not taken(file):
            if time.monotonic() - told_s >= _REMIND_S:
                progress("Another set-up is running: waiting for it …")
                told_s = time.monotonic()
            time.sleep(_LOOK_S)
        yield
