"""The thread that sends a demo's traffic: what goes wrong in it is heard of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from churn import topics
from churn.demo.sender import Sender
from churn.demo.traffic import Traffic
from churn.errors import ChurnError
from churn.settings import Kafka
from churn.signals import Stopped
from streaming.replay import Sent


class Producer:
    """A broker that takes everything."""

    def send(self, *_: object, **__: object) -> Producer:
        return self

    def add_errback(self, _: object) -> None:
        """Nothing goes wrong."""

    flush = close = lambda self: None


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "producer", lambda *_, **__: Producer())


def started(live: Iterator[bytes]) -> Sender:
    sender = Sender(Traffic(Path("history.json"), 0, live, endless=False), Kafka(), None, Sent())
    sender.start()
    return sender


def failing(error: Exception) -> Iterator[bytes]:
    yield b"{}"
    raise error


@pytest.mark.parametrize("error", [ChurnError("The log is broken."), OSError(28, "No space left"), ZeroDivisionError()])
def test_whatever_ends_it_is_raised_where_it_is_watched(error: Exception) -> None:
    sender = started(failing(error))
    sender._thread.join(5)
    with pytest.raises(type(error)) as caught:
        sender.check()
    assert caught.value is error


def test_to_be_told_to_stop_is_no_failure() -> None:
    sender = started(failing(Stopped()))
    sender._thread.join(5)
    sender.check()


def test_it_stops_when_it_is_told(eventually: Callable[..., bool]) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"{}"

    sender = started(endless())
    assert eventually(lambda: sender._sent.events > 0)
    sender.stop(5)
    assert not sender._thread.is_alive()
    sender.check()
