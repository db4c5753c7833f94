"""What every handler needs: the view, the settings, the wall clock, and what is made of them once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, cast

from anyio import CapacityLimiter
from fastapi import Depends, Request
from redis import asyncio as async_redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from api.alert_answers import AlertWords
from api.alert_feed import AlertFeed
from api.callers import Caller, Callers, Claim
from api.console.remembered import Remembered
from api.console.watch import Watch, reader
from api.explainers import Explainers
from api.idempotency import Idempotency
from api.passes import WITHIN_S, Pass, Passes
from api.risks import Risk, Risks
from api.sending import Sending
from api.times import Clock
from api.together import Together
from api.webhooks.addresses import Resolve, resolve
from api.webhooks.deliveries import Deliveries
from api.webhooks.endpoints import Endpoints
from churn import clients
from churn.audit import Audit
from churn.forgotten import Forgotten
from churn.keys import Keys
from churn.marks import Marks
from churn.secret_keys import SecretKeys
from churn.sessions import Sessions
from churn.settings import Redis, Settings
from churn.view import View

CONNECT_TIMEOUT_S = 0.8
ANSWER_TIMEOUT_S = 0.8
"""A reader waiting for an answer prefers "not now" within a second to silence."""


@dataclass(frozen=True)
class Context:
    """Made once with the app."""

    view: View
    settings: Settings
    clock: Clock
    callers: Together[Claim, Caller]
    explainers: Explainers
    risks: Risks
    asked: Together[str, Risk | None]
    keys: Keys
    sessions: Sessions
    passes: Together[Pass, bool]
    marks: Marks
    audit: Audit
    sending: Sending
    endpoints: Endpoints
    deliveries: Deliveries
    resolve: Resolve
    alert_words: AlertWords
    feed: AlertFeed
    watch: Watch
    remembered: Remembered
    idempotency: Idempotency
    judging: CapacityLimiter
    posting: CapacityLimiter
    forgotten: Forgotten
    secret_keys: SecretKeys | None

    def end_streams(self) -> None:
        """Lets everybody go who listens; from any thread, or a signal's handler."""
        self.feed.end()
        self.watch.end()


def build(settings: Settings, clock: Clock) -> Context:
    """The context of an app. Redis need not be there yet.

    Raises:
        ChurnError: the setting redis.url cannot be an address of Redis, or the secret key cannot be read.
    """
    view = open_view(settings.redis)
    secret_keys = settings.secrets.read()
    explainers, marks = Explainers(settings.models, clock), Marks(view.redis, clock)
    risks = Risks(view, marks, explainers)
    words = AlertWords(explainers)
    keys, sessions = Keys(view.redis, clock), Sessions(view.redis)
    look_up = Callers(view.redis, clock, settings.api.requests_per_second).look_up
    return Context(
        view=view,
        settings=settings,
        clock=clock,
        callers=Together(look_up, ANSWER_TIMEOUT_S),
        explainers=explainers,
        risks=risks,
        asked=Together(risks.look_up, ANSWER_TIMEOUT_S),
        keys=keys,
        sessions=sessions,
        passes=Together(Passes(keys, sessions).hold, WITHIN_S),
        marks=marks,
        audit=Audit(view.redis, clock),
        sending=Sending(settings.kafka),
        endpoints=Endpoints(view.redis, clock),
        deliveries=Deliveries(view.redis, clock),
        resolve=resolve,
        alert_words=words,
        feed=AlertFeed(view, words, lambda: subscriber(settings.redis)),
        watch=Watch(reader(view)),
        remembered=Remembered(),
        idempotency=Idempotency(view.redis),
        judging=CapacityLimiter(2),
        posting=CapacityLimiter(16),
        forgotten=Forgotten(view.redis, secret_keys),
        secret_keys=secret_keys,
    )


def open_view(where: Redis) -> View:
    """A view that gives up early.

    Raises:
        ChurnError: the address cannot be one of Redis.
    """
    return View.connect(
        where,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_timeout=ANSWER_TIMEOUT_S,
        # No second try, which would double the wait. Connections that a restart of Redis has closed are
        # found out by the pool before they are used.
        retry=Retry(NoBackoff(), 0),
    )


def subscriber(where: Redis) -> async_redis.Redis:
    """A connection for a subscription: it waits for as long as nothing is published."""
    options = {**clients.redis_py(where), "socket_connect_timeout": CONNECT_TIMEOUT_S, "health_check_interval": 10}
    return async_redis.Redis.from_url(where.url, decode_responses=True, **options)


async def _context(request: Request) -> Context:
    return cast(Context, request.app.state.context)


Wired = Annotated[Context, Depends(_context)]
"""Type of a handler's parameter that receives the context."""
