"""By which thresholds the scores of each model are judged."""

from __future__ import annotations

from collections.abc import Iterable

import structlog

from churn import bundle
from churn.errors import ChurnError
from churn.following import Following
from churn.outcomes import AlertPolicy, HeartbeatPolicy
from churn.settings import DAY_MS, Settings
from churn.view import View

log = structlog.get_logger()


def policy(settings: Settings, model: bundle.Bundle) -> AlertPolicy:
    """The thresholds of the settings, or where they are silent those of the model's card.

    Raises:
        ChurnError: together they put the medium band above the high one.
    """
    chosen, card = settings.policy, model.card["thresholds"]
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
        self._policy = policy(settings, model)
        self._following = Following(settings.models, model)
        self._known: set[str] = set()

    def prepare(self, view: View) -> None:
        """Brings the view into a state in which it can take scores.

        Raises:
            ChurnError: the view was written by another release.
        """
        every = self._settings.heartbeat
        heartbeats = HeartbeatPolicy(round(every.interval_days * DAY_MS), round(every.lapsed_interval_days * DAY_MS))
        view.prepare(self._policy, self._model.horizon_days, heartbeats)
        self._known.clear()

    def follow(self, view: View) -> None:
        """Takes over the bundle that was chosen last, if it is another one now."""
        chosen = self._following.look()
        if chosen is None:
            return
        try:
            self._policy, self._model = policy(self._settings, chosen), chosen
        except ChurnError as error:
            log.warning("the thresholds of the chosen model are not taken", model=chosen.version, error=str(error))
            return
        self.prepare(view)
        log.info("publishing by the thresholds of another model", model=chosen.version)

    def know(self, view: View, models: Iterable[str]) -> None:
        """Tells the view by what to judge the scores of these models; without a bundle it is the one in use."""
        for version in set(models) - self._known:
            self._known.add(version)
            try:
                own = policy(self._settings, bundle.load(self._settings.models, version))
            except ChurnError as error:
                log.warning("scores are judged by the model in use", scored_by=version, reason=str(error))
                own = self._policy
            view.know(version, own)
