"""The API's one producer when Kafka is away or takes no more from it. On a real broker: `test_events.py`."""

from __future__ import annotations

from typing import Any

import pytest
from kafka.errors import KafkaTimeoutError, TopicAuthorizationFailedError

from api.problems import ProblemError
from api.sending import AGAIN_S, Record, Sending
from churn import topics
from churn.errors import ChurnError
from churn.settings import Kafka

RECORD = Record("churn.events", None, b"{}")


class Producer:
    def __init__(self, error: Exception) -> None:
        self._error, self.closed = error, False

    def send(self, *_: Any, **__: Any) -> Any:
        raise self._error

    def close(self, timeout: float) -> None:
        self.closed = True


def refused(sending: Sending) -> None:
    with pytest.raises(ProblemError, match="Kafka does not answer"):
        sending.send([RECORD])


def test_what_was_not_reached_is_left_alone_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s, tried = [100.0], []

    def connect(*_: Any, **__: Any) -> Any:
        tried.append(now_s[0])
        raise ChurnError("Kafka does not answer.", "Start it.")

    monkeypatch.setattr(topics, "producer", connect)
    sending = Sending(Kafka(), lambda: now_s[0])
    for _ in range(3):
        refused(sending)
    assert tried == [100.0]
    now_s[0] += AGAIN_S
    refused(sending)
    assert len(tried) == 2


@pytest.mark.parametrize(("error", "kept"), [(KafkaTimeoutError(), True), (TopicAuthorizationFailedError(), False)])
def test_a_producer_is_replaced_after_an_error_that_is_not_for_a_while(
    monkeypatch: pytest.MonkeyPatch, error: Exception, kept: bool
) -> None:
    made: list[Producer] = []

    def connect(*_: Any, **__: Any) -> Any:
        made.append(Producer(error))
        return made[-1]

    monkeypatch.setattr(topics, "producer", connect)
    sending = Sending(Kafka())
    refused(sending)
    refused(sending)
    assert len(made) == (1 if kept else 2)
    assert made[0].closed is not kept
