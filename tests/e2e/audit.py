"""What must hold after everything: the view against the oracle, and alerts against the policy."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from churn.features import NAMES
from churn.outcomes import AlertPolicy, Band
from churn.scores import Score, decode
from churn.settings import Kafka
from churn.view import View
from tests.e2e.conftest import Row
from tests.oracle import Expected, expect
from tests.topic import everything

FACTS = ("events", "as_of", "last_event", "level", "status")


def recorded(kafka: Kafka) -> list[Score]:
    """All of the scores topic, each user's in order."""
    return [decode(message.value) for message in everything(kafka, kafka.scores_topic)]


@dataclass
class _User:
    newest: Score | None = None
    band: Band = "none"
    alerted_at: int | None = None
    alerts: list[tuple[str, int, int]] = field(default_factory=list)

    def meet(self, score: Score, policy: AlertPolicy) -> None:
        old = self.newest
        if old and (score.epoch, score.version, score.model_version) <= (old.epoch, old.version, old.model_version):
            return
        before, self.band = self.band, policy.band(score.risk, self.band, score.status)
        comparable = old and (old.epoch, old.model_version) == (score.epoch, score.model_version)
        if comparable and policy.alerts(before, self.band, score.as_of, self.alerted_at):
            self.alerted_at = score.as_of
            self.alerts.append((score.user_id, score.epoch, score.version))
        self.newest = score


def alerts_due(scores: Iterable[Score], policy: AlertPolicy) -> set[tuple[str, int, int]]:
    """User, epoch and version of every alert that the policy calls for."""
    users: dict[str, _User] = {}
    for score in scores:
        users.setdefault(score.user_id, _User()).meet(score, policy)
    return {alert for user in users.values() for alert in user.alerts}


def policy_of(view: View) -> AlertPolicy:
    """The policy that Redis holds; outages cannot happen in these logs."""
    held: Any = view.redis.hgetall("churn:policy")
    numbers = {name: float(held[name]) for name in ("medium", "high", "exit_ratio")}
    return AlertPolicy(**numbers, **{name: int(held[name]) for name in ("cool_down_ms", "outage_ms", "hold_ms")})


def differences(view: View, kafka: Kafka, rows: list[Row]) -> list[str]:
    """Everything that is not as it must be; empty when all is well."""
    scores, expected = recorded(kafka), expect(rows)
    found = unlike(view, expected)
    due, alerts = alerts_due(scores, policy_of(view)), view.alerts(100_000)
    raised = Counter((alert.user_id, alert.epoch, alert.version) for alert in alerts)
    found += [f"alert {alert} was raised {count} times" for alert, count in raised.items() if count > 1]
    found += [f"alert {alert} is missing" for alert in due - raised.keys()]
    found += [f"alert {alert} is not called for" for alert in raised.keys() - due]
    wanted = sum(user.events for user in expected.values())
    if view.books().events_scored != wanted:
        found.append(f"{view.books().events_scored} events in the books, not {wanted}")
    return found


def unlike(view: View, expected: Mapping[str, Expected]) -> list[str]:
    """In what users of the view differ from the oracle, where every event is one version."""
    found: list[str] = []
    for user_id, user in expected.items():
        held = view.user(user_id)
        if held is None:
            found.append(f"{user_id}: not in the view")
            continue
        found += of_user(held.score, user)
        if held.score.version != user.events:
            found.append(f"{user_id}: version {held.score.version} of {user.events} events")
    return found


def of_user(score: Score, user: Expected) -> list[str]:
    """In what a score differs from the oracle: its facts, and every feature by more than rounding."""
    facts = [(name, getattr(score, name), getattr(user, name)) for name in FACTS]
    features = [(name, score.features[name], user.features[name]) for name in NAMES]
    differing = [
        *(fact for fact in facts if fact[1] != fact[2]),
        *(each for each in features if not math.isclose(each[1], each[2], rel_tol=1e-9)),
    ]
    return [f"{score.user_id}: {name} is {found}, not {wanted}" for name, found, wanted in differing]


class Watcher:
    """Looks at the versions in the view again and again: none may go back."""

    def __init__(self) -> None:
        self.held: dict[str, tuple[int, int]] = {}
        self.went_back: list[str] = []

    def look(self, users: Mapping[str, Score]) -> None:
        """Compares with what was seen before."""
        for user_id, score in users.items():
            now = (score.epoch, score.version)
            if now < self.held.get(user_id, now):
                self.went_back.append(f"{user_id}: from {self.held[user_id]} to {now}")
            self.held[user_id] = now
