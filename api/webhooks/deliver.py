"""`churn deliver`: makes deliveries of new alerts, and makes the attempts."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import suppress

import redis
import structlog
from redis import asyncio as async_redis

from api.alert_answers import AlertWords
from api.context import open_view, subscriber
from api.explainers import Explainers
from api.webhooks.courier import Courier
from api.webhooks.endpoints import Endpoint, Endpoints
from api.webhooks.fan_out import AT_ONCE, FanOut
from api.webhooks.sender import Sender
from churn import clients, metrics
from churn.audit import Audit
from churn.clock import wall_clock
from churn.redis_refusal import refusal
from churn.secret_keys import SecretKeys
from churn.settings import Settings

log = structlog.get_logger()

CHANNEL = "churn:alerted"
LOOK_S = 1.0
"""How often it looks without having been told, and for endpoints that are new or gone."""
GRACE_S = 10.0
"""For attempts under way when it is told to stop; what is cut off is made again at the next start."""
RETRY_S = 1.0


def run(settings: Settings, stopping: threading.Event) -> None:
    """Delivers until `stopping` is set. While Redis is away it waits.

    Raises:
        ChurnError: there is no secret key, Redis does not let us in, or the port of the metrics is taken.
    """
    keys = settings.secrets.require("The secrets of webhook endpoints are encrypted with it")
    metrics.serve(metrics.DELIVER, settings.webhooks.metrics_host, settings.webhooks.metrics_port, "webhooks")
    asyncio.run(Delivering(settings, keys).run(stopping))


class Delivering:
    """The program: one fan-out, and a courier an endpoint.

    Args:
        settings: of everything.
        keys: decrypt the secrets of endpoints.
    """

    def __init__(self, settings: Settings, keys: SecretKeys) -> None:
        view = open_view(settings.redis)
        self._settings, self._keys, self._view = settings, keys, view
        self._endpoints = Endpoints(view.redis, wall_clock)
        self._fan_out = FanOut(view, AlertWords(Explainers(settings.models)), self._endpoints, wall_clock)
        self._audit = Audit(view.redis, wall_clock)
        self._couriers: dict[str, tuple[Courier, asyncio.Task[None]]] = {}

    async def run(self, stopping: threading.Event) -> None:
        """Until `stopping` is set."""
        where = self._settings.redis
        client = async_redis.Redis.from_url(where.url, decode_responses=True, **clients.redis_py(where))
        async with Sender(self._settings.webhooks.http_networks) as sender:
            log.info("delivering")
            work = asyncio.create_task(self._work(client, sender))
            try:
                while not stopping.is_set() and not work.done():
                    await asyncio.sleep(0.05)
            finally:
                work.cancel()
                await self._finish()
                await client.aclose()
        if work.done() and not work.cancelled():
            work.result()

    async def _work(self, client: async_redis.Redis, sender: Sender) -> None:
        while True:
            try:
                await self._follow(client, sender)
            except (redis.RedisError, OSError) as error:
                if refused := refusal(error, self._settings.redis):
                    raise refused from None
                log.warning("Redis does not serve; waiting", error=type(error).__name__)
                await asyncio.sleep(RETRY_S)

    async def _follow(self, client: async_redis.Redis, sender: Sender) -> None:
        """Until the connection breaks."""
        listening = subscriber(self._settings.redis)
        try:
            async with listening.pubsub(ignore_subscribe_messages=True) as subscription:
                await subscription.subscribe(CHANNEL)
                looked_s = 0.0
                while True:
                    if time.monotonic() - looked_s >= LOOK_S:
                        looked_s = time.monotonic()
                        await self._hire(client, sender)
                    while await asyncio.to_thread(self._fan_out.step) == AT_ONCE:
                        self._wake()
                    self._wake()
                    await subscription.get_message(timeout=LOOK_S)
        finally:
            await listening.aclose()

    async def _hire(self, client: async_redis.Redis, sender: Sender) -> None:
        """A courier for each endpoint; one whose endpoint has gone has ended, one that Redis failed starts again."""
        endpoints = await asyncio.to_thread(self._look_up)
        for each in endpoints:
            held = self._couriers.get(each.id)
            if held is None or held[1].done():
                courier = Courier(
                    each.id, client, sender, self._keys, self._settings.webhooks.concurrency, wall_clock,
                    self._switched_off,
                )  # fmt: skip
                self._couriers[each.id] = courier, asyncio.create_task(self._courier(courier))
        for gone in self._couriers.keys() - {each.id for each in endpoints}:
            self._couriers.pop(gone)[1].cancel()

    async def _courier(self, courier: Courier) -> None:
        with suppress(redis.RedisError, OSError):
            await courier.run()

    def _wake(self) -> None:
        for courier, _ in self._couriers.values():
            courier.wake()

    def _switched_off(self, endpoint: Endpoint, why: str) -> None:
        self._audit.note("churn deliver", "churn deliver", "endpoint.disable", endpoint.id, why=why)
        self._fan_out.disabled(endpoint, why)

    def _look_up(self) -> list[Endpoint]:
        """All endpoints, which are counted on the way."""
        endpoints = self._endpoints.all()
        for state in ("enabled", "disabled"):
            metrics.DELIVER_ENDPOINTS.labels(state).set(sum(each.state == state for each in endpoints))
        metrics.DELIVER_FAILING.set(sum(each.failing_since_ms is not None for each in endpoints))
        waiting = sum(int(self._view.redis.zcard(f"churn:queue:{each.id}")) for each in endpoints)
        metrics.DELIVER_WAITING.set(waiting)
        return endpoints

    async def _finish(self) -> None:
        for _, task in self._couriers.values():
            task.cancel()
        couriers = [courier for courier, _ in self._couriers.values()]
        await asyncio.gather(*(courier.finish(GRACE_S) for courier in couriers))
