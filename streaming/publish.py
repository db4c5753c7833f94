"""`churn publish`: every score record, in order, into Redis."""

from __future__ import annotations

import threading

import redis
import structlog
from kafka.errors import KafkaError

from churn import bundle, metrics, topics
from churn.redis_refusal import refusal
from churn.settings import Settings
from churn.view import View
from streaming.heartbeats import Heartbeats
from streaming.publisher import Publisher, connected
from streaming.tallying import tallying
from streaming.thresholds import Thresholds

log = structlog.get_logger()

_FIRST_RETRY_S, _LAST_RETRY_S = 0.1, 5.0


def run(settings: Settings, stopping: threading.Event, wait_s: float = 0.0) -> None:
    """Publishes until `stopping` is set. While Redis or Kafka is away it waits, and goes on where Redis says it was.

    Args:
        settings: of everything.
        stopping: ends it.
        wait_s: how long to wait for a first model, whose card has the thresholds.

    Raises:
        ChurnError: Kafka does not answer at the start, Kafka or Redis does not let us in, the model or the thresholds
            are not fit, or Redis holds a position that the topic does not have.
    """
    thresholds = Thresholds(settings, bundle.wait(settings.models, wait_s, stopping))
    view = View.connect(settings.redis)
    heartbeats = Heartbeats(view, settings)
    topics.ensure(settings.kafka)
    metrics.serve(metrics.PUBLISH, settings.publish.metrics_host, settings.publish.metrics_port, "publish")
    consumer = connected(settings)
    publisher = Publisher(settings, view, consumer, thresholds, heartbeats)
    try:
        with tallying(settings, stopping):
            _publish(settings, publisher, stopping)
    finally:
        heartbeats.close()
        consumer.close()


def _publish(settings: Settings, publisher: Publisher, stopping: threading.Event) -> None:
    pause_s = _FIRST_RETRY_S
    while not stopping.is_set():
        try:
            publisher.resume()
            pause_s = _FIRST_RETRY_S
            publisher.publish(stopping)
        except (redis.RedisError, KafkaError) as error:
            if refused := refusal(error, settings.redis):
                raise refused from None
            log.warning(_trouble(error), error=str(error), retry_s=pause_s)
            stopping.wait(pause_s)
            pause_s = min(pause_s * 2, _LAST_RETRY_S)


def _trouble(error: redis.RedisError | KafkaError) -> str:
    if isinstance(error, KafkaError):
        return "Kafka does not answer; waiting"
    if isinstance(error, redis.ResponseError):  # it lost its data, say, or went back in time
        return "Redis refuses; going on from the position that it holds"
    return "Redis does not answer; waiting"
