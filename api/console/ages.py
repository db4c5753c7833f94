"""Active users as a sample: their levels, how long they are registered, and their chances by that."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from api.alert_answers import percent
from api.console.charts import Chart
from api.console.durations import lately
from churn.settings import DAY_MS
from churn.view import View
from churn.view_features import unpacked

MOST = 2000
"""Users in a sample: shares of it are right to two percentage points."""
KEEP_S = 60.0
FEW = 20
"""Users of a group whose mean says little."""

_ENDS = (7, 28, 91, 182, 365, 730)
GROUPS = ("week 1", "weeks 2 to 4", "months 2 and 3", "months 4 to 6", "months 7 to 12", "year 2", "later")
NOT_KNOWN = "not known"


@dataclass(frozen=True)
class User:
    """One of the sample.

    Attributes:
        level: free or paid.
        age_days: since registration, by the event clock; None where that is not known.
        p_cancel, p_lapse: of the newest score.
    """

    level: str
    age_days: float | None
    p_cancel: float
    p_lapse: float

    @property
    def group(self) -> str:
        """One of :data:`GROUPS`, or :data:`NOT_KNOWN`."""
        return NOT_KNOWN if self.age_days is None else GROUPS[bisect_right(_ENDS, self.age_days)]


@dataclass(frozen=True)
class Sample:
    """Some of the active users.

    Attributes:
        users: who was looked at.
        active: how many there are.
        age_s: how long ago they were looked at.
    """

    users: tuple[User, ...]
    active: int
    age_s: float = 0.0

    @property
    def words(self) -> str:
        """What was looked at."""
        if len(self.users) >= self.active:
            return f"All {self.active:,} active users" if self.active > 1 else "The one active user"
        return f"A sample of {len(self.users):,} of {self.active:,} active users"

    @property
    def looked_at(self) -> str:
        """When."""
        return f"Looked at {lately(self.age_s)}."


def sample(view: View) -> Sample:
    """Draws anew, in two round trips.

    Raises:
        redis.RedisError: Redis does not serve.
    """
    pipe = view.redis.pipeline(transaction=False)
    pipe.zrandmember("churn:ranking", MOST)
    pipe.zcard("churn:ranking")
    pipe.get("churn:clock")
    ids, active, clock = cast("tuple[list[str], int, str | None]", tuple(pipe.execute()))
    if not ids:
        return Sample((), active)
    pipe.mget([f"churn:features:{user_id}" for user_id in ids])
    for user_id in ids:
        pipe.hmget(f"churn:user:{user_id}", "level", "p_cancel", "p_lapse", "as_of")
    features, *scores = pipe.execute()
    told = zip(scores, features, strict=True)
    return Sample(tuple(_user(fields, packed, int(clock or 0)) for fields, packed in told if all(fields)), active)


def _user(fields: Sequence[str], packed: str | None, clock_ms: int) -> User:
    level, p_cancel, p_lapse, as_of = fields
    tenure_days = unpacked(packed).get("tenure_days", math.nan)
    # 0 stands for nobody knows, and for somebody who registers later: neither grows older with the clock.
    age_days = tenure_days + max(0, clock_ms - int(as_of)) / DAY_MS if tenure_days > 0 else None
    return User(level, age_days, float(p_cancel), float(p_lapse))


def users_by_age(found: Sample) -> Chart:
    """How many there are in each group."""
    counts = Counter(each.group for each in found.users)
    groups = [*GROUPS, NOT_KNOWN] if counts[NOT_KNOWN] else list(GROUPS)
    most = max(groups, key=lambda group: counts[group])
    share = percent(counts[most] / len(found.users))
    where = "have no registration that is known" if most == NOT_KNOWN else f"are in {_since(most)}"
    return Chart(
        name="ages",
        kind="data/ages",
        title="Users by age",
        says=f"{found.words}; most of them, {share}, {where}. {found.looked_at}",
        figures={"groups": groups, "users": [counts[group] for group in groups]},
        head=("Since registration", "Users", "Share"),
        rows=[(group, f"{counts[group]:,}", percent(counts[group] / len(found.users), 1)) for group in groups],
    )


def _since(group: str) -> str:
    return "later years" if group == "later" else f"{group} since registration"


def chances_by_age(found: Sample) -> Chart:
    """The mean chances of each group; nothing of a group without users."""
    means = {group: _means([each for each in found.users if each.group == group]) for group in GROUPS}
    there = {group: each for group, each in means.items() if each is not None}
    return Chart(
        name="chances",
        kind="data/chances",
        title="Chances by age",
        says=f"{_chances_say({group: each for group, each in there.items() if each[0] >= FEW})} {found.looked_at}",
        figures={
            "groups": list(there),
            "users": [users for users, _, _ in there.values()],
            "cancel": [cancel for _, cancel, _ in there.values()],
            "lapse": [lapse for _, _, lapse in there.values()],
        },
        head=("Since registration", "Users", "Chance to cancel", "Chance to fall silent"),
        rows=[
            (group, f"{users:,}", percent(cancel, 1), percent(lapse, 1))
            for group, (users, cancel, lapse) in there.items()
        ],
    )


def _means(some: list[User]) -> tuple[int, float, float] | None:
    if not some:
        return None
    count = len(some)
    return count, sum(each.p_cancel for each in some) / count, sum(each.p_lapse for each in some) / count


def _chances_say(means: dict[str, tuple[int, float, float]]) -> str:
    if not means:
        return f"Means of the newest scores; no group has {FEW} users yet, so they say little."
    cancel = max(means, key=lambda group: means[group][1])
    lapse = max(means, key=lambda group: means[group][2])
    return (
        f"Means of the newest scores. The chance to cancel is highest in {_since(cancel)} "
        f"({percent(means[cancel][1])}), that to fall silent in {_since(lapse)} ({percent(means[lapse][2])}), "
        f"among the groups with {FEW} users or more."
    )
