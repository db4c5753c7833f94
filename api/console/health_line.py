"""Whether each part of the system does its work, in words, with what to do where one does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from api.alert_answers import percent
from api.console.durations import delay, lasting
from api.console.pace import LATE_MS, Pace
from api.context import Context
from api.health import Check, run_checks
from api.webhooks.endpoints import Endpoint
from churn import bundle

State = Literal["well", "unwell", "unsure"]

ALIVE_MS = 10_000
"""Publish gives a sign each second; without one for so long it is not at work."""
LATE = 0.1
"""Such a share of a minute's scores in late seconds is not well. A stream pauses a second or two at the end of each of
its batches, which take minutes: that is at most a twentieth of a minute."""
WAIT_MS = 60_000
"""How long an alert may wait until there are deliveries of it."""


@dataclass(frozen=True)
class Sign:
    """How one part does. In words, what stands between backquotes is to be typed.

    Attributes:
        name: of the part.
        state: of it.
        words: what is, short.
        remedy: what is wrong and what to do, as sentences; empty where nothing is.
    """

    name: str
    state: State
    words: str
    remedy: str = ""


def verdict(signs: Sequence[Sign]) -> tuple[State, str]:
    """All of them in one sentence."""
    states = {sign.state for sign in signs}
    if "unwell" in states:
        return "unwell", "Not all is well."
    return ("unsure", "All is well as far as can be told.") if "unsure" in states else ("well", "All is well.")


def signs_of(context: Context, pace: Pace, model: str, is_admin: bool) -> list[Sign]:
    """How every part does; that of webhooks for whoever may see it.

    Args:
        context: of the app.
        pace: of scoring.
        model: whose scores are shown; empty for none.
        is_admin: whether whoever asks may see the endpoints.

    Raises:
        redis.RedisError: Redis does not serve.
    """
    signs = [redis_sign(run_checks(context.view)), publish_sign(pace), stream_sign(pace), delay_sign(pace)]
    signs.append(_model(context, model))
    if is_admin:
        signs.append(webhooks_sign(context.endpoints.all(), _waiting_ms(context)))
    return signs


def redis_sign(checks: Sequence[Check]) -> Sign:
    """Redis, by the checks of readiness."""
    failed = [check for check in checks if not check.ok]
    if not failed:
        return Sign("Redis", "well", "ready")
    told = " ".join(f"{check.detail[:1].upper()}{check.detail[1:]}. {check.remedy}" for check in failed)
    return Sign("Redis", "unwell", "not ready", f"Redis is not ready (`/readyz`). {told}")


def publish_sign(pace: Pace) -> Sign:
    """Publish, by its newest pulse."""
    if pace.age_ms is None:
        return Sign(
            "Publish", "unwell", "no sign of life", "Publish has given no sign of life yet. Start `churn publish`."
        )
    if pace.age_ms <= ALIVE_MS:
        return Sign("Publish", "well", "at work")
    return Sign(
        "Publish",
        "unwell",
        f"no sign of life for {lasting(pace.age_ms)}",
        f"Publish has given no sign of life for {lasting(pace.age_ms)}, so no score is new. Start `churn publish`, or "
        "read its log. Where it is at work, the wall clocks of the two machines differ.",
    )


def _is_alive(pace: Pace) -> bool:
    return pace.age_ms is not None and pace.age_ms <= ALIVE_MS


def stream_sign(pace: Pace) -> Sign:
    """The stream, by what comes from it."""
    if not _is_alive(pace) or pace.silent_ms is None:
        return Sign("Stream", "unsure", "not known without publish")
    if events := pace.minute.events:
        return Sign("Stream", "well", f"{events:,} {'event' if events == 1 else 'events'} scored in the last minute")
    since = f"for {'' if pace.heard else 'at least '}{lasting(pace.silent_ms)}"
    return Sign(
        "Stream",
        "unsure",
        f"silent {since}",
        f"No event has been scored {since}. If users are active, look at `churn stream` and at what sends events.",
    )


def delay_sign(pace: Pace) -> Sign:
    """How long scores take."""
    p50_ms, p99_ms = pace.minute.p50_ms, pace.minute.p99_ms
    if p50_ms is None or p99_ms is None:
        return Sign("Delay", "unsure", "not known while nothing is scored")
    words = f"half within about {delay(p50_ms)}, 99 of 100 within about {delay(p99_ms)}"
    late = percent(pace.minute.late)
    if pace.minute.late < LATE:
        return Sign("Delay", "well", f"{words}; {late} in slow seconds" if p99_ms > LATE_MS else words)
    return Sign(
        "Delay",
        "unwell",
        words,
        f"Scores come late: {late} of those of the last minute are of seconds in which some took more than "
        f"{delay(LATE_MS)} from Kafka's stamp, 99 of 100 came within about {delay(p99_ms)}. After a pause that passes; "
        "if it lasts, look at `churn_stream_lag_events` in the metrics of `churn stream`, and at the load of the "
        "machine.",
    )


def _model(context: Context, version: str) -> Sign:
    chosen = bundle.chosen(context.settings.models)
    name = version or chosen
    return model_sign(version, chosen, name is not None and context.explainers.of(name) is not None)


def model_sign(version: str, chosen: str | None, at_hand: bool) -> Sign:
    """The model.

    Args:
        version: whose scores are shown; empty for none.
        chosen: the bundle in use, None for none.
        at_hand: whether the bundle of the scores, or else the one in use, could be read here.
    """
    name = version or chosen
    if name is None:
        words = "No model is there. Make one by `churn train`, or correct the setting `models`."
        return Sign("Model", "unwell", "none", words)
    if not at_hand:
        words = (
            f"The bundle of the model {name} cannot be read here, so scores are told without reasons. Bring it into "
            "the folder that the setting `models` names."
        )
        return Sign("Model", "unwell", f"{name} is not at hand", words)
    if chosen and chosen != name:
        return Sign("Model", "unsure", f"{chosen} is chosen, the newest scores are of {name}")
    return Sign("Model", "well", f"{name} is at hand")


def _waiting_ms(context: Context) -> int:
    """For how long the oldest alert has waited that `churn deliver` has not made deliveries of yet."""
    view = context.view
    place = int(str(view.redis.get("churn:deliveries:place") or view.last_alert_place()))
    for alert in view.alerts_of([alert_id for alert_id, _ in view.alert_ids_after(place, 1)]):
        return max(0, context.clock() - alert.raised_ms)
    return 0


def webhooks_sign(endpoints: Sequence[Endpoint], waiting_ms: int) -> Sign:
    """The endpoints; who was disabled by hand is no trouble."""
    if not endpoints:
        return Sign("Webhooks", "well", "no endpoint")
    ended = [each for each in endpoints if each.state == "disabled" and each.disabled_for != "by hand"]
    failing = [each for each in endpoints if each.state == "enabled" and each.failing_since_ms is not None]
    enabled = sum(each.state == "enabled" for each in endpoints)
    remedies = []
    if ended:
        remedies.append(f"{_endpoints(len(ended))} disabled after failures: mend and enable on the page Alerting.")
    if failing:
        remedies.append(f"{_endpoints(len(failing))} failing: the page Alerting tells what came back.")
    if waiting_ms > WAIT_MS and enabled:
        remedies.append(f"An alert has waited {lasting(waiting_ms)} to be sent. Start `churn deliver`.")
    words = f"{enabled:,} of {len(endpoints):,} enabled" + (f", {len(failing):,} failing" if failing else "")
    return Sign("Webhooks", "unwell" if remedies else "well", words, " ".join(remedies))


def _endpoints(count: int) -> str:
    return "1 endpoint is" if count == 1 else f"{count:,} endpoints are"
