"""From alerts to deliveries: each alert once to each endpoint that wants it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import Any

from api.alert_answers import AlertWords
from api.times import parsed
from api.webhooks.addresses import parts
from api.webhooks.bodies import body
from api.webhooks.deliveries import FUNCTIONS, New, begin, enqueue_arguments, message_id
from api.webhooks.endpoints import Endpoint, Endpoints
from churn.view import View

AT_ONCE = 200
WAIT_MS = 45_000
"""How old an alert is at most that waits for its model: when models are swapped, first scores may be here before the
bundle. It is looked for every ten seconds, so it has a few tries; after a minute the console takes us for dead."""


class FanOut:
    """Goes on where Redis says that it was; what it has done twice is there once.

    Args:
        view: with the alerts.
        words: tells them.
        endpoints: to whom.
        clock: the wall clock in ms.
    """

    def __init__(self, view: View, words: AlertWords, endpoints: Endpoints, clock: Callable[[], int]) -> None:
        self._view, self._words, self._endpoints, self._clock = view, words, endpoints, clock

    def step(self) -> int:
        """Makes the deliveries of some new alerts; returns how many alerts it is done with. Blocks.

        The place stays before an alert that waits. Those behind it go out, and are met again, which adds nothing.

        Raises:
            redis.RedisError: Redis does not serve; nothing was passed over.
        """
        place = begin(self._view.redis)
        places = dict(self._view.alert_ids_after(place, AT_ONCE))
        if not places:
            return 0
        alerts = self._words.told(self._view.alerts_of(list(places)), self._view.horizon_days())
        new, waiting = self._sorted_out(alerts)
        done = list(takewhile(lambda alert_id: alert_id not in waiting, places))
        reached = places[done[-1]] if done else None
        FUNCTIONS.call(self._view.redis, "churn_enqueue", *enqueue_arguments(new, reached))
        return len(done)

    def disabled(self, endpoint: Endpoint, why: str) -> None:
        """Tells the other endpoints that one was switched off: of its URL the host only, because whoever knows all of a
        chat channel's may post there."""
        told = {
            "endpoint": endpoint.id,
            "host": parts(endpoint.url)[1],
            "description": endpoint.description,
            "summary": f"The webhook endpoint {endpoint.description or endpoint.id} was switched off: {why}.",
        }
        now_ms = self._clock()
        new = [
            New(
                message_id(endpoint.id, "disabled", str(now_ms), each.id), each.id, "", "endpoint.disabled",
                body(each.format, "endpoint.disabled", now_ms, told), now_ms, now_ms,
            )
            for each in self._endpoints.all()
            if each.id != endpoint.id and each.state == "enabled" and "endpoint.disabled" in each.types
        ]  # fmt: skip
        FUNCTIONS.call(self._view.redis, "churn_enqueue", *enqueue_arguments(new))

    def _sorted_out(self, alerts: Sequence[dict[str, Any]]) -> tuple[list[New], set[str]]:
        """Deliveries to be made now, and ids of alerts that wait: somebody wants them by their driver."""
        active = [each for each in self._endpoints.all() if each.state == "enabled" and "alert.raised" in each.types]
        new: list[New] = []
        waiting: set[str] = set()
        for alert in alerts:
            undecided = self._undecided(alert)
            for endpoint in active:
                if not endpoint.wanted.fits(alert):
                    continue
                if undecided and endpoint.wanted.drivers:
                    waiting.add(alert["id"])
                else:
                    new.append(self._new(endpoint, alert))
        return new, waiting

    def _undecided(self, alert: dict[str, Any]) -> bool:
        """Whether its driver may still become known: its model was not at hand, and it is young.

        With reasons and without a driver it is decided: nothing raises the risk. One that a wrong clock dates far ahead
        does not wait until then.
        """
        return alert["reasons"] is None and abs(self._clock() - parsed(alert["raised_at"])) < WAIT_MS

    def _new(self, endpoint: Endpoint, alert: dict[str, Any]) -> New:
        text = body(endpoint.format, "alert.raised", parsed(alert["raised_at"]), alert)
        now_ms = self._clock()
        return New(message_id(alert["id"], endpoint.id), endpoint.id, alert["id"], "alert.raised", text, now_ms, now_ms)
