"""A Redis that is empty, or was restored, is filled from the scores topic."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from churn.errors import ChurnError
from churn.settings import Kafka
from churn.view import View
from streaming.rebuild import rebuild
from tests.conftest import Servers
from tests.streaming.test_publish import RISES, publishing, send, settings_for

pytestmark = pytest.mark.servers

FOREVER = threading.Event()


def held(view: View) -> dict[str, Any]:
    """Everything about the users but when it was written and what alerts left behind."""
    return {
        user.score.user_id: (user.score, user.band, view.history(user.score.user_id))
        for user in view.users(view.user_ids())
        if user
    }


def quiet(_: str) -> None:
    """Says nothing."""


def test_an_empty_redis_gets_every_score_and_no_alert(
    kafka: Kafka, servers: Servers, redis_client: Any, tmp_path: Path, eventually: Callable[..., bool]
) -> None:
    view, settings = View.connect(servers.redis_url), settings_for(tmp_path, kafka, servers.redis_url)
    send(kafka, RISES[:40])
    with publishing(settings):
        assert eventually(lambda: view.books().scores == 40, 15)
    before, books = held(view), view.books()
    assert len(view.alerts(100)) == 20
    redis_client.flushall()
    assert rebuild(settings, quiet, FOREVER) == 20
    assert held(view) == before
    assert view.alerts(100) == []
    assert view.books() == replace(books, alerts=0)
    send(kafka, RISES[40:])
    send(kafka, [replace(RISES[40], version=4, risk=0.9)])
    with publishing(settings):
        assert eventually(lambda: view.books().scores == len(RISES) + 1, 15)
    assert [alert.version for alert in view.alerts(9)] == [4]


def test_a_view_in_use_is_refused_and_replaced_only_when_asked(
    kafka: Kafka, servers: Servers, redis_client: Any, tmp_path: Path, eventually: Callable[..., bool]
) -> None:
    view, settings = View.connect(servers.redis_url), settings_for(tmp_path, kafka, servers.redis_url)
    send(kafka, RISES[:40])
    with publishing(settings):
        assert eventually(lambda: view.books().scores == 40, 15)
    before, alerts = held(view), view.alerts(100)
    with pytest.raises(ChurnError, match=r"Redis holds scores already\. .* add --replace"):
        rebuild(settings, quiet, FOREVER)
    redis_client.delete("churn:user:3")
    assert rebuild(settings, quiet, FOREVER, replace=True) == 20
    assert (held(view), view.alerts(100)) == (before, alerts)


def test_one_that_was_interrupted_goes_on(kafka: Kafka, servers: Servers, redis_client: Any, tmp_path: Path) -> None:
    view, settings = View.connect(servers.redis_url), settings_for(tmp_path, kafka, servers.redis_url)
    send(kafka, RISES * 4)
    stopping = threading.Event()
    said: list[str] = []

    def stop_at_once(line: str) -> None:
        said.append(line)
        stopping.set()

    slow = settings.model_copy(update={"publish": settings.publish.model_copy(update={"max_poll_records": 7})})
    threading.Timer(0.05, stopping.set).start()
    rebuild(slow, stop_at_once, stopping)
    assert view.books().scores < len(RISES)
    assert rebuild(settings, quiet, FOREVER) == 20
    assert (view.books().scores, view.alerts(9)) == (len(RISES), [])
