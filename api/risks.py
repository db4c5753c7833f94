"""All that is known of users now: their scores, places and marks out of Redis, and the reasons from their models."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from api import functions
from api.explainers import Explainers
from churn.explain import Reason
from churn.features import NAMES, Driver
from churn.marks import Kind, Mark, Marks
from churn.scores import Score
from churn.settings import DAY_MS
from churn.view import UserScore, View
from churn.view_records import USER_FIELDS, user_score

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


AT_ONCE = 125
"""Users asked of Redis in one round trip."""


class Risks:
    """Looks up many users.

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
        parts = [user_ids[at : at + AT_ONCE] for at in range(0, len(user_ids), AT_ONCE)]
        if len(parts) == 1:
            return self._told(user_ids, self._found(user_ids))
        ahead = ThreadPoolExecutor(1)  # Redis finds the next ones while these are explained
        try:
            found = ahead.map(self._found, parts)
            return [risk for part, some in zip(parts, found, strict=True) for risk in self._told(part, some)]
        finally:
            ahead.shutdown(wait=False, cancel_futures=True)  # where Redis hangs, one wait is enough

    def _found(self, user_ids: Sequence[str]) -> list[Any]:
        return functions.call(self._view.redis, "churn_look_up", len(USER_FIELDS), *USER_FIELDS, *user_ids)  # type: ignore[no-any-return]

    def _told(self, user_ids: Sequence[str], answer: list[Any]) -> list[Risk | None]:
        ranked, clock, *found = answer
        users = [
            user_score(user_id, score, features) for user_id, (score, features, *_) in zip(user_ids, found, strict=True)
        ]
        return [
            None
            if user is None
            else Risk(
                user=user,
                rank=None if place is None else place + 1,
                ranked=max(1, ranked),
                marks=self._marks.read(_fields(marks)),
                reasons=reasons,
                cold=_cold(user.score, oldest),
                age_ms=max(0, int(clock or 0) - user.score.as_of),
            )
            for user, (_, _, place, marks, oldest), reasons in zip(users, found, self._reasons(users), strict=True)
        ]

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


def _fields(flat: list[str]) -> dict[str, str]:
    """A hash out of fields and values in turn."""
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _cold(score: Score, oldest: list[str]) -> bool:
    known_since = int(oldest[1]) if oldest else score.as_of
    return score.opened == 0 and score.as_of - known_since < COLD_MS
