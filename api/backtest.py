"""What a policy would have done: it goes over the points that the view keeps of each user.

The points are coarse, one in six hours and one at each change of the band, so an alert between two of them is found at
the second one, or not at all where the risk was back by then. What came of an alert is known once its horizon is over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from churn.outcomes import AlertPolicy, Band
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


def backtest(histories: Iterable[Sequence[Point]], policy: AlertPolicy, horizon_ms: int, clock_ms: int) -> Outcome:
    """Goes over the histories of some users.

    Args:
        histories: the points of each, oldest first.
        policy: to be tried.
        horizon_ms: of the model.
        clock_ms: the event clock: what is less than a horizon before it is not decided yet.
    """
    found = Outcome()
    for points in histories:
        if not points:
            continue
        found.users += 1
        found.first_ms = min(points[0].as_of, found.first_ms or points[0].as_of)
        found.last_ms = max(points[-1].as_of, found.last_ms)
        found.raised += _of_user(points, policy, horizon_ms, clock_ms)
    return found


def _of_user(points: Sequence[Point], policy: AlertPolicy, horizon_ms: int, clock_ms: int) -> list[Raised]:
    left = [point.as_of for before, point in _pairs(points) if point.band == "none" and before != "none"]
    found: list[Raised] = []
    band: Band | None = None
    for place, point in enumerate(points):
        before, band = band, policy.band(point.risk, band or "none", "lapsed" if point.band == "none" else "active")
        rested = not found or point.as_of - found[-1].as_of >= policy.cool_down_ms
        # The first point of a user sets the band silently, as the first score does.
        entered = before is not None and band == "high" and before != "high"
        if rested and (entered or (band != "none" and _rose(points, place, policy))):
            gone = next((at for at in left if at > point.as_of), None)
            found.append(_judged(point.as_of, gone, bool(found), horizon_ms, clock_ms))
    return found


def _pairs(points: Sequence[Point]) -> Iterable[tuple[Band, Point]]:
    return zip(["none", *(point.band for point in points)], points, strict=False)


def _rose(points: Sequence[Point], place: int, policy: AlertPolicy) -> bool:
    if policy.rise <= 0:
        return False
    now = points[place]
    since = [each.risk for each in points[:place] if now.as_of - each.as_of <= policy.rise_ms and each.band != "none"]
    return bool(since) and now.risk - min(since) >= policy.rise


def _judged(as_of: int, gone: int | None, again: bool, horizon_ms: int, clock_ms: int) -> Raised:
    if gone is not None and gone - as_of <= horizon_ms:
        return Raised(as_of, again, True, gone - as_of)
    return Raised(as_of, again, False if clock_ms - as_of > horizon_ms else None, None)
