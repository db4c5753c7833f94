"""All that is known of users now: their scores, places and marks out of Redis, and the reasons from their models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from api.explainers import Explainers
from churn.explain import Reason
from churn.features import NAMES, Driver
from churn.marks import Kind, Mark, Marks
from churn.settings import DAY_MS
from churn.view import UserScore, View
from churn.view_records import point, user_score

COLD_MS = 7 * DAY_MS
"""As in training's report: whoever is known for less is reported apart."""


@dataclass(frozen=True)
class Risk:
    """One user.

    Attributes:
        user: the score and its band.
        rank: place in the ranking from 1, None for somebody who is not active.
        ranked: how many are ranked.
        marks: those that hold now.
        reasons: the largest first, None when the model is not at hand.
        cold: known for less than a week.
        age_ms: how far the score is behind the event clock.
    """

    user: UserScore
    rank: int | None
    ranked: int
    marks: dict[Kind, Mark]
    reasons: list[Reason] | None
    cold: bool
    age_ms: int

    @property
    def driver(self) -> Driver | None:
        """What raises the risk most."""
        return main_driver(self.reasons)


def main_driver(reasons: list[Reason] | None) -> Driver | None:
    """The driver that raises the risk most; None if none does."""
    raising = [reason for reason in reasons or [] if reason.difference > 0]
    return max(raising, key=lambda reason: reason.difference).driver if raising else None


class Risks:
    """Looks up many users in one round trip.

    Args:
        view: to be read.
        marks: of the users.
        explainers: of the models.
    """

    def __init__(self, view: View, marks: Marks, explainers: Explainers) -> None:
        self._view, self._marks, self._explainers = view, marks, explainers

    def look_up(self, user_ids: Sequence[str]) -> list[Risk | None]:
        """What is known of each, in order; None for somebody unknown.

        Raises:
            redis.RedisError: Redis does not serve.
        """
        pipe = self._view.redis.pipeline()  # one transaction: a score and its features are of one moment
        for user_id in user_ids:
            pipe.hgetall(f"churn:user:{user_id}")
            pipe.get(f"churn:features:{user_id}")
            pipe.zrevrank("churn:ranking", user_id)
            pipe.hgetall(f"churn:marks:{user_id}")
            pipe.zrange(f"churn:history:{user_id}", 0, 0)
        pipe.zcard("churn:ranking")
        pipe.get("churn:clock")
        *found, ranked, clock = pipe.execute()
        users = [
            user_score(user_id, found[5 * place], found[5 * place + 1]) if found[5 * place] else None
            for place, user_id in enumerate(user_ids)
        ]
        reasons = self._reasons(users)
        return [
            None
            if user is None
            else self._risk(user, found[5 * place + 2 :][:3], reasons[place], ranked, int(clock or 0))
            for place, user in enumerate(users)
        ]

    def _risk(self, user: UserScore, read: list[Any], reasons: list[Reason] | None, ranked: int, clock_ms: int) -> Risk:
        place, marks, first = read
        known_since = point(first[0]).as_of if first else user.score.as_of
        return Risk(
            user=user,
            rank=None if place is None else place + 1,
            ranked=max(1, ranked),
            marks=self._marks.read(marks),
            reasons=reasons,
            cold=user.score.opened == 0 and user.score.as_of - known_since < COLD_MS,
            age_ms=max(0, clock_ms - user.score.as_of),
        )

    def _reasons(self, users: Sequence[UserScore | None]) -> list[list[Reason] | None]:
        """Of all users, each by the model that scored them; one run a model."""
        found: list[list[Reason] | None] = [None] * len(users)
        by_model: dict[str, list[int]] = {}
        for place, user in enumerate(users):
            if user is not None and len(user.score.features) == len(NAMES):
                by_model.setdefault(user.score.model_version, []).append(place)
        for version, places in by_model.items():
            explainer = self._explainers.of(version)
            if explainer is not None:
                features = [(user.score.features, None) for place in places if (user := users[place]) is not None]
                for place, reasons in zip(places, explainer.reasons_of(features), strict=True):
                    found[place] = reasons
        return found
