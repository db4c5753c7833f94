"""Where a demo's events come from: history to learn from, and what is streamed after the cut."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from churn import event_log, log_order
from churn.demo.plan import Plan
from churn.events import encode
from churn.settings import DAY_MS, Settings
from churn.simulator import Simulation

HISTORY_DAYS = 42
BEHIND_DAYS = 14
"""At least so far back the simulated traffic begins, runs fast, and slows to real time when it has caught up."""

STRIDE = 100_000
MB = 1_000_000
_WEEK_MS = 7 * DAY_MS
_HISTORY_SHARE = 2 / 3
_ENDLESS_DAYS = 3650


@dataclass(frozen=True)
class Traffic:
    """Events before and after the cut.

    Attributes:
        history: JSON lines that Spark can read; what lies after the cut in it is to be left out.
        cut_ms: the last moment of history.
        live: lines to be streamed; those up to the cut are to be left out.
        endless: whether `live` ends only with the demo.
    """

    history: Path
    cut_ms: int
    live: Iterator[bytes]
    endless: bool


@contextmanager
def traffic(plan: Plan, settings: Settings, folder: Path, say: Callable[[str], None]) -> Iterator[Traffic]:
    """The traffic of a plan.

    Args:
        plan: simulated listeners, or a log.
        settings: of the stream.
        folder: where history goes that has to be written first.
        say: told every second or so how far it has come; what it raises ends the work.

    Raises:
        ChurnError: the log is not there, broken, holds no event or a gap of weeks, or the disk is full.
    """
    with ExitStack() as stack:
        if plan.events is None:
            yield simulated(plan.users, folder, int(time.time() * 1000), say)
        else:
            yield _own(plan.events, settings, folder, say, stack)


def _own(path: Path, settings: Settings, folder: Path, say: Callable[[str], None], stack: ExitStack) -> Traffic:
    event_log.require(path)
    say(f"Reading {path.name} once to learn its size and span.")
    found = event_log.survey(path, lambda rows: say(f"Read {rows:,} rows."))
    cut_ms = int(found.first_ms + (found.last_ms - found.first_ms) * _HISTORY_SHARE)
    say(
        f"{found.rows:,} rows, {found.with_user:,} of users, over {(found.last_ms - found.first_ms) / DAY_MS:.1f} days."
    )
    return Traffic(
        history=stack.enter_context(event_log.plain(path, folder, lambda size: say(f"Unpacked {size // MB:,} MB."))),
        cut_ms=cut_ms,
        live=log_order.arranged(
            path,
            found,
            settings.stream.dedupe_window_days,
            folder,
            lambda rows: say(f"Putting in order: {rows:,} rows."),
        ),
        endless=False,
    )


def simulated(users: int, folder: Path, now_ms: int, say: Callable[[str], None]) -> Traffic:
    """Listeners whose history ends some weeks back and who go on from there."""
    # From week to week the listeners do the same at the same hours: whether the model learns enough is no luck.
    cut_ms = (now_ms - BEHIND_DAYS * DAY_MS) // _WEEK_MS * _WEEK_MS
    start_ms = cut_ms - HISTORY_DAYS * DAY_MS
    events = Simulation(users, start_ms, now_ms + _ENDLESS_DAYS * DAY_MS).events()
    history = folder / "history.json"
    say(f"Simulating {HISTORY_DAYS} days of {users:,} listeners.")
    first_live: dict[str, object] = {}
    with history.open("wb") as file:
        for count, event in enumerate(events, 1):
            if int(str(event["ts"])) > cut_ms:
                first_live = event
                break
            file.write(encode(event) + b"\n")
            if count % STRIDE == 0:
                say(f"Simulated {count:,} events.")
    live = (encode(event) for event in itertools.chain([first_live], events))
    return Traffic(history, cut_ms, live, endless=True)
