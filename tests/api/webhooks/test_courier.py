"""What attempts that end at the same time do to their endpoint, and those that end after it was changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from redis import asyncio as async_redis

from api.webhooks.courier import Courier
from api.webhooks.endpoints import Endpoint
from api.webhooks.sender import Answer
from churn.settings import DAY_MS
from tests.api.webhooks.receiver import Receiver
from tests.api.webhooks.test_endpoints import made

pytestmark = pytest.mark.servers

GONE_WORDS = "it answered that it is gone (410)"


class Answering:
    """A sender with one answer for all; `meanwhile` happens while an attempt is under way."""

    def __init__(self, status: int, meanwhile: Callable[[], object] = lambda: None) -> None:
        self._status, self._meanwhile = status, meanwhile

    async def send(self, *_: object) -> Answer:
        await asyncio.to_thread(self._meanwhile)
        return Answer(self._status)


Attempts = Callable[..., list[str]]


@pytest.fixture
def attempts(filled: Any, served: Any) -> Attempts:
    """Makes attempts of one endpoint as it was when they began, all at once; returns what was told of it."""

    def attempt(endpoint: Endpoint, *senders: Answering) -> list[str]:
        told: list[str] = []

        async def run() -> None:
            client = async_redis.Redis.from_url(filled.url, decode_responses=True)
            couriers = [
                Courier(
                    endpoint.id, client, sender, served.context.secret_keys, 8, served.wall,  # type: ignore[arg-type]
                    lambda _, why: told.append(why),
                )
                for sender in senders
            ]  # fmt: skip
            await asyncio.gather(*(each._attempt(endpoint, "msg_1", "{}", 0) for each in couriers))
            await client.aclose()

        asyncio.run(run())
        return told

    return attempt


def test_gone_eight_times_at_once_it_is_switched_off_once(served: Any, receiver: Receiver, attempts: Attempts) -> None:
    endpoint = served.context.endpoints.get(made(served, receiver.url)["id"])
    assert attempts(endpoint, *[Answering(410)] * 8) == [GONE_WORDS]
    held = served.context.endpoints.get(endpoint.id)
    assert (held.state, held.disabled_for) == ("disabled", GONE_WORDS)


def test_failing_for_five_days_eight_times_at_once_it_is_switched_off_once(
    served: Any, receiver: Receiver, attempts: Attempts
) -> None:
    endpoint = served.context.endpoints.get(made(served, receiver.url)["id"])
    assert attempts(endpoint, *[Answering(503)] * 8) == []
    since_ms = served.wall()
    served.wall.now_ms += 5 * DAY_MS - 1
    assert attempts(endpoint, *[Answering(503)] * 8) == []
    assert served.context.endpoints.get(endpoint.id).failing_since_ms == since_ms
    served.wall.now_ms += 1
    assert attempts(endpoint, *[Answering(503)] * 8) == ["it has failed for five days"]


def test_a_success_counts_though_the_endpoint_did_not_fail_when_its_attempt_began(
    served: Any, receiver: Receiver, attempts: Attempts
) -> None:
    endpoint = served.context.endpoints.get(made(served, receiver.url)["id"])
    assert attempts(endpoint, Answering(204, lambda: attempts(endpoint, Answering(503)))) == []
    assert served.context.endpoints.get(endpoint.id).failing_since_ms is None
    served.wall.now_ms += 5 * DAY_MS
    assert attempts(served.context.endpoints.get(endpoint.id), Answering(503)) == []
    assert served.context.endpoints.get(endpoint.id).state == "enabled"


@pytest.mark.parametrize("status", [410, 503])
def test_what_fails_at_the_old_url_does_not_count_for_the_new_one(
    served: Any, receiver: Receiver, attempts: Attempts, status: int
) -> None:
    endpoint = served.context.endpoints.get(made(served, receiver.url)["id"])
    endpoint = served.context.endpoints.change(endpoint, failing_since_ms=served.wall() - 5 * DAY_MS)
    mended = {"url": f"{receiver.url}/new", "state": "enabled"}

    def mend() -> None:
        served.client.patch(f"/v1/endpoints/{endpoint.id}", json=mended).raise_for_status()

    assert attempts(endpoint, Answering(status, mend)) == []
    held = served.context.endpoints.get(endpoint.id)
    assert (held.url, held.state, held.failing_since_ms) == (mended["url"], "enabled", None)


@pytest.mark.parametrize("status", [410, 503])
def test_a_failure_does_not_count_for_one_that_was_disabled_meanwhile(
    served: Any, receiver: Receiver, attempts: Attempts, status: int
) -> None:
    endpoint = served.context.endpoints.get(made(served, receiver.url)["id"])

    def disable() -> None:
        served.client.patch(f"/v1/endpoints/{endpoint.id}", json={"state": "disabled"}).raise_for_status()

    assert attempts(endpoint, Answering(status, disable)) == []
    held = served.context.endpoints.get(endpoint.id)
    assert (held.disabled_for, held.failing_since_ms) == ("by hand", None)


def test_a_new_url_begins_anew_and_the_same_one_does_not(served: Any, receiver: Receiver) -> None:
    endpoint = served.context.endpoints.get(made(served, receiver.url)["id"])
    served.context.endpoints.change(endpoint, failing_since_ms=1)
    path = f"/v1/endpoints/{endpoint.id}"
    assert served.client.patch(path, json={"url": receiver.url}).json()["failing_since"] is not None
    assert served.client.patch(path, json={"url": f"{receiver.url}/new"}).json()["failing_since"] is None
    assert served.context.endpoints.get(endpoint.id).failing_since_ms is None


@pytest.mark.parametrize("status", [204, 410, 500])
def test_an_attempt_that_ends_after_its_endpoint_was_deleted_leaves_nothing(
    filled: Any, served: Any, receiver: Receiver, attempts: Attempts, status: int
) -> None:
    endpoint = served.context.endpoints.get(made(served, receiver.url)["id"])
    served.context.endpoints.change(endpoint, failing_since_ms=None if status == 500 else 1)
    path = f"/v1/endpoints/{endpoint.id}"
    assert attempts(endpoint, Answering(status, lambda: served.client.delete(path))) == []
    assert filled.view.redis.exists(f"churn:endpoint:{endpoint.id}") == 0
    assert served.client.get(path).status_code == 404
