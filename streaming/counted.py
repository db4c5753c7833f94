"""What counting made of records since the last writing."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from churn import events, metrics
from churn.tally import Counts
from streaming import letter


@dataclass
class Counted:
    """Records sorted by what they are.

    Attributes:
        counts: for the tally.
        kinds: for the metric; rubbish is in no tally, because it comes as a dead letter.
    """

    counts: Counts = field(default_factory=Counts)
    kinds: Counter[str] = field(default_factory=Counter)

    def event(self, message: Any) -> None:
        """One record of the events topic."""
        try:
            self.counts.event(events.decode(message.value or b"", message.timestamp))
        except events.InvalidEvent:
            self.kinds["invalid"] += 1
        else:
            self.kinds["event"] += 1

    def letter(self, message: Any) -> None:
        """One record of the dead-letters topic; a note that one was sent again is none."""
        found = letter.read(message.value or b"", message.partition, message.offset)
        if isinstance(found, letter.Redriven):
            return
        self.kinds["letter"] += 1
        if found is None:
            self.counts.letter(None, message.timestamp)
        else:
            self.counts.letter(found.reason, found.received_ms)

    def passed(self, count: int, of_letters: bool) -> None:
        """Records that nobody looked at."""
        self.kinds["passed"] += count
        self.counts.sums["passed_letters" if of_letters else "passed"] += count

    def tell(self) -> None:
        """Adds all to the metric, once it is written."""
        for kind, count in self.kinds.items():
            metrics.PUBLISH_TALLIED.labels(kind).inc(count)
