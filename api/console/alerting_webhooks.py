"""Webhook endpoints and their deliveries, as the page Alerting shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from api.console.alerting_policy import points
from api.console.moments import Moment, now_of
from api.console.wording import listed
from api.context import Context
from api.webhooks.addresses import RefusedError, parts
from api.webhooks.deliveries import Attempt, Delivery
from api.webhooks.endpoints import Endpoint, Wanted

NEWEST = 20
LOOKED_AT = 200
"""Of an endpoint's deliveries, where failures are to come first."""
ATTEMPTS = 10
MOST_ENDPOINTS = 50


@dataclass(frozen=True)
class AttemptShown:
    """One attempt; `came` says whether any answer did."""

    at: Moment
    result: str
    well: bool
    came: bool
    took: str
    answer: str


@dataclass(frozen=True)
class DeliveryShown:
    """One delivery; `sign` is a class of the style sheet."""

    id: str
    type: str
    alert: str
    state: str
    sign: str
    tries: int
    created: Moment
    due: Moment | None
    last: str
    attempts: list[AttemptShown]
    left_out: int


@dataclass(frozen=True)
class EndpointShown:
    """One endpoint in the list.

    Attributes:
        id, url, description: its own.
        name: by which people call it.
        what: format, and what it is told, in words.
        state: in words; `sign` is a class of the style sheet.
        enabled: whether it is.
        waiting: deliveries that wait.
        success, failure: the newest among its newest deliveries.
        ping: what became of the last test message, in words; empty for none.
        chosen: whether its deliveries are shown.
        old_secret_until: while the secret before counts, too.
    """

    id: str
    url: str
    name: str
    description: str
    what: list[str]
    state: str
    sign: str
    enabled: bool
    waiting: int
    success: Moment | None
    failure: Moment | None
    ping: str
    chosen: bool
    old_secret_until: Moment | None


@dataclass(frozen=True)
class Webhooks:
    """All of it; `deliveries` are of the endpoint that is chosen."""

    endpoints: list[EndpointShown]
    chosen: EndpointShown | None
    deliveries: list[DeliveryShown]
    failures: bool


def webhooks(context: Context, chosen_id: str, failures: bool) -> Webhooks:
    """What there is.

    Args:
        context: of the app.
        chosen_id: whose deliveries are shown; the newest endpoint's if there is none of this id.
        failures: whether failures come first.

    Raises:
        redis.RedisError: Redis does not serve.
    """
    held = context.endpoints.all()[-MOST_ENDPOINTS:]
    if not held:
        return Webhooks([], None, [], failures)
    chosen = next((each for each in held if each.id == chosen_id), held[-1])
    newest = {each.id: context.deliveries.newest(each.id, None, NEWEST) for each in held}
    some = context.deliveries.newest(chosen.id, None, LOOKED_AT) if failures else newest[chosen.id]
    wanted = sorted(some, key=lambda each: not _failed(each))[:NEWEST] if failures else some
    attempts = {each.id: context.deliveries.attempts(each.id) for each in wanted}
    shown = [_endpoint(context, each, newest[each.id], each.id == chosen.id) for each in held]
    deliveries = [_delivery(each, attempts[each.id]) for each in wanted]
    return Webhooks(shown, next(each for each in shown if each.chosen), deliveries, failures)


def name_of(endpoint: Endpoint) -> str:
    """By what people call it: of a URL the host only, the rest may be a secret; with the id, as hosts have several."""
    try:
        return endpoint.description or f"{parts(endpoint.url)[1]} ({endpoint.id})"
    except RefusedError:
        return endpoint.id


def _failed(delivery: Delivery) -> bool:
    return delivery.state == "dead" or (delivery.state == "waiting" and delivery.tries > 0)


