"""A plain Python consumer: one process, one thread, dicts; each poll is scored in one run of the models, by ONNX.

It reads whatever waits, scores each user whom that has moved once, as a micro-batch does, and goes on. With `--durable`
its state lies in Redis, in one transaction with the scores, and a kill loses nothing and counts nothing twice; without,
it begins anew whenever it starts.

Example: python -m benchmarks.peers.plain_consumer --durable
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from dataclasses import asdict

from benchmarks.peers import shares
from benchmarks.peers.counting import Counting
from benchmarks.peers.identities import Identities
from benchmarks.peers.keeping import Batch, InMemory, InRedis, Keeper
from benchmarks.peers.reading import CLIENTS, Polled, Reader
from benchmarks.peers.scoring import Scorer
from churn import bundle, signals, topics
from churn import settings as configuration
from churn.scores import Score
from churn.settings import DAY_MS, Settings
from churn.view import View
from streaming.thresholds import Thresholds

MOST = 20_000


def main() -> int:
    """Runs until SIGTERM, then prints what it has done as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--durable", action="store_true", help="keep the state in Redis, with the scores")
    parser.add_argument("--no-dedupe", action="store_true", help="count doubles as they come")
    parser.add_argument("--client", choices=CLIENTS, default="confluent", help="of Kafka")
    parser.add_argument("--poll-records", type=int, default=MOST, help="of one poll, at most")
    parser.add_argument(
        "--epoch", type=int, default=int(time.time() * 1000), help="of scores whose state does not last"
    )
    shares.add_options(parser)
    options = parser.parse_args()
    settings = configuration.load()
    topics.ensure(settings.kafka)
    if options.share is None and options.processes > 1:
        more = ["--epoch", str(options.epoch)]
        return shares.in_processes(options.processes, "plain_consumer", settings.var, more)
    run(settings, options, signals.until_signal())
    return 0


def run(settings: Settings, options: argparse.Namespace, stopping: threading.Event) -> None:
    """One process, until `stopping` is set."""
    model = bundle.load(settings.models)
    view = View.connect(settings.redis.url)
    Thresholds(settings, model).prepare(view)
    topic = settings.kafka.events_topic
    keeper = InRedis(settings.redis.url, topic) if options.durable else InMemory(view, topic, options.epoch)
    reader = CLIENTS[options.client](settings.kafka, keeper.positions, options.share or 0, options.processes)
    counting = Counting(None if options.no_dedupe else identities(settings, reader))
    keeper.restore(counting, reader.partitions)
    consumer = Consumer(reader, counting, Scorer(model, keeper.epoch), keeper)
    consumer.run(stopping, options.poll_records)
    reader.close()
    print(json.dumps({**asdict(counting.tally), "scores": consumer.scores, "cpu_s": time.process_time()}), flush=True)


def identities(settings: Settings, reader: Reader) -> dict[int, Identities]:
    """Of every partition, with nothing seen yet."""
    window_ms = round(settings.stream.dedupe_window_days * DAY_MS)
    return {partition: Identities(window_ms) for partition in reader.partitions}


class Consumer:
    """Poll by poll from the events topic to the view.

    Args:
        reader: of the events topic.
        counting: the state.
        scorer: of users.
        keeper: where scores and state go.

    Attributes:
        scores: how many have been brought to the view.
    """

    def __init__(self, reader: Reader, counting: Counting, scorer: Scorer, keeper: Keeper) -> None:
        self._reader, self._counting, self._scorer, self._keeper = reader, counting, scorer, keeper
        self._reached: dict[int, int] = dict(keeper.positions)
        self.scores = 0

    def run(self, stopping: threading.Event, most: int) -> None:
        """Goes on until `stopping` is set; at most so many records a poll."""
        while not stopping.is_set():
            if polled := self._reader.read(most):
                self.step(polled)

    def step(self, polled: Polled) -> None:
        """Counts, scores and keeps what was polled."""
        known = self._counting.identities
        over = {partition: known[partition].turn() for partition in polled} if known is not None else {}
        moved = self._counting.take(polled)
        read = {number: (self._reached.get(number, 0), messages[-1][0] + 1) for number, messages in polled.items()}
        records = [(partition, *each) for partition, users in moved.items() for each in self._scored(users)]
        self._keeper.keep(Batch(records, read, moved, over), self._counting)
        self._reached.update({number: comes_next for number, (_, comes_next) in read.items()})
        self.scores += len(records)

    def _scored(self, users: dict[str, int]) -> list[tuple[int, Score]]:
        """Offset and score of each user, all in one run of each model."""
        if not users:
            return []
        scores = self._scorer.scores(list(users), [self._counting.held[user_id] for user_id in users])
        return list(zip(users.values(), scores, strict=True))


if __name__ == "__main__":
    raise SystemExit(main())
