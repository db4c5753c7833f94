"""The audit log: who changed what through the API or the command line, and when.

============= ====== =======================================================================
`churn:audit` stream one entry a change: `by`, `name`, `action`, `subject`, `details` (JSON)
============= ====== =======================================================================

What was done about a user who was then forgotten is taken out; that they were stands there by their marker.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import redis

KEPT = 100_000
"""Entries, about; the oldest go first."""
# Also when Redis is full: that somebody was forgotten, which makes room, has to be told.
_NOTE = """#!lua flags=allow-oom
return redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', unpack(ARGV, 2))
"""
_ID = re.compile(r"[0-9]{1,19}-[0-9]{1,19}")
"""Of 64 bits: of a larger number Redis says that it is none."""


@dataclass(frozen=True)
class Entry:
    """One change.

    Attributes:
        id: of the entry, ascending.
        at_ms: by the wall clock.
        by: the id of the key; `command line` for a command.
        name: of the key.
        action: such as `endpoint.create`.
        subject: the id of what was changed.
        details: what was chosen; never a secret.
    """

    id: str
    at_ms: int
    by: str
    name: str
    action: str
    subject: str
    details: dict[str, Any]


class Audit:
    """Writes and reads the log.

    Args:
        client: decodes answers to text.
        clock: the wall clock in ms.
    """

    def __init__(self, client: redis.Redis, clock: Callable[[], int]) -> None:
        self._redis, self._clock = client, clock

    def note(self, by: str, name: str, action: str, subject: str, /, **details: Any) -> None:
        """Adds an entry."""
        entry = {
            "at_ms": str(self._clock()),
            "by": by,
            "name": name,
            "action": action,
            "subject": subject,
            "details": json.dumps(details),
        }
        fields = [part for field in entry.items() for part in field]
        self._redis.eval(_NOTE, 1, "churn:audit", str(KEPT), *fields)

    def erase(self, subject: str) -> int:
        """Takes out the entries about somebody who was forgotten; returns how many."""
        found = self._redis.xrange("churn:audit", "-", "+")
        entries = cast("list[tuple[str, dict[str, str]]]", found)
        ids = [each for each, held in entries if held["subject"] == subject and held["action"].startswith("user.")]
        return int(self._redis.xdel("churn:audit", *ids)) if ids else 0

    def newest(self, limit: int, before: str | None = None) -> list[Entry]:
        """Entries, newest first, older than the one of an id.

        Raises:
            ValueError: that is no id of an entry.
        """
        if before is not None and not _ID.fullmatch(before):
            raise ValueError(before)
        found = self._redis.xrevrange("churn:audit", f"({before}" if before else "+", "-", count=limit)
        return [
            Entry(
                each, int(held["at_ms"]), held["by"], held["name"], held["action"], held["subject"],
                json.loads(held["details"]),
            )
            for each, held in cast("list[tuple[str, dict[str, str]]]", found)
        ]  # fmt: skip
