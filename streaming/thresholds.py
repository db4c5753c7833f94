"""By which policy the scores of each model are judged: that of the settings, with what was chosen through the API."""

from __future__ import annotations

from collections.abc import Iterable

import structlog

from churn import bundle, chosen_policy
from churn.errors import ChurnError
from churn.following import Following
from churn.outcomes import AlertPolicy, HeartbeatPolicy
from churn.quiet_hours import quiet_until
from churn.settings import DAY_MS, Policy, Settings
from churn.view import View

log = structlog.get_logger()


def policy(chosen: Policy, model: bundle.Bundle) -> AlertPolicy:
    """The policy that was chosen; thresholds that it leaves open are those of the model's card.

    Raises:
        ChurnError: together they put the medium band above the high one.
    """
    card = model.card["thresholds"]
    medium = card["medium"] if chosen.medium is None else chosen.medium
    high = card["high"] if chosen.high is None else chosen.high
    if medium > high:
        raise ChurnError(
            f"The medium band begins at a risk of {medium:g}, above the high band at {high:g}.",
            f"Correct policy.medium and policy.high; one that is left out is taken from the card of {model.version}.",
        )
    return AlertPolicy.of(chosen, medium, high)


class Thresholds:
    """Keeps the view's thresholds up to date while models are swapped.

    Args:
        settings: of policy and heartbeats.
        model: the bundle in use.

    Raises:
        ChurnError: as :func:`policy`.
    """

    def __init__(self, settings: Settings, model: bundle.Bundle) -> None:
        self._settings, self._model = settings, model
        self._chosen = settings.policy
        self._changes: str | None = ""
        self._taken = ""
        self._policy = policy(self._chosen, model)
        self._following = Following(settings.models, model)
        self._known: set[str] = set()
        self._told: set[str] = set()

    def quiet_until(self, now_ms: int) -> int | None:
        """Until when alerts are kept back, by the wall clock in ms; None while they are not."""
        return quiet_until(self._chosen, now_ms)

    def prepare(self, view: View) -> None:
        """Brings the view into a state in which it can take scores.

        Raises:
            ChurnError: the view was written by another release.
        """
        self._take_changes(chosen_policy.read(view.redis))
        every = self._settings.heartbeat
        heartbeats = HeartbeatPolicy(round(every.interval_days * DAY_MS), round(every.lapsed_interval_days * DAY_MS))
        view.prepare(self._policy, self._model.horizon_days, heartbeats)
        self._known.clear()
        self.know(view, view.known_models())
        if users := view.reband():
            log.info("bands were set anew by another policy, without alerts", users=users)
        card = self._model.card["thresholds"]
        chosen_policy.know_card(view.redis, card["medium"], card["high"])
        chosen_policy.applied(view.redis, self._taken)

    def follow(self, view: View) -> None:
        """Takes over the bundle and the policy that were chosen last, if they are others now."""
        model = self._following.look()
        if model is not None:
            self._take_model(model)
        if model is not None or self._take_changes(chosen_policy.read(view.redis)):
            self.prepare(view)

    def _take_model(self, model: bundle.Bundle) -> None:
        try:
            self._policy, self._model = policy(self._chosen, model), model
        except ChurnError as error:
            log.warning("the thresholds of the chosen model are not taken", model=model.version, error=str(error))
            return
        if self._changes != self._taken:
            self._changes = None  # what did not fit the old model may fit this one
        log.info("publishing by the thresholds of another model", model=model.version)

    def _take_changes(self, changes: str) -> bool:
        """Takes over what was chosen through the API; whether that is something else than before."""
        if changes == self._changes:
            return False
        self._changes = changes
        try:
            chosen = chosen_policy.merged(self._settings.policy, changes)
            self._policy, self._chosen = policy(chosen, self._model), chosen
        except ChurnError as error:
            log.warning("the chosen policy is not taken; the old one goes on", error=str(error))
            return False
        self._taken = changes
        log.info("publishing by another policy")
        return True

    def know(self, view: View, models: Iterable[str]) -> None:
        """Tells the view by what to judge the scores of these models; without a bundle it is the one in use."""
        for version in set(models) - self._known:
            self._known.add(version)
            try:
                own = policy(self._chosen, bundle.load(self._settings.models, version))
            except ChurnError as error:
                if version not in self._told:
                    log.warning("scores are judged by the model in use", scored_by=version, reason=str(error))
                self._told.add(version)
                own = self._policy
            view.know(version, own)
