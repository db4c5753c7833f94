"""What a program does when it is asked to end: by Ctrl-C, by SIGTERM, or because its terminal was closed."""

from __future__ import annotations

import atexit
import signal
import sys
import threading
from contextlib import suppress
from types import FrameType
from typing import NoReturn

import psutil

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(Exception):  # noqa: N818 (not an error: somebody wants it to end)
    """Ends a long work from inside: raised where it reports its progress."""


def end_in_order() -> None:
    """Makes a signal end the program as an error does, so that it leaves neither a file nor a process. A second one kills.

    The exit code is the one that a shell gives to a program that a signal has ended.
    """
    for number in _ENDING:
        if not _ignored(number):
            signal.signal(number, _leave)


def until_signal() -> threading.Event:
    """For a program that ends only when it is asked to: set by the first Ctrl-C, SIGTERM or SIGHUP."""
    stopping = threading.Event()
    for number in _ENDING:
        if number != signal.SIGHUP or not _ignored(number):
            signal.signal(number, lambda *_: stopping.set())
    return stopping


def _ignored(number: signal.Signals) -> bool:
    """Whether whoever started the program wants it to go on: `nohup` does."""
    return signal.getsignal(number) is signal.SIG_IGN


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    signal.signal(number, signal.SIG_DFL)
    atexit.register(_end_children)
    sys.exit(128 + number)


def _end_children() -> None:
    """Ends what nobody has: a JVM whose start was interrupted would wait for ever."""
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            child.terminate()
