"""The event: what a record on `churn.events` may hold, and when it is valid.

Three kinds of record share the topic: a Sparkify log line, unchanged; a *heartbeat*, which moves the
clock of a silent user and nothing else; and an *opening*, which carries a user's balance as of a cut.

The Spark side of these rules is `churn.parsing`. Both sides are held to one file of vectors,
`tests/churn/event_vectors.json`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from churn.features import DECAYED_SUMS, LANDMARK_MS

HEARTBEAT = "Heartbeat"
OPENING = "Opening"
RESERVED_PAGES = frozenset({HEARTBEAT, OPENING})
HEARTBEAT_SESSION = -1
OPENING_SESSION = -2

CANCEL = "Cancel"
CANCELLED = "Cancellation Confirmation"
OUTCOME_PAGES = (CANCEL, CANCELLED)
"""These pages are the label. They count as events and feed no feature."""

TS_MIN_MS = 1_483_228_800_000  # 2017-01-01
TS_MAX_MS = 1_924_992_000_000  # 2031-01-01, exclusive
AHEAD_MS = 300_000
USER_ID_MAX = 256
OPENING_SLACK = 1.000001  # for rounding
LEVELS = ("free", "paid")

Reason = Literal["malformed", "missing-field", "ts-out-of-range", "ts-in-future", "unknown-level", "bad-opening"]


@dataclass(frozen=True)
class Event:
    """The part of a valid record that features are made of. Times in ms since 1970, UTC."""

    user_id: str
    session_id: int
    item: int
    ts: int
    page: str
    level: str | None
    registration: int | None
    opening: Mapping[str, Any] | None = None

    @property
    def logged_out(self) -> bool:
        """Traffic without a user: counted, never scored."""
        return self.user_id == ""

    @property
    def identity(self) -> tuple[str, int, int, int]:
        """What makes two records one event, however often it arrives."""
        return self.user_id, self.session_id, self.item, self.ts


class InvalidEvent(ValueError):  # noqa: N818 (it is a verdict, not a failure)
    """A record that goes to the dead letters. `reason` is one of :data:`Reason`."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


def encode(record: Mapping[str, Any]) -> bytes:
    """One record as compact JSON."""
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode()


def decode(raw: bytes, received_ms: int | None) -> Event:
    """Reads and validates one record.

    Args:
        raw: the record's value as it stands in Kafka.
        received_ms: Kafka's own timestamp of the record, against which a clock that runs ahead is caught;
            None for a file, which has no such witness.

    Raises:
        InvalidEvent: with the reason.
    """
    fields = _object(raw)
    event = Event(
        user_id=_text(fields, "userId"),
        session_id=_whole(fields, "sessionId"),
        item=_whole(fields, "itemInSession"),
        ts=_whole(fields, "ts"),
        page=_text(fields, "page"),
        level=_optional_text(fields, "level"),
        registration=_optional_whole(fields, "registration"),
        opening=_optional_object(fields, "opening"),
    )
    _require(len(event.user_id) <= USER_ID_MAX, "malformed")
    _require(event.level is None or event.level in LEVELS, "unknown-level")
    _require(TS_MIN_MS <= event.ts < TS_MAX_MS, "ts-out-of-range")
    _require(received_ms is None or event.ts <= received_ms + AHEAD_MS, "ts-in-future")
    _require(event.page != OPENING or _fits(event.opening, event.ts), "bad-opening")
    return event


def heartbeat(user_id: str, ts_ms: int) -> dict[str, Any]:
    """The record that re-scores a user as of `ts_ms` and changes nothing else."""
    return {
        "ts": ts_ms,
        "userId": user_id,
        "sessionId": HEARTBEAT_SESSION,
        "itemInSession": 0,
        "page": HEARTBEAT,
    }


def opening(user_id: str, cut_ms: int, balance: Mapping[str, Any]) -> dict[str, Any]:
    """The record that gives a user a past.

    Args:
        user_id: whose balance it is.
        cut_ms: every event up to and including this time is in the balance.
        balance: `events` (how many), `last_event` (ms), `level`, `registration` (ms), `cancelled_at` (ms) and
            `sums`, a decayed sum by feature name.
    """
    return {
        "ts": cut_ms,
        "userId": user_id,
        "sessionId": OPENING_SESSION,
        "itemInSession": 0,
        "page": OPENING,
        "level": balance["level"],
        "registration": balance["registration"],
        "opening": {name: balance[name] for name in ("events", "last_event", "cancelled_at", "sums")},
    }


def _require(holds: bool, reason: Reason) -> None:
    if not holds:
        raise InvalidEvent(reason)


def _object(raw: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(raw.decode())
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise InvalidEvent("malformed") from None
    _require(isinstance(fields, dict), "malformed")
    return dict(fields)


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = _optional_text(fields, name)
    if value is None:
        raise InvalidEvent("missing-field")
    return value


def _optional_text(fields: Mapping[str, Any], name: str) -> str | None:
    """A text; anything else that stands there is read as its JSON text, as Spark's reader does."""
    value = fields.get(name)
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _whole(fields: Mapping[str, Any], name: str) -> int:
    value = _optional_whole(fields, name)
    if value is None:
        raise InvalidEvent("missing-field")
    return value


def _optional_whole(fields: Mapping[str, Any], name: str) -> int | None:
    value = fields.get(name)
    if value is None:
        return None
    _require(isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63, "malformed")
    return int(value)


def _optional_object(fields: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    value = fields.get(name)
    _require(value is None or isinstance(value, dict), "malformed")
    return value


def _fits(balance: Mapping[str, Any] | None, ts_ms: int) -> bool:
    """Whether an opening has every sum, each as of the cut between nothing and the number of its events.

    More than that no events could leave behind, and it could grow beyond what a double holds.
    """
    if balance is None or not isinstance(balance.get("events"), int) or not isinstance(balance.get("sums"), dict):
        return False
    most, held = balance["events"] * OPENING_SLACK, balance["sums"]
    return all(
        isinstance(held.get(row.name), int | float)
        and 0 <= held[row.name] * math.exp((ts_ms - LANDMARK_MS) * -row.decay_per_ms) <= most
        for row in DECAYED_SUMS
    )
