"""The same by Quix Streams: a StreamingDataFrame, state in its RocksDB store with changelog topics, its checkpoints.

Two tunings. `throughput` scores whom a checkpoint has moved once, when it commits, all in one run of the models: a
batching sink. `latency` scores each event as it comes: a sink that writes straight away; what a checkpoint costs then
comes between, so it is left at the five seconds that Quix Streams has by default.

The view takes a score only if it is newer, so events that are processed again after a failure do no harm there.

Example: python -m benchmarks.peers.quix --tuned latency
"""

from __future__ import annotations

import argparse
import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from quixstreams import Application, State
from quixstreams.sinks import BaseSink

from benchmarks.peers import shares
from benchmarks.peers.accumulators import AS_OF, add, empty
from benchmarks.peers.decoding import decode
from benchmarks.peers.scoring import Scorer
from benchmarks.peers.user_identities import is_new
from churn import bundle, topics
from churn import settings as configuration
from churn.events import InvalidEvent
from churn.settings import DAY_MS, Settings
from churn.view import View
from streaming.checkpoint import epoch
from streaming.thresholds import Thresholds

_HELD = b"held"

Moved = tuple[str, bytes]
"""A user and the accumulators after the event."""


@dataclass(frozen=True)
class Tuning:
    """How often a checkpoint is committed, and what of librdkafka is not left as it is."""

    commit_interval_s: float
    commit_every: int
    consumer: dict[str, Any]


TUNINGS = {
    "latency": Tuning(5.0, 0, {"fetch.queue.backoff.ms": 10}),
    "throughput": Tuning(1.0, 20_000, {"fetch.queue.backoff.ms": 10, "max.partition.fetch.bytes": 8 * 2**20}),
}


def main() -> int:
    """Runs until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tuned", choices=TUNINGS, default="throughput")
    parser.add_argument("--exactly-once", action="store_true", help="Kafka transactions around each checkpoint")
    parser.add_argument("--commit-interval", type=float, help="seconds, in place of the tuning's")
    parser.add_argument("--commit-every", type=int, help="records, in place of the tuning's")
    parser.add_argument("--group", default="churn-quix", help="name of the consumer group")
    parser.add_argument("--no-dedupe", action="store_true", help="count doubles as they come")
    shares.add_options(parser)
    options = parser.parse_args()
    settings = configuration.load()
    topics.ensure(settings.kafka)
    began = epoch(settings.var / "quix", settings.stream.shuffle_partitions, lambda: int(time.time() * 1000))
    if options.share is None and options.processes > 1:
        return shares.in_processes(options.processes, "quix", settings.var, [])
    run(settings, options, began)
    return 0


def run(settings: Settings, options: argparse.Namespace, began: int) -> None:
    """One member of the consumer group.

    Args:
        settings: of everything.
        options: of the command line.
        began: the epoch of its scores.
    """
    model = bundle.load(settings.models)
    view = View.connect(settings.redis.url)
    Thresholds(settings, model).prepare(view)
    app = application(settings, options)
    topic = app.topic(settings.kafka.events_topic, value_deserializer="bytes", key_deserializer="bytes")
    window_ms = None if options.no_dedupe else round(settings.stream.dedupe_window_days * DAY_MS)
    count = partial(counted, window_ms)
    sink = ViewSink(view, Scorer(model, began), settings.kafka.events_topic, at_once=options.tuned == "latency")
    app.dataframe(topic).apply(count, stateful=True, metadata=True).sink(sink)
    app.run()


def application(settings: Settings, options: argparse.Namespace) -> Application:
    """Quix Streams, as the options have it tuned."""
    tuning, member = TUNINGS[options.tuned], f"{options.group}-{options.share or 0}"
    interval_s, every = options.commit_interval, options.commit_every
    return Application(
        broker_address=settings.kafka.bootstrap,
        consumer_group=options.group,
        auto_offset_reset="earliest",
        commit_interval=tuning.commit_interval_s if interval_s is None else interval_s,
        commit_every=tuning.commit_every if every is None else every,
        state_dir=settings.var / "quix" / member,
        processing_guarantee="exactly-once" if options.exactly_once else "at-least-once",
        # A member of a fixed name takes its partitions back at once after a kill; otherwise the broker waits for the
        # dead one for 45 seconds.
        consumer_extra_config={**tuning.consumer, "group.instance.id": member},
        # Likewise the transaction of a member that was killed ends when it comes back, not after a minute.
        producer_extra_config={"transactional.id": member} if options.exactly_once else {},
        loglevel="WARNING",
    )


def counted(
    window_ms: int | None, value: bytes | None, _key: Any, received_ms: int, _headers: Any, state: State[Any, Any]
) -> Moved | None:
    """What an event makes of its user's state; None for a record that is not counted.

    State is by the record's key, which is the user.
    """
    try:
        event = decode(value or b"", received_ms)
    except InvalidEvent:
        return None
    if not event[0]:
        return None
    before = state.get_bytes(_HELD)
    held = array("d", before) if before else empty()
    if window_ms is not None and not is_new(state, event, held[AS_OF] - window_ms):
        return None
    add(held, event, received_ms)
    after = held.tobytes()
    state.set_bytes(_HELD, after)
    return event[0], after


class ViewSink(BaseSink):  # type: ignore[misc]  # its package is in an environment of its own
    """Scores users and brings the scores to the view.

    Args:
        view: where to.
        scorer: of users.
        topic: of the events, by which the view keeps its position.
        at_once: score each event as it comes; otherwise whom a checkpoint has moved, once.
    """

    def __init__(self, view: View, scorer: Scorer, topic: str, at_once: bool) -> None:
        super().__init__()
        self._view, self._scorer, self._topic, self._at_once = view, scorer, topic, at_once
        self._moved: dict[str, tuple[int, int, bytes]] = {}

    def add(
        self,
        value: Moved | None,
        key: Any,  # noqa: ARG002
        timestamp: int,  # noqa: ARG002
        headers: Any,  # noqa: ARG002
        topic: str,  # noqa: ARG002
        partition: int,
        offset: int,
    ) -> None:
        """Takes a user who was moved."""
        if value is None:
            return
        user_id, held = value
        self._moved[user_id] = partition, offset, held
        if self._at_once:
            self.flush()

    def flush(self) -> None:
        """Scores those who were moved, all in one run of each model; called when a checkpoint commits."""
        if not self._moved:
            return
        moved = sorted((*where, user_id) for user_id, where in self._moved.items())
        held: Sequence[bytes] = [each[2] for each in moved]
        scores = self._scorer.scores([each[3] for each in moved], held)
        records = [(partition, offset, score) for (partition, offset, *_), score in zip(moved, scores, strict=True)]
        # From 0: where Quix Streams goes on is in Kafka, not here.
        read = {partition: (0, offset + 1) for partition, offset, _ in records}
        self._view.publish(self._topic, records, int(time.time() * 1000), read)
        self._moved.clear()


if __name__ == "__main__":
    raise SystemExit(main())
