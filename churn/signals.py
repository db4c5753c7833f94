"""What a program does when it is asked to end: by Ctrl-C, by SIGTERM, or because its terminal was closed."""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType
from typing import NoReturn


class Stopped(Exception):  # noqa: N818 (not an error: somebody wants it to end)
    """Ends a long work from inside: raised where it reports its progress."""


def end_in_order() -> None:
    """Makes SIGTERM and SIGHUP end the program as an error does, so that nothing it holds is left. A second one kills.

    The exit code is the one that a shell gives to a program that a signal has ended.
    """
    for number in (signal.SIGTERM, *_hang_up()):
        signal.signal(number, _leave)


def until_signal() -> threading.Event:
    """For a program that ends only when it is asked to: set by the first Ctrl-C, SIGTERM or SIGHUP."""
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, *_hang_up()):
        signal.signal(number, lambda *_: stopping.set())
    return stopping


def _hang_up() -> tuple[signal.Signals, ...]:
    # Under `nohup` it is ignored, and is to stay so.
    return () if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else (signal.SIGHUP,)


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    signal.signal(number, signal.SIG_DFL)
    sys.exit(128 + number)
