"""What endpoints are told beside alerts."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from api.webhooks.fan_out import FanOut
from tests.api.webhooks.receiver import Receiver
from tests.api.webhooks.test_endpoints import made

pytestmark = pytest.mark.servers


def test_of_one_that_was_switched_off_the_others_are_told_no_more_than_the_host(
    filled: Any, served: Any, receiver: Receiver
) -> None:
    endpoints = served.context.endpoints
    off = endpoints.get(made(served, f"{receiver.url}/a-secret-path?and=query", description="CRM")["id"])
    other = made(served, receiver.url, types=["endpoint.disabled"])
    FanOut(filled.view, cast(Any, None), endpoints, served.wall).disabled(off, "it is gone")
    [delivery] = served.context.deliveries.newest(other["id"], None, 10)
    assert "secret" not in delivery.body
    assert json.loads(delivery.body)["data"] == {
        "endpoint": off.id,
        "host": "127.0.0.1",
        "description": "CRM",
        "summary": "The webhook endpoint CRM was switched off: it is gone.",
    }
