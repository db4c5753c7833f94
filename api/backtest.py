"""What a policy would have done: it goes over the points that the view keeps of each user.

The points are coarse, one in six hours and one at each change of the band, so an alert between two of them is found at
the second one, or not at all where the risk was back by then. What came of an alert is known once its horizon is over.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from churn.outcomes import AlertPolicy
from churn.settings import DAY_MS
from churn.view import Point


@dataclass(frozen=True)
class Raised:
    """One alert that a policy would have raised.

    Attributes:
        as_of: event time, ms.
        again: whether it was not the first about this user.
        came_true: whether the user left within the horizon, None while that is not over.
        lead_ms: how long before, for one that came true.
    """

    as_of: int
    again: bool
    came_true: bool | None
    lead_ms: int | None


@dataclass
class Outcome:
    """What came of it in all.

    Attributes:
        users: that were looked at.
        days: event time that the points cover.
        raised: every alert.
    """

    users: int = 0
    first_ms: int | None = None
    last_ms: int = 0
    raised: list[Raised] = field(default_factory=list)

    @property
    def days(self) -> float:
        """Event time that the points cover."""
        return 0.0 if self.first_ms is None else (self.last_ms - self.first_ms) / DAY_MS

    def per_day(self) -> dict[int, int]:
        """Alerts by day of event time, ms of its beginning; days without any are there, too."""
        if self.first_ms is None:
            return {}
        counted = Counter(each.as_of // DAY_MS for each in self.raised)
        days = range(self.first_ms // DAY_MS, self.last_ms // DAY_MS + 1)
        return {day * DAY_MS: counted[day] for day in days}


@dataclass(frozen=True)
class Past:
    """One user's points as a policy is tried on them, made once for however many policies.

    Attributes:
        times: event time of each point, ms, oldest first.
        risks: of each point.
        active: whether the user was, at each point.
        left: event times at which the user left, ms.
        peak: the highest risk while active, 0 for none.
    """

    times: tuple[int, ...]
    risks: tuple[float, ...]
    active: tuple[bool, ...]
    left: tuple[int, ...]
    peak: float

    @classmethod
    def of(cls, points: Sequence[Point]) -> Past:
        """Made of the points of a user, oldest first; there is at least one."""
        times = tuple(point.as_of for point in points)
        risks = tuple(point.p_cancel + point.p_lapse for point in points)
        active = tuple(point.band != "none" for point in points)
        left = tuple(at for at, before, now in zip(times, (False, *active), active, strict=False) if before and not now)
        peak = max((risk for risk, is_active in zip(risks, active, strict=True) if is_active), default=0.0)
        return cls(times, risks, active, left, peak)

    def rose(self, policy: AlertPolicy) -> tuple[bool, ...] | None:
        """At which points the risk had grown as fast as is worth an alert; None where the policy asks for no rise."""
        if policy.rise <= 0:
            return None
        found = []
        window: deque[tuple[int, float]] = deque()  # the lowest first, of those that are near enough in time
        for at, risk, is_active in zip(self.times, self.risks, self.active, strict=True):
            while window and at - window[0][0] > policy.rise_ms:
                window.popleft()
            found.append(bool(window) and risk - window[0][1] >= policy.rise)
            if is_active:
                while window and window[-1][1] >= risk:
                    window.pop()
                window.append((at, risk))
        return tuple(found)


def backtest(histories: Iterable[Sequence[Point]], policy: AlertPolicy, horizon_ms: int, clock_ms: int) -> Outcome:
    """Goes over the histories of some users.

    Args:
        histories: the points of each, oldest first.
        policy: to be tried.
        horizon_ms: of the model.
        clock_ms: the event clock: what is less than a horizon before it is not decided yet.
    """
    return tried((Past.of(points) for points in histories if points), [policy], horizon_ms, clock_ms)[0]


def tried(pasts: Iterable[Past], policies: Sequence[AlertPolicy], horizon_ms: int, clock_ms: int) -> list[Outcome]:
    """The same of several policies, which differ in their thresholds only: each past is read once."""
    found = [Outcome() for _ in policies]
    for past in pasts:
        rose = past.rose(policies[0]) if policies else None
        for outcome, policy in zip(found, policies, strict=True):
            outcome.users += 1
            outcome.first_ms = min(past.times[0], outcome.first_ms or past.times[0])
            outcome.last_ms = max(past.times[-1], outcome.last_ms)
            outcome.raised += _of_user(past, rose, policy, horizon_ms, clock_ms)
    return found


def _of_user(
    past: Past, rose: Sequence[bool] | None, policy: AlertPolicy, horizon_ms: int, clock_ms: int
) -> list[Raised]:
    """What :meth:`AlertPolicy.band` decides point by point, of which only the high band counts here."""
    if past.peak < policy.high and rose is None:
        return []  # most users, at most thresholds
    found: list[Raised] = []
    left_below, was_high = policy.high * policy.exit_ratio, True  # the first point sets the band silently
    for place, (at, risk, is_active) in enumerate(zip(past.times, past.risks, past.active, strict=True)):
        # Before the first point there was no band to stay in.
        is_high = is_active and (risk >= policy.high or (was_high and place > 0 and risk >= left_below))
        entered, was_high = is_high and not was_high, is_high
        if (entered or (rose is not None and is_active and rose[place])) and (
            not found or at - found[-1].as_of >= policy.cool_down_ms
        ):
            gone = next((each for each in past.left if each > at), None)
            found.append(_judged(at, gone, bool(found), horizon_ms, clock_ms))
    return found


def _judged(as_of: int, gone: int | None, again: bool, horizon_ms: int, clock_ms: int) -> Raised:
    # That somebody has left is known before it can be known that another has stayed: to count the one and not yet the
    # other would make every policy look right while the past is short.
    if clock_ms - as_of <= horizon_ms:
        return Raised(as_of, again, None, None)
    came_true = gone is not None and gone - as_of <= horizon_ms
    return Raised(as_of, again, came_true, gone - as_of if came_true and gone is not None else None)
