"""What a batch of records does to the accumulators: decode, each event once, add."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import itemgetter

from benchmarks.peers.accumulators import add, empty
from benchmarks.peers.decoding import decode
from benchmarks.peers.identities import Identities
from benchmarks.peers.reading import Message, Polled
from churn.events import InvalidEvent

Touched = dict[str, int]
"""Users of one partition, each with the offset of the newest record that moved it, in order of that offset."""


@dataclass
class Tally:
    """How many records there were of each kind; their sum is what was read."""

    counted: int = 0
    duplicates: int = 0
    late: int = 0
    invalid: int = 0
    logged_out: int = 0


@dataclass
class Counting:
    """The state of a consumer.

    Attributes:
        identities: of the events seen lately, by partition; None where doubles are counted as they come.
        held: accumulators by user.
        tally: of all records so far.
    """

    identities: Mapping[int, Identities] | None
    held: dict[str, array[float]] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)

    def take(self, polled: Polled) -> dict[int, Touched]:
        """Counts a batch; returns by partition whom it has moved."""
        return {number: self._take(messages, self._known(number)) for number, messages in polled.items()}

    def _known(self, partition: int) -> Identities | None:
        return self.identities[partition] if self.identities is not None else None

    def _take(self, messages: list[Message], known: Identities | None) -> Touched:
        moved: Touched = {}
        held, tally = self.held, self.tally
        for offset, received_ms, raw in messages:
            try:
                event = decode(raw, received_ms)
            except InvalidEvent:
                tally.invalid += 1
                continue
            user_id = event[0]
            if not user_id:
                tally.logged_out += 1
            elif known is not None and known.is_late(event[3]):
                tally.late += 1
            elif known is not None and not known.meet(event):
                tally.duplicates += 1
            else:
                mine = held.get(user_id)
                if mine is None:
                    mine = held[user_id] = empty()
                add(mine, event, received_ms)
                moved[user_id] = offset
                tally.counted += 1
        return dict(sorted(moved.items(), key=itemgetter(1)))
