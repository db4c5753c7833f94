"""Throughput: how fast a backlog that waits in Kafka becomes scores that are readable in Redis."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.contestants import Contestant
from benchmarks.stand import Stand, wait_until
from churn.child import Child
from churn.errors import ChurnError

WARM = 0.4
"""Share of the backlog after which a contestant counts as warm: a JVM compiles while it runs."""
LIMIT_S = 1200.0


@dataclass(frozen=True)
class Drained:
    """How one contestant worked off the backlog.

    Attributes:
        warm_per_s: events a second over the last part, from WARM on.
        first_s: seconds from the start of its programs to the first score.
        all_s: to the last.
    """

    warm_per_s: float
    first_s: float
    all_s: float


def measure(stand: Stand, contestant: Contestant, events: str, total: int) -> Drained:
    """One run of one contestant, started anew, on a topic that holds `total` events of users.

    Raises:
        ChurnError: it ended, was not done in time, or was done before it was warm.
    """
    kafka = stand.topics(events)
    began_s = time.monotonic()
    with stand.running(contestant, kafka) as programs:
        done = _parsed(programs["stream"]) if contestant.name == "parse_only" else _scored(stand)
        marks: dict[str, tuple[float, int]] = {}

        def finished() -> bool:
            count, now_s = done(), time.monotonic()
            for mark, least in (("first", 1), ("warm", WARM * total), ("all", total)):
                if count >= least:
                    marks.setdefault(mark, (now_s, count))
            return "all" in marks

        wait_until(finished, LIMIT_S, programs, f"{contestant.name}: the backlog")
    (warm_s, warm), (all_s, _) = marks["warm"], marks["all"]
    if warm_s == all_s:
        raise ChurnError(f"{contestant.name} took {total:,} events at once.", "Measure a larger backlog.")
    return Drained((total - warm) / (all_s - warm_s), marks["first"][0] - began_s, all_s - began_s)


def _scored(stand: Stand) -> Callable[[], int]:
    return lambda: stand.view.books().events_scored


def _parsed(stream: Child) -> Callable[[], int]:
    """What `benchmarks.partial_stream` says that it has read."""

    def count() -> int:
        told = re.findall(r"^read (\d+)$", stream.tail(3), re.MULTILINE)
        return int(told[-1]) if told else 0

    return count
