"""What a program does when it is asked to end: by Ctrl-C, by SIGTERM, or because its terminal was closed."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import psutil

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_CHILDREN_S = 3.0


class Stopped(Exception):  # noqa: N818 (not an error: somebody wants it to end)
    """Ends a long work from inside: raised where it reports its progress."""


@contextmanager
def ending_in_order() -> Iterator[None]:
    """While it is open, a signal ends the program as an error does: neither a file nor a process is left.

    The exit code is the one that a shell gives to a program that a signal has ended. A second signal ends it at once.
    """
    asked: list[int] = []
    children: list[psutil.Process] = []

    def leave(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        asked.append(number)
        # Now and not later: a call into a JVM would have to end before anything else could be asked of it. What then
        # complains that the JVM is gone tells nobody anything new.
        _quiet()
        children.extend(_terminated())
        sys.exit(128 + number)

    for number in _ENDING:
        if not _ignored(number):
            signal.signal(number, leave)
    try:
        yield
    except Exception:
        if not asked:
            raise
    finally:
        for child in psutil.wait_procs(children, _CHILDREN_S)[1]:
            with suppress(psutil.Error):
                child.kill()
    if asked:
        sys.exit(128 + asked[0])


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


def _quiet() -> None:
    logging.disable()
    threading.excepthook = lambda _: None


def _terminated() -> Iterator[psutil.Process]:
    """The processes that this one has started, each told to end."""
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            child.terminate()
            yield child
