"""What every feature should be, from the definitions alone: plain Python that shares no code with the programs.

It reads the feature table as data and looks at each event from the moment of the score backwards, where the programs
sum forwards from a landmark.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from churn.features import FEATURES, Feature

DAY_MS = 86_400_000
OUTCOME_PAGES = {"Cancel", "Cancellation Confirmation"}


@dataclass(frozen=True)
class Expected:
    """What is to be found about one user."""

    as_of: int
    events: int
    last_event: int | None
    level: str
    status: str
    features: dict[str, float]


def expect(
    records: Iterable[Mapping[str, Any]],
    *,
    cut_ms: int | None = None,
    as_of_ms: int | None = None,
    horizon_days: int = 14,
) -> dict[str, Expected]:
    """Every user's features after all records.

    Args:
        records: log lines in any order, doubles among them; those without a user are passed over.
        cut_ms: of opening balances: whoever has events up to it was looked at then.
        as_of_ms: look at everybody at this moment, and at nothing after it.
        horizon_days: of silence until somebody is lapsed.
    """
    users: dict[str, dict[tuple[int, int, int], Mapping[str, Any]]] = defaultdict(dict)
    for record in records:
        if record["userId"] and (as_of_ms is None or record["ts"] <= as_of_ms):
            users[record["userId"]][record["sessionId"], record["itemInSession"], record["ts"]] = record
    return {user: _user(list(events.values()), cut_ms, as_of_ms, horizon_days) for user, events in users.items()}


def _user(events: list[Mapping[str, Any]], cut_ms: int | None, as_of_ms: int | None, horizon_days: int) -> Expected:
    as_of = max(event["ts"] for event in events)
    if cut_ms is not None and min(event["ts"] for event in events) <= cut_ms:
        as_of = max(as_of, cut_ms)
    as_of = as_of if as_of_ms is None else as_of_ms
    seen = [event for event in events if event["page"] not in OUTCOME_PAGES]
    last = max((event["ts"] for event in seen), default=None)
    paid = any(event["level"] == "paid" for event in seen if event["ts"] == last)
    cancelled = max((event["ts"] for event in events if event["page"] == "Cancellation Confirmation"), default=None)
    registered = min((event["registration"] for event in seen if event.get("registration") is not None), default=as_of)
    own = {
        "paid": float(paid),
        "tenure_days": max(0.0, (as_of - registered) / DAY_MS),
        "silence_days": 0.0 if last is None else (as_of - last) / DAY_MS,
        "silence_minutes": 0.0 if last is None else (as_of - last) / 60_000,
    }
    features = {
        row.name: own[row.name] if row.name in own else _decayed(counted(seen, row), row.half_life_days, as_of)
        for row in FEATURES
    }
    status = "active"
    if last is not None and as_of - last >= horizon_days * DAY_MS:
        status = "lapsed"
    if cancelled is not None and (last is None or cancelled >= last):
        status = "cancelled"
    return Expected(as_of, len(events), last, "paid" if paid else "free", status, features)


def counted(seen: list[Mapping[str, Any]], row: Feature) -> list[int]:
    """When the events were that a row counts."""
    return [
        event["ts"]
        for event in seen
        if (not row.pages or event["page"] in row.pages)
        and (row.on_level is None or event["level"] == row.on_level)
        and (not row.opens_session or event["itemInSession"] == 0)
    ]


def _decayed(moments: list[int], half_life_days: float, as_of: int) -> float:
    """Each counts a half for every half-life that has passed since."""
    return math.fsum(0.5 ** ((as_of - moment) / DAY_MS / half_life_days) for moment in moments)
