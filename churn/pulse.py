"""The pulse of scoring: what publish notes once a second, also when nothing came, and the console reads.

============= ==== =======================================================================================
`churn:pulse` list `[wall_ms, scored, events, p50_ms, p99_ms, clock_ms]`, the newest first; the last 600
============= ==== =======================================================================================
"""

from __future__ import annotations

import json
from dataclasses import astuple, dataclass
from typing import cast

import redis

KEY = "churn:pulse"
KEPT = 600
"""Ten minutes."""


@dataclass(frozen=True)
class Pulse:
    """One second of publish.

    Attributes:
        wall_ms: when it was noted, by the wall clock.
        scored: events scored so far, as the books have it.
        events: of those, since the pulse before; 0 in the first one after a start.
        p50_ms: from Kafka's stamp to readable, which half of this second's scores did not exceed; None without any.
        p99_ms: the same of 99 in 100.
        clock_ms: the event clock, None before the first score.
    """

    wall_ms: int
    scored: int
    events: int
    p50_ms: float | None = None
    p99_ms: float | None = None
    clock_ms: int | None = None


class Pulses:
    """Notes and reads pulses. Every method raises `redis.exceptions.RedisError` when Redis is not there.

    Args:
        client: decodes answers to text.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def note(self, pulse: Pulse) -> None:
        """Adds one, and lets go of the oldest."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.lpush(KEY, json.dumps(astuple(pulse), separators=(",", ":")))
        pipe.ltrim(KEY, 0, KEPT - 1)
        pipe.execute()

    def recent(self, count: int = KEPT) -> list[Pulse]:
        """The newest, oldest first."""
        held = cast("list[str]", self._redis.lrange(KEY, 0, count - 1))
        return [Pulse(*each) for each in reversed(json.loads(f"[{','.join(held)}]"))]
