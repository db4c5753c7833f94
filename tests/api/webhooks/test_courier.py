"""What attempts that end at the same time do to their endpoint."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest
from redis import asyncio as async_redis

from api.webhooks.courier import Courier
from api.webhooks.endpoints import Endpoint
from api.webhooks.sender import Answer
from tests.api.webhooks.receiver import Receiver
from tests.api.webhooks.test_endpoints import made

pytestmark = pytest.mark.servers


@pytest.fixture
def noting(filled: Any, served: Any) -> Callable[..., list[str]]:
    """Notes answers of one endpoint, all at once; returns what was told of it."""

    def note(endpoint: Endpoint, *answers: Answer) -> list[str]:
        told: list[str] = []

        async def run() -> None:
            client = async_redis.Redis.from_url(filled.url, decode_responses=True)
            courier = Courier(
                endpoint.id, client, cast(Any, None), served.context.secret_keys, 8, served.wall,
                lambda _, why: told.append(why),
            )  # fmt: skip
            noted: list[Awaitable[None]] = [courier._note_health(endpoint, answer) for answer in answers]
            await asyncio.gather(*noted)
            await client.aclose()

        asyncio.run(run())
        return told

    return note


def test_gone_eight_times_at_once_it_is_switched_off_once(
    served: Any, receiver: Receiver, noting: Callable[..., list[str]]
) -> None:
    endpoint = served.context.endpoints.get(made(served, receiver.url)["id"])
    assert noting(endpoint, *[Answer(410)] * 8) == ["it answered that it is gone (410)"]
    held = served.context.endpoints.get(endpoint.id)
    assert (held.state, held.disabled_for) == ("disabled", "it answered that it is gone (410)")


@pytest.mark.parametrize("status", [204, 410, 500])
def test_an_attempt_that_ends_after_its_endpoint_was_deleted_leaves_nothing(
    filled: Any, served: Any, receiver: Receiver, noting: Callable[..., list[str]], status: int
) -> None:
    made_id = made(served, receiver.url)["id"]
    endpoint = served.context.endpoints.change(served.context.endpoints.get(made_id), failing_since_ms=1)
    if status == 500:
        endpoint = served.context.endpoints.change(endpoint, failing_since_ms=None)
    served.client.delete(f"/v1/endpoints/{endpoint.id}")
    assert noting(endpoint, Answer(status)) == []
    assert filled.view.redis.exists(f"churn:endpoint:{endpoint.id}") == 0
    assert served.client.get(f"/v1/endpoints/{endpoint.id}").status_code == 404
