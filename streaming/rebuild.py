"""`churn rebuild`: an empty Redis is filled from the scores topic, without an alert."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import redis

from churn import bundle, forgotten, topics
from churn.errors import ChurnError
from churn.redis_refusal import refusal
from churn.settings import Settings
from churn.view import View
from streaming.heartbeats import Heartbeats
from streaming.publisher import Publisher, connected
from streaming.thresholds import Thresholds

SAY_EVERY_S = 1.0


def rebuild(settings: Settings, say: Callable[[str], None], stopping: threading.Event, replace: bool = False) -> int:
    """Publishes all that the topic holds now; bands are set silently. The API may be read meanwhile.

    Told to stop, it goes on from there at the next call.

    Args:
        settings: of everything.
        say: told of progress.
        stopping: ends it.
        replace: takes out the scores that Redis holds first; alerts stay.

    Returns:
        How many users the view holds then.

    Raises:
        ChurnError: Redis holds scores already, Kafka or Redis does not answer or let us in, or there is no model.
    """
    try:
        return _rebuild(settings, say, stopping, replace)
    except redis.RedisError as error:
        raise refusal(error, settings.redis) or ChurnError(
            f"Redis does not serve at {settings.redis.address} ({error}).",
            "Start Redis, or correct the settings in [redis]; then call it again.",
        ) from None


def _rebuild(settings: Settings, say: Callable[[str], None], stopping: threading.Event, replace: bool) -> int:
    thresholds = Thresholds(settings, bundle.load(settings.models))
    view, topic = View.connect(settings.redis), settings.kafka.scores_topic
    topics.ensure(settings.kafka)
    consumer = connected(settings)
    try:
        found = consumer.end_offsets(topics.known_partitions(consumer, topic))
        ends = {partition.partition: end for partition, end in found.items()}
        _require_room(view, topic, ends, replace)
        view.silence(topic, ends)
        publisher = Publisher(settings, view, consumer, thresholds, Heartbeats(view, settings))
        publisher.resume()
        _fill(publisher, ends, say, stopping)
        forgotten.forget_again(view, forgotten.known(settings))
    finally:
        consumer.close()
    return view.books().users


def _require_room(view: View, topic: str, ends: dict[int, int], replace: bool) -> None:
    """Refuses a view that is in use, unless an earlier rebuild was interrupted there."""
    if replace:
        view.clear_scores()
    elif view.clock() is not None and all(
        view.position(topic, number) >= view.silent_until(topic, number) for number in ends
    ):
        raise ChurnError(
            "Redis holds scores already.",
            "Nothing needs to be rebuilt; to bring all scores again, and keep the alerts, add --replace.",
        )


def _fill(publisher: Publisher, ends: dict[int, int], say: Callable[[str], None], stopping: threading.Event) -> None:
    began_s = said_s = time.monotonic()
    first = sum(publisher.reached.values())
    while not stopping.is_set() and any(publisher.reached[number] < end for number, end in ends.items()):
        publisher.step()
        now_s = time.monotonic()
        if now_s - said_s >= SAY_EVERY_S:
            said_s, done, whole = now_s, sum(publisher.reached.values()), sum(ends.values())
            left_s = (whole - done) * (now_s - began_s) / max(1, done - first)
            say(f"Brought {done:,} of {whole:,} records; about {left_s:,.0f} s are left.")
