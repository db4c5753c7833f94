from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from churn.outcomes import BANDS, AlertPolicy, Band, Status, status

DAY_MS = 86_400_000
TIMES_MS = st.integers(0, 100 * DAY_MS)
MAYBE_MS = st.none() | TIMES_MS
RISKS = st.floats(0, 1)
BEFORE = st.sampled_from(BANDS)
ORDER = {band: place for place, band in enumerate(BANDS)}


@st.composite
def policies(draw: st.DrawFn) -> AlertPolicy:
    low, top = sorted((draw(st.floats(0.01, 0.99)), draw(st.floats(0.01, 0.99))))
    return AlertPolicy(low, top, draw(st.floats(0.1, 1)), draw(st.integers(0, 30)) * DAY_MS, DAY_MS, DAY_MS)


@given(TIMES_MS, MAYBE_MS, MAYBE_MS, st.integers(1, 30 * DAY_MS))
def test_status_is_the_definition(
    as_of_ms: int, last_ms: int | None, cancelled_ms: int | None, horizon_ms: int
) -> None:
    found = status(as_of_ms, last_ms, cancelled_ms, horizon_ms)
    gone = cancelled_ms is not None and not (last_ms is not None and last_ms > cancelled_ms)
    silent = last_ms is not None and as_of_ms >= last_ms + horizon_ms
    assert found == ("cancelled" if gone else "lapsed" if silent else "active")


def test_status_at_the_edges() -> None:
    assert status(14, 0, None, 14) == "lapsed"
    assert status(13, 0, None, 14) == "active"
    assert status(20, 5, 5, 14) == "cancelled"
    assert status(6, 6, 5, 14) == "active"
    assert status(0, None, None, 14) == "active"


@given(policies(), RISKS, BEFORE, st.sampled_from(["lapsed", "cancelled"]))
def test_who_is_gone_has_no_band(policy: AlertPolicy, risk: float, before: Band, now: Status) -> None:
    assert policy.band(risk, before, now) == "none"


@given(policies(), RISKS, RISKS, BEFORE)
def test_more_risk_never_means_a_lower_band(policy: AlertPolicy, one: float, other: float, before: Band) -> None:
    less, more = sorted((one, other))
    assert ORDER[policy.band(less, before, "active")] <= ORDER[policy.band(more, before, "active")]


@given(policies(), RISKS, BEFORE)
def test_hysteresis_only_ever_holds_on_to_a_band(policy: AlertPolicy, risk: float, before: Band) -> None:
    fresh, held = policy.band(risk, "none", "active"), policy.band(risk, before, "active")
    assert ORDER[held] >= ORDER[fresh]
    assert ORDER[held] <= max(ORDER[fresh], ORDER[before])


@given(policies(), RISKS, BEFORE)
def test_who_waits_enters_no_high_band_and_nothing_else_changes(policy: AlertPolicy, risk: float, before: Band) -> None:
    free, waiting = policy.band(risk, before, "active"), policy.band(risk, before, "active", waits=True)
    assert waiting == ("medium" if free == "high" and before != "high" else free)


@given(policies(), RISKS, BEFORE)
def test_a_band_is_settled_at_once(policy: AlertPolicy, risk: float, before: Band) -> None:
    after = policy.band(risk, before, "active")
    assert policy.band(risk, after, "active") == after


@given(policies(), st.floats(0, 1))
def test_a_risk_that_trembles_on_the_threshold_stays_high(policy: AlertPolicy, share: float) -> None:
    floor = policy.high * policy.exit_ratio
    risk = max(floor, floor + (policy.high - floor) * share)
    assert policy.band(policy.high, "low", "active") == "high"
    assert policy.band(risk, "high", "active") == "high"


def test_bands_at_their_thresholds() -> None:
    policy = AlertPolicy(0.3, 0.5, 0.5, 0, DAY_MS, DAY_MS)
    assert [policy.band(r, "none", "active") for r in (0.29, 0.3, 0.49, 0.5)] == ["low", "medium", "medium", "high"]
    assert [policy.band(r, "high", "active") for r in (0.14, 0.15, 0.24, 0.25)] == ["low", "medium", "medium", "high"]
    assert [policy.band(r, "medium", "active") for r in (0.14, 0.15, 0.49)] == ["low", "medium", "medium"]


@given(policies(), BEFORE, BEFORE, TIMES_MS, MAYBE_MS)
def test_an_alert_is_an_entry_into_high_by_somebody_rested(
    policy: AlertPolicy, before: Band, after: Band, as_of_ms: int, alerted_ms: int | None
) -> None:
    rested = alerted_ms is None or as_of_ms >= alerted_ms + policy.cool_down_ms
    assert policy.alerts(before, after, as_of_ms, alerted_ms) == (after == "high" and before != "high" and rested)


@given(policies(), st.lists(st.tuples(RISKS, st.integers(0, 5 * DAY_MS)), max_size=40))
def test_two_alerts_are_never_closer_than_the_cool_down(policy: AlertPolicy, steps: list[Any]) -> None:
    band: Band = "none"
    alerted_ms: int | None = None
    as_of_ms = 0
    raised: list[int] = []
    for risk, wait_ms in steps:
        as_of_ms += wait_ms
        before, band = band, policy.band(risk, band, "active")
        if policy.alerts(before, band, as_of_ms, alerted_ms):
            alerted_ms = as_of_ms
            raised.append(as_of_ms)
    assert all(b - a >= policy.cool_down_ms for a, b in pairwise(raised))
