"""What a poll of the scores topic brought: scores, who was erased, and markers of the forgotten."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import structlog

from churn import metrics
from churn.errors import ChurnError
from churn.forgotten import read_marker
from churn.scores import Score, decode
from streaming.unreadable import UnreadableScores

log = structlog.get_logger()


@dataclass
class Polled:
    """Records sorted by what they are.

    Attributes:
        scores: partition, offset and score, in order.
        erased: users with a tombstone; their scores before it are left out.
        markers: of users who were forgotten.
    """

    scores: list[tuple[int, int, Score]] = field(default_factory=list)
    erased: list[str] = field(default_factory=list)
    markers: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, messages: Iterable[Any], unreadable: UnreadableScores) -> Polled:
        """Reads messages; one that cannot be read is a dead letter and does not hold up its neighbours."""
        found = cls()
        for message in messages:
            if message.value is None:
                found._erase(message.key)
            elif marker := read_marker(message.value):
                found.markers.append(marker)
            else:
                found._read(message, unreadable)
        return found

    def _erase(self, key: bytes | None) -> None:
        user_id = (key or b"").decode(errors="replace")
        self.scores = [each for each in self.scores if each[2].user_id != user_id]
        self.erased.append(user_id)

    def _read(self, message: Any, unreadable: UnreadableScores) -> None:
        try:
            self.scores.append((message.partition, message.offset, decode(message.value)))
        except ChurnError as error:
            log.warning("a score cannot be read", partition=message.partition, offset=message.offset, error=str(error))
            metrics.PUBLISH_RECORDS.labels("unreadable").inc()
            unreadable.bury(message)
