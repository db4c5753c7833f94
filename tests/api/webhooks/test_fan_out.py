"""Which alerts become deliveries to whom, also while a model is missing; and what endpoints are told beside alerts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from api.alert_answers import AlertWords
from api.console import health_line
from api.explainers import Explainers
from api.webhooks import fan_out
from api.webhooks.fan_out import WAIT_MS, FanOut
from tests.api.small_model import write_bundle
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


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A folder of bundles without one."""
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


@pytest.fixture
def alerts(filled: Any, served: Any, models: Path) -> FanOut:
    return FanOut(filled.view, AlertWords(Explainers(models, served.wall)), served.context.endpoints, served.wall)


Told = Callable[[], dict[str, list[str]]]


@pytest.fixture
def told(served: Any, receiver: Receiver) -> Told:
    """Three endpoints; whom each is told of, in the order of their names."""
    wanted: dict[str, list[str]] = {"all": [], "adverts": ["adverts"], "silence": ["silence"]}
    ids = {name: made(served, receiver.url, filter={"drivers": some})["id"] for name, some in wanted.items()}

    def users(endpoint: str) -> list[str]:
        bodies = [json.loads(each.body) for each in served.context.deliveries.newest(endpoint, None, 1000)]
        return sorted(each["data"]["user_id"] for each in bodies)

    return lambda: {name: users(endpoint) for name, endpoint in ids.items()}


def rise(filled: Any, scored: Any, user_id: str, **changes: Any) -> None:
    """Brings somebody into the high band by adverts."""
    filled.add(scored(user_id, **changes), scored(user_id, {"adverts_14d": 90.0}, version=2, **changes))


def test_a_driver_is_waited_for_until_its_model_is_there(
    filled: Any, served: Any, scored: Any, models: Path, alerts: FanOut, told: Told
) -> None:
    write_bundle(models, "m1")
    rise(filled, scored, "7", model_version="m2")
    rise(filled, scored, "8")
    assert alerts.step() == 0
    assert told() == {"all": ["7", "8"], "adverts": ["8"], "silence": []}  # nobody else waits
    write_bundle(models, "m2")
    served.wall.now_ms += 10_000
    assert alerts.step() == 2
    assert told() == {"all": ["7", "8"], "adverts": ["7", "8"], "silence": []}
    assert alerts.step() == 0


def test_without_its_model_it_goes_to_everybody_when_it_is_old(
    filled: Any, served: Any, scored: Any, alerts: FanOut, told: Told
) -> None:
    rise(filled, scored, "7")
    [alert] = filled.view.alerts(1)
    served.wall.now_ms = alert.raised_ms + WAIT_MS - 1
    assert alerts.step() == 0
    assert told() == {"all": ["7"], "adverts": [], "silence": []}
    served.wall.now_ms += 1
    assert alerts.step() == 1
    assert told() == {"all": ["7"], "adverts": ["7"], "silence": ["7"]}


def test_where_nothing_raises_the_risk_nobody_waits_for_a_driver(
    filled: Any, scored: Any, models: Path, alerts: FanOut, told: Told
) -> None:
    write_bundle(models, "m1")
    filled.add(scored("7"), scored("7", version=2, p_cancel=0.6))
    assert alerts.step() == 1
    assert told() == {"all": ["7"], "adverts": [], "silence": []}


def test_where_no_driver_decides_nothing_waits(
    filled: Any, served: Any, scored: Any, receiver: Receiver, alerts: FanOut
) -> None:
    made(served, receiver.url)
    made(served, receiver.url, filter={"drivers": ["adverts"], "levels": ["paid"]})
    rise(filled, scored, "7", level="free")
    assert alerts.step() == 1


def test_many_that_wait_are_looked_at_once_a_step_and_then_go_on(
    filled: Any, served: Any, scored: Any, alerts: FanOut, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fan_out, "AT_ONCE", 3)
    for user_id in "abcde":
        rise(filled, scored, user_id)
    assert [alerts.step(), alerts.step()] == [0, 0]  # what has AT_ONCE to do is asked again at once
    served.wall.now_ms += WAIT_MS + 5
    assert [alerts.step(), alerts.step(), alerts.step()] == [3, 2, 0]
    assert told() == {name: list("abcde") for name in ("all", "adverts", "silence")}


def test_the_console_does_not_take_an_alert_that_waits_for_one_that_nobody_sends() -> None:
    assert WAIT_MS < health_line.WAIT_MS
