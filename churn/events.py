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
from typing import Any, Literal, NoReturn

from churn.features import DECAYED_SUMS, LANDMARK_MS, Feature

HEARTBEAT = "Heartbeat"
OPENING = "Opening"
PAGES = frozenset(
    [
        "About",
        "Add Friend",
        "Add to Playlist",
        "Cancel",
        "Cancellation Confirmation",
        "Downgrade",
        "Error",
        "Help",
        "Home",
        "Login",
        "Logout",
        "NextSong",
        "Register",
        "Roll Advert",
        "Save Settings",
        "Settings",
        "Submit Downgrade",
        "Submit Registration",
        "Submit Upgrade",
        "Thumbs Down",
        "Thumbs Up",
        "Upgrade",
    ]
)
"""Of the Sparkify logs. Others are valid and counted."""
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
OPENED_MAX = 10**12  # more events than anybody has; far larger numbers would overflow the sum of them
_DIGITS_MAX = 1000  # the longest number that Spark's reader of JSON takes
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
    user_id, page, level = (_text(fields, name) for name in ("userId", "page", "level"))
    session_id, item = _whole(fields, "sessionId"), _whole(fields, "itemInSession")
    ts, registration = _whole(fields, "ts"), _whole(fields, "registration")
    opening = _opening(fields)
    # A wrong type comes before a field that is not there: Spark learns of the types while it reads.
    if user_id is None or page is None or session_id is None or item is None or ts is None:
        raise InvalidEvent("missing-field")
    _require(len(user_id) <= USER_ID_MAX, "malformed")
    # What stands there in the place of a text: Spark tells an array or an object from a text by nothing else.
    _require(not user_id.startswith(("{", "[")) and not page.startswith(("{", "[")), "malformed")
    # Any larger or smaller and a difference of times could overflow, which would end the query.
    _require(registration is None or 0 <= registration < TS_MAX_MS, "malformed")
    _require(level is None or level in LEVELS, "unknown-level")
    _require(TS_MIN_MS <= ts < TS_MAX_MS, "ts-out-of-range")
    _require(received_ms is None or ts <= received_ms + AHEAD_MS, "ts-in-future")
    _require(page != OPENING or (opening is not None and _fits(opening, ts)), "bad-opening")
    return Event(user_id, session_id, item, ts, page, level, registration, opening)


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
        fields = json.loads(raw.decode(), parse_int=_int, parse_float=_float, parse_constant=_no_number)
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise InvalidEvent("malformed") from None
    _require(isinstance(fields, dict), "malformed")
    return dict(fields)


def _int(digits: str) -> int:
    return int(digits) if len(digits.removeprefix("-")) <= _DIGITS_MAX else _no_number(digits)


def _float(digits: str) -> float:
    return float(digits) if sum(map(str.isdigit, digits)) <= _DIGITS_MAX else _no_number(digits)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text[:10]} is no number in JSON")


def _text(fields: Mapping[str, Any], name: str) -> str | None:
    """A text; anything else that stands there is read as its JSON text, as Spark's reader does."""
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, str):
        return value.encode(errors="replace").decode()  # half a surrogate pair is no character: "?", as in Spark
    return json.dumps(value, separators=(",", ":"))


def _whole(fields: Mapping[str, Any], name: str) -> int | None:
    value = fields.get(name)
    if value is None:
        return None
    _require(isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63, "malformed")
    return int(value)


def _mapping(fields: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    value = fields.get(name)
    _require(value is None or isinstance(value, dict), "malformed")
    return value


def _opening(fields: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """A balance of the right types; whether it is whole is for :func:`_fits`."""
    held = _mapping(fields, "opening")
    if held is None:
        return None
    for name in ("events", "last_event", "cancelled_at"):
        _whole(held, name)
    sums = _mapping(held, "sums") or {}
    for row in DECAYED_SUMS:
        value = sums.get(row.name)
        _require(value is None or (isinstance(value, int | float) and not isinstance(value, bool)), "malformed")
    return held


def _fits(balance: Mapping[str, Any], ts_ms: int) -> bool:
    """Whether an opening is whole: times up to the cut, and every sum, as of the cut, at most the number of events.

    More than that no events could leave behind, and it could grow beyond what a double holds.
    """
    events, sums = balance.get("events"), balance.get("sums") or {}
    times = (balance.get(name) for name in ("last_event", "cancelled_at"))
    return (
        events is not None
        and 0 <= events <= OPENED_MAX
        and all(at is None or TS_MIN_MS <= at <= ts_ms for at in times)
        and all(_share(sums.get(row.name), row, ts_ms) <= events * OPENING_SLACK for row in DECAYED_SUMS)
    )


def _share(held: float | None, row: Feature, ts_ms: int) -> float:
    """A sum as of the cut; infinite when there is none or it is not one."""
    if held is None or not 0 <= held < 2**1023:
        return math.inf
    return held * math.exp((ts_ms - LANDMARK_MS) * -row.decay_per_ms)
