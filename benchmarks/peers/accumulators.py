"""The accumulators of `churn.rolling` in plain Python: one array of doubles per user.

What there is of each is a sum, a maximum or a minimum, so the order of events does not matter. Times and counts are
whole numbers below 2**53, which a double holds exactly; a maximum of nothing is minus infinity. An array is its own
bytes, so it goes to a store, and with many others into a numpy matrix, without a conversion.
"""

from __future__ import annotations

from array import array
from math import exp, inf

from benchmarks.peers.decoding import Decoded
from churn.events import CANCELLED, HEARTBEAT, OPENING, OUTCOME_PAGES, PAGES
from churn.features import DECAYED_SUMS, HALF_LIVES_DAYS, LANDMARK_MS, SUM_NAMES

SUMS = len(DECAYED_SUMS)
LAST_EVENT, LEVEL_AT, REGISTRATION, CANCELLED_AT, EVENTS, OPENED, HEARTBEATS, VERSION, AS_OF, RECEIVED_MS = range(
    SUMS, SUMS + 10
)
"""Places behind the decayed sums. `LEVEL_AT` is twice the time of the newest level, and one more on the paid plan."""

WIDTH = SUMS + 10
_EMPTY = array("d", [*[0.0] * SUMS, -inf, -inf, inf, -inf, 0, 0, 0, 0, -inf, -inf])

_Plan = tuple[tuple[float, tuple[int, ...]], ...]
"""For each half-life its decay per ms, and the sums of it that an event adds to."""
_plans: dict[tuple[str, str | None, bool], _Plan] = {}


def empty() -> array[float]:
    """Of a user of whom nothing is known."""
    return _EMPTY[:]


def add(held: array[float], event: Decoded, received_ms: int) -> None:
    """Adds an event, a heartbeat or an opening to a user's accumulators."""
    _, _, item, ts, page, level, registration, _ = event
    held[VERSION] += 1
    if ts > held[AS_OF]:  # noqa: PLR1730 (a call of max takes longer)
        held[AS_OF] = ts
    if page == OPENING:
        _open(held, event)
        return
    if received_ms > held[RECEIVED_MS]:  # noqa: PLR1730 (a call of max takes longer)
        held[RECEIVED_MS] = received_ms
    if page == HEARTBEAT:
        held[HEARTBEATS] += 1
        return
    held[EVENTS] += 1
    if page in OUTCOME_PAGES:
        if page == CANCELLED and ts > held[CANCELLED_AT]:
            held[CANCELLED_AT] = ts
        return
    _seen(held, ts, level, registration)
    for decay, places in _plans.get((page, level, item == 0)) or _plan(page, level, item == 0):
        weight = exp((ts - LANDMARK_MS) * decay)
        for place in places:
            held[place] += weight


def _seen(held: array[float], ts: int, level: str | None, registration: int | None) -> None:
    """Moves what an event of somebody's own moves."""
    if ts > held[LAST_EVENT]:  # noqa: PLR1730 (a call of max takes longer)
        held[LAST_EVENT] = ts
    if level is not None and (at := 2 * ts + (level == "paid")) > held[LEVEL_AT]:
        held[LEVEL_AT] = at
    if registration is not None and registration < held[REGISTRATION]:
        held[REGISTRATION] = registration


def _open(held: array[float], event: Decoded) -> None:
    """Adds an opening balance."""
    level, registration, opening = event[5:]
    assert opening is not None  # noqa: S101 (`churn.events` has seen to it)
    last_event, cancelled_at = opening.get("last_event"), opening.get("cancelled_at")
    if last_event is not None:
        _seen(held, last_event, level, registration)
    elif registration is not None:
        held[REGISTRATION] = min(held[REGISTRATION], registration)
    if cancelled_at is not None:
        held[CANCELLED_AT] = max(held[CANCELLED_AT], cancelled_at)
    held[EVENTS] += opening["events"]
    held[OPENED] += opening["events"]
    for place, name in enumerate(SUM_NAMES):
        held[place] += opening["sums"][name]


def _plan(page: str, level: str | None, opens_session: bool) -> _Plan:
    """What an event adds to, by the feature table; kept for the pages that are known."""
    counted = [
        place
        for place, feature in enumerate(DECAYED_SUMS)
        if (not feature.pages or page in feature.pages)
        and (feature.on_level is None or level == feature.on_level)
        and (not feature.opens_session or opens_session)
    ]
    plan = tuple(
        (DECAYED_SUMS[places[0]].decay_per_ms, places)
        for days in HALF_LIVES_DAYS
        if (places := tuple(place for place in counted if DECAYED_SUMS[place].half_life_days == days))
    )
    if page in PAGES:
        _plans[page, level, opens_session] = plan
    return plan
