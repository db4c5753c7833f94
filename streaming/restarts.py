"""What to do when a query has failed: try again after a while, or say that it would fail for ever."""

from __future__ import annotations

from dataclasses import dataclass, field

from churn.errors import ChurnError
from streaming import checkpoint

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
SAME_FAILURES = 3
"""So often may a query fail in the same way, at the same place: then it is no accident."""

LOST = ("data may have been lost", "OffsetOutOfRangeException")
"""What Spark's source and Kafka's consumer say when events have gone: aged out, or the topic was deleted."""

DAMAGED = ("Incomplete log file", "Failed to read log file", "CANNOT_LOAD_STATE_STORE", "is corrupted")
"""What Spark says of a checkpoint with a file that was cut short or is missing."""

FULL = ("No space left on device", "Disk quota exceeded")
"""What the system says when a disk is full, whoever wrote: a file of the checkpoint, RocksDB, or a shuffle."""

DISK_IS_FULL = (
    "the disk of stream.checkpoint or of Spark's temporary files is full: make room, and the stream goes on by itself"
)

PASSING = (
    "TimeoutException",
    "DisconnectException",
    "Timed out",
    "Timeout of",
    "not available",
    "UnknownTopicOrPartition",
    "NotLeaderOrFollower",
    "NotEnoughReplicas",
    "CONCURRENT_SCHEDULER_INSUFFICIENT_SLOT",
    "STATE_STORE_CHECKPOINT_LOCATION_NOT_EMPTY",  # a task of the run before wrote still; the next start takes it away
    "Connection refused",
    *FULL,
)
"""Troubles of others that end some time, however often they are met."""


@dataclass
class Restarts:
    """The failures of one query since it last got on.

    Attributes:
        query: its name.
    """

    query: str
    _wait_s: float = field(default=FIRST_WAIT_S, init=False)
    _place: int | None = field(default=None, init=False)
    _same: list[str] = field(default_factory=list, init=False)

    def after(self, told: str, batch: int) -> float:
        """Seconds to wait before the next start.

        Args:
            told: what Spark says of the failure.
            batch: the last batch that was completed, -1 for none.

        Raises:
            ChurnError: events that were still to be read are gone, the checkpoint is damaged, or the query fails for
                ever at this place.
        """
        if _names(told, LOST):  # Spark's own advice would go on with wrong balances
            raise ChurnError(
                f"Kafka no longer holds all events that the query {self.query} had still to read.", checkpoint.NEW_EPOCH
            )
        reason = brief(told)
        # State that finds no room where it is unpacked cannot be loaded either, and is as good as before.
        if _names(told, DAMAGED) and not is_full(told):
            raise ChurnError(f"The checkpoint of the query {self.query} is damaged: {reason}.", checkpoint.NEW_EPOCH)
        if self._place != batch:
            self._place, self._wait_s, self._same = batch, FIRST_WAIT_S, []
        if not _names(told, PASSING):
            self._same = [*(one for one in self._same if one == reason), reason]
            if len(self._same) == SAME_FAILURES:
                raise ChurnError(
                    f"The query {self.query} failed {SAME_FAILURES} times at the same place: {reason}.",
                    "Trying again does not help: read the log above, mend the cause, and start it again.",
                )
        wait_s, self._wait_s = self._wait_s, min(self._wait_s * 2, LONGEST_WAIT_S)
        return wait_s


def everything_told(failure: object) -> str:
    """What Spark says of a failure and, below, of what was behind it: in real-time mode only there a disk is named."""
    lines = []
    while failure is not None:
        lines.append(str(failure))
        failure = getattr(failure, "_cause", None)  # pyspark keeps it, and shows it to nobody
    return "\n".join(lines)


def is_full(told: str) -> bool:
    """Whether a disk was full."""
    return _names(told, FULL)


def _names(told: str, signs: tuple[str, ...]) -> bool:
    return any(words in told for words in signs)


def brief(told: str) -> str:
    """What a person needs of what Spark says: its first line, or a sentence where that says less."""
    if is_full(told):
        return DISK_IS_FULL
    return (told.strip() or "it stopped by itself").splitlines()[0][:300].rstrip(".;")
