"""Empties the queue of one endpoint, at its pace; another endpoint never waits for it."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from typing import cast

import structlog
from redis import asyncio as async_redis

from api.webhooks import schedule
from api.webhooks.deliveries import FUNCTIONS, Attempt
from api.webhooks.endpoints import Endpoint, read
from api.webhooks.sender import Answer, Sender, elapsed_ms
from churn.metrics import DELIVER_ATTEMPT_SECONDS, DELIVER_ATTEMPTS
from churn.secret_keys import SecretKeys

log = structlog.get_logger()

LEASE_MS = 30_000
"""What was claimed belongs to this program for so long: longer than an attempt takes. When it is killed, the delivery
is made by whoever claims it then, with the same id."""
LOOK_S = 1.0
GONE = 410


class Courier:
    """Delivers to one endpoint.

    Args:
        endpoint_id: of it.
        client: decodes answers to text.
        sender: makes attempts.
        keys: decrypt the endpoint's secrets.
        concurrency: attempts at the same time.
        clock: the wall clock in ms.
        switched_off: told, in a thread, of an endpoint that was disabled, and why.
        chance: from 0 to 1, for jitter.
    """

    def __init__(  # noqa: PLR0913, PLR0917 (wiring)
        self,
        endpoint_id: str,
        client: async_redis.Redis,
        sender: Sender,
        keys: SecretKeys,
        concurrency: int,
        clock: Callable[[], int],
        switched_off: Callable[[Endpoint, str], None],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._id, self._redis, self._sender, self._keys = endpoint_id, client, sender, keys
        self._concurrency, self._clock, self._switched_off, self._chance = concurrency, clock, switched_off, chance
        self._running: set[asyncio.Task[None]] = set()
        self._look = asyncio.Event()
        self._free_at_s = 0.0
        self._secrets: tuple[tuple[str, ...], list[str]] = ((), [])

    def wake(self) -> None:
        """There may be something new."""
        self._look.set()

    async def run(self) -> None:
        """Until cancelled, or until the endpoint is not there any more; attempts under way are not waited for."""
        while True:
            self._look.clear()
            held = await self._redis.hgetall(f"churn:endpoint:{self._id}")
            if not held:
                return
            wait_s = await self._start(read(self._id, cast("dict[str, str]", held)))
            with suppress(TimeoutError):
                await asyncio.wait_for(self._look.wait(), wait_s)

    async def finish(self, within_s: float) -> None:
        """Waits for the attempts under way."""
        if self._running:
            await asyncio.wait(self._running, timeout=within_s)

    async def _start(self, endpoint: Endpoint) -> float:
        """Starts what is due and may start; returns how long nothing else will, in seconds."""
        if endpoint.state != "enabled":
            return LOOK_S
        room = self._room(endpoint)
        if room <= 0:
            return self._paced_s(endpoint)
        now_ms = self._clock()
        *claimed, next_due = await FUNCTIONS.call_async(
            self._redis, "churn_claim", self._id, now_ms, now_ms + LEASE_MS, room
        )
        for delivery_id, _type, body, tries in claimed:
            task = asyncio.create_task(self._attempt(endpoint, delivery_id, body, int(tries)))
            self._running.add(task)
            task.add_done_callback(self._done)
        if endpoint.per_second:
            self._free_at_s = max(self._free_at_s, time.monotonic()) + len(claimed) / endpoint.per_second
        if len(claimed) == room:
            return self._paced_s(endpoint)
        return min(LOOK_S, max(0.001, (float(next_due) - now_ms) / 1000)) if next_due else LOOK_S

    def _paced_s(self, endpoint: Endpoint) -> float:
        """How long until the next attempt may start by its pace; one that ends sooner wakes us."""
        return max(0.001, self._free_at_s - time.monotonic()) if endpoint.per_second else LOOK_S

    def _room(self, endpoint: Endpoint) -> int:
        """How many attempts may start now: at a rate, one as soon as the one before is long enough ago."""
        free = self._concurrency - len(self._running)
        if not endpoint.per_second:
            return free
        return min(free, 1) if time.monotonic() >= self._free_at_s else 0

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._look.set()
        if not task.cancelled() and (error := task.exception()):
            log.warning("an attempt was not noted; it comes again", endpoint=self._id, error=type(error).__name__)

    async def _attempt(self, endpoint: Endpoint, delivery_id: str, body: str, tries: int) -> None:
        now_ms, began_s = self._clock(), time.perf_counter()
        answer = await self._sender.send(endpoint.url, delivery_id, body, self._signing(endpoint, now_ms), now_ms)
        took_ms = elapsed_ms(began_s)
        attempt = Attempt(now_ms, answer.status, answer.error, took_ms, answer.text)
        state, due_ms = self._judge(answer, tries + 1)
        kept_s = schedule.KEPT_DELIVERED_S if state == "delivered" else schedule.KEPT_DEAD_S
        DELIVER_ATTEMPTS.labels("delivered" if answer.delivered else "failed").inc()
        DELIVER_ATTEMPT_SECONDS.observe(took_ms / 1000)
        noted = json.dumps(asdict(attempt))
        await FUNCTIONS.call_async(
            self._redis, "churn_attempted", delivery_id, self._id, noted, state, self._clock(), due_ms, kept_s
        )
        if not answer.delivered:
            await self._note_failure(endpoint, answer.status == GONE)

    def _signing(self, endpoint: Endpoint, now_ms: int) -> list[str]:
        """The secrets, decrypted once for as long as they are the same."""
        current = now_ms < endpoint.old_secret_until_ms
        encrypted = (endpoint.secret, endpoint.old_secret if current else "")
        if self._secrets[0] != encrypted:
            self._secrets = encrypted, endpoint.secrets(self._keys, now_ms)
        return self._secrets[1]

    def _judge(self, answer: Answer, tries: int) -> tuple[str, int | str]:
        """The state that an attempt leads to, and when it is due again; nothing for not at all."""
        if answer.delivered:
            return "delivered", ""
        now_ms = self._clock()
        wait_s = schedule.delay_s(tries, self._chance(), schedule.retry_after_s(answer.retry_after, now_ms / 1000))
        if wait_s is None or answer.status == GONE:
            return "dead", ""
        return "waiting", now_ms + round(wait_s * 1000)

    async def _note_failure(self, endpoint: Endpoint, gone: bool) -> None:
        """Whether it has failed for too long; of several attempts that find so at once, one switches it off and tells.

        Redis decides: since the attempt began another may have been delivered, or somebody may have given a new URL.
        """
        why = "it answered that it is gone (410)" if gone else "it has failed for five days"
        allowed_ms = 0 if gone else schedule.FAILING_S * 1000
        tried, told = json.dumps(endpoint.url), json.dumps(why)
        if await FUNCTIONS.call_async(self._redis, "churn_failed", self._id, tried, self._clock(), allowed_ms, told):
            log.warning("a webhook endpoint was switched off", endpoint=self._id, why=why)
            await asyncio.to_thread(self._switched_off, endpoint, why)