def _endpoint(context: Context, endpoint: Endpoint, newest: Sequence[Delivery], chosen: bool) -> EndpointShown:
    delivered = [each.ended_ms for each in newest if each.state == "delivered" and each.ended_ms]
    failed = [each.ended_ms or each.created_ms for each in newest if _failed(each)]
    until_ms = endpoint.old_secret_until_ms
    state, sign = _state(endpoint)
    return EndpointShown(
        id=endpoint.id,
        url=endpoint.url,
        name=name_of(endpoint),
        description=endpoint.description,
        what=_what(endpoint),
        state=state,
        sign=sign,
        enabled=endpoint.state == "enabled",
        waiting=context.deliveries.waiting(endpoint.id),
        success=now_of(max(delivered)) if delivered else None,
        failure=now_of(endpoint.failing_since_ms or max(failed)) if failed or endpoint.failing_since_ms else None,
        ping=_ping(context, newest),
        chosen=chosen,
        old_secret_until=now_of(until_ms) if until_ms > context.clock() else None,
    )


def _state(endpoint: Endpoint) -> tuple[str, str]:
    if endpoint.state == "disabled":
        return f"disabled: {endpoint.disabled_for or 'nobody said why'}", "unsure"
    if endpoint.failing_since_ms is not None:
        return "enabled, but failing", "unwell"
    return "enabled", "well"


def _what(endpoint: Endpoint) -> list[str]:
    told = {"alert.raised": "alerts", "endpoint.disabled": "endpoints that are switched off"}
    types = " and ".join(told.get(each, each) for each in endpoint.types)
    pace = f", at most {endpoint.per_second:g} a second" if endpoint.per_second else ""
    shape = "Standard Webhooks" if endpoint.format == "standard" else "for a chat channel (Slack)"
    return [f"{types}, {shape}{pace}", filter_words(endpoint.wanted)]


def filter_words(wanted: Wanted) -> str:
    """Which alerts an endpoint is told."""
    found = [
        f"in the {listed(wanted.bands, 'or')} band" if wanted.bands else "",
        f"driven by {listed(wanted.drivers, 'or')}" if wanted.drivers else "",
        f"on the {listed(wanted.levels, 'or')} plan" if wanted.levels else "",
        f"raised by {listed(['the band' if each == 'band' else 'a rise' for each in wanted.kinds], 'or')}"
        if wanted.kinds
        else "",
        f"where the risk rose by {points(wanted.least_rise)} at least" if wanted.least_rise else "",
    ]
    said = [each for each in found if each]
    return f"only {', '.join(said)}" if said else "all of them"


def _ping(context: Context, newest: Sequence[Delivery]) -> str:
    found = next((each for each in newest if each.type == "endpoint.ping"), None)
    if found is None:
        return ""
    attempts = context.deliveries.attempts(found.id)
    if found.state == "delivered":
        return f"delivered, {_result(attempts[-1])} after {attempts[-1].duration_ms:,} ms" if attempts else "delivered"
    if attempts:
        return f"failed, {_result(attempts[-1])}" + ("; it is tried again" if found.state == "waiting" else "")
    return "waits for churn deliver, which sends it at once if it runs"


def _delivery(delivery: Delivery, attempts: Sequence[Attempt]) -> DeliveryShown:
    waits = delivery.state == "waiting"
    state = "failed, waits" if waits and delivery.tries else delivery.state
    sign = {"delivered": "well", "dead": "unwell"}.get(delivery.state, "unwell" if delivery.tries else "unsure")
    return DeliveryShown(
        id=delivery.id,
        type=delivery.type,
        alert=delivery.alert,
        state=state,
        sign=sign,
        tries=delivery.tries,
        created=now_of(delivery.created_ms),
        due=now_of(delivery.due_ms) if waits and delivery.due_ms is not None else None,
        last=_result(attempts[-1]) if attempts else "",
        attempts=[_attempt(each) for each in attempts[-ATTEMPTS:]],
        left_out=max(0, len(attempts) - ATTEMPTS),
    )


def _attempt(attempt: Attempt) -> AttemptShown:
    well = attempt.status is not None and 200 <= attempt.status < 300
    took, came = f"{attempt.duration_ms:,} ms", attempt.status is not None
    return AttemptShown(now_of(attempt.at_ms), _result(attempt), well, came, took, attempt.answer)


def _result(attempt: Attempt) -> str:
    return attempt.error or f"answered {attempt.status}"
