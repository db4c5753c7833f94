"""The alerts about one user, and what became of the webhooks that told them."""

from __future__ import annotations

from dataclasses import dataclass

from api.alert_answers import percent
from api.console.alerting_webhooks import name_of
from api.console.moments import Moment, now_of, since
from api.context import Context
from api.times import parsed
from api.webhooks.deliveries import Delivery
from churn import view

ALERTS_SHOWN = 20
DELIVERIES_SHOWN = 30
_READ = 200


@dataclass(frozen=True)
class AlertLine:
    """One alert: what it said, the moment that it was about, and when it was raised by the wall clock."""

    id: str
    kind: str
    risk: str
    says: str
    at: Moment
    raised: Moment


@dataclass(frozen=True)
class DeliveryLine:
    """One delivery about one of the alerts, times by the wall clock."""

    state: str
    sign: str
    to: str
    tries: str
    created: Moment
    then: str
    then_at: Moment | None


def alerts_of(context: Context, user_id: str) -> list[view.Alert]:
    """The newest alerts about a user that were shown already, newest first.

    Raises:
        redis.RedisError: Redis does not serve.
    """
    return context.view.alerts_of([alert_id for alert_id, _ in context.view.alert_ids_of(user_id, None, _READ)])


def alert_lines(context: Context, alerts: list[view.Alert], clock_ms: int | None, days: int | None) -> list[AlertLine]:
    """Alerts in words.

    Args:
        context: of the app.
        alerts: newest first.
        clock_ms: the event clock.
        days: how far the model looks ahead.
    """
    some = alerts[:ALERTS_SHOWN]
    found = []
    for alert, told in zip(some, context.alert_words.told(some, days), strict=True):
        found.append(
            AlertLine(
                id=alert.id,
                kind="risk grew fast" if alert.kind == "rise" else "high band",
                risk=percent(alert.risk),
                says=without_user(told["summary"], alert.user_id),
                at=since(parsed(told["as_of"]), clock_ms),
                raised=now_of(alert.raised_ms),
            )
        )
    return found


def without_user(summary: str, user_id: str) -> str:
    """The summary of an alert where it stands beside the user whom it is about.

    >>> without_user("User 7, on the free plan, went to high risk.", "7")
    'On the free plan, went to high risk.'
    """
    words = summary.removeprefix(f"User {user_id}, ")
    return words[:1].upper() + words[1:]


def delivery_lines(context: Context, alerts: list[view.Alert]) -> list[DeliveryLine]:
    """What became of the deliveries about some alerts, newest first.

    Raises:
        redis.RedisError: Redis does not serve.
    """
    pipe = context.view.redis.pipeline(transaction=False)
    for alert in alerts[:ALERTS_SHOWN]:
        pipe.smembers(f"churn:deliveries:of:{alert.id}")
    ids = [each for some in pipe.execute() for each in sorted(some)]
    found = _deliveries(context, ids[: 2 * DELIVERIES_SHOWN])
    names = {each.id: name_of(each) for each in context.endpoints.all()}
    newest = sorted(found, key=lambda each: (-each.created_ms, each.id))[:DELIVERIES_SHOWN]
    return [_line(each, names.get(each.endpoint, "an endpoint that was deleted")) for each in newest]


def _deliveries(context: Context, ids: list[str]) -> list[Delivery]:
    found = []
    for each in ids:
        try:
            found.append(context.deliveries.get(each))
        except LookupError:  # it grew too old meanwhile
            continue
    return found


_SIGNS = {"delivered": "well", "dead": "unwell", "waiting": "unsure"}


def _line(delivery: Delivery, to: str) -> DeliveryLine:
    then_ms = delivery.due_ms if delivery.state == "waiting" else delivery.ended_ms
    then = {"waiting": "tried next", "delivered": "delivered", "dead": "given up"}[delivery.state]
    return DeliveryLine(
        state=delivery.state,
        sign=_SIGNS[delivery.state],
        to=to,
        tries=f"{delivery.tries:,} {'try' if delivery.tries == 1 else 'tries'}",
        created=now_of(delivery.created_ms),
        then=then,
        then_at=None if then_ms is None else now_of(then_ms),
    )
