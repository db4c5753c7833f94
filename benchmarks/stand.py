"""A broker and a Valkey of their own, and one contestant at a time on them."""

from __future__ import annotations

import itertools
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.contestants import GROUP, Contestant
from churn import jars, java, topics
from churn.child import Child
from churn.embedded import Broker, Valkey, free_port
from churn.errors import ChurnError
from churn.settings import Kafka
from churn.view import View

_NUMBERS = itertools.count()


class Stand:
    """Servers in a temporary folder.

    Args:
        models: with a current bundle.
    """

    def __init__(self, models: Path) -> None:
        self._models = models
        self._stack = ExitStack()

    def __enter__(self) -> Stand:
        self.var = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="churn-bench-")))
        home = java.java_home(java.cache_dir())
        found = jars.ensure(jars.FOLDER, home / "bin" / "java", print)
        self.broker = self._stack.enter_context(Broker(self.var, found, home))
        self.valkey = self._stack.enter_context(Valkey(self.var))
        self.view = View.connect(self.valkey.url)
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def topics(self, events: str | None = None) -> Kafka:
        """Fresh topics, and an empty Redis.

        Args:
            events: a topic of events that is there already.
        """
        number = next(_NUMBERS)
        kafka = Kafka(
            bootstrap=self.broker.bootstrap,
            events_topic=events or f"bench-{number}-events",
            scores_topic=f"bench-{number}-scores",
            dead_letters_topic=f"bench-{number}-dead-letters",
        )
        topics.ensure(kafka)
        self.view.redis.flushall()
        return kafka

    def environment(self, contestant: Contestant, kafka: Kafka, **more: str) -> dict[str, str]:
        """The settings of a contestant, as variables."""
        own = self.var / kafka.scores_topic
        return {
            **kafka.variables(),
            "CHURN_VAR": str(own),
            "CHURN_MODELS": str(self._models),
            "CHURN_REDIS__URL": self.valkey.url,
            "CHURN_STREAM__CHECKPOINT": str(own / "checkpoint"),
            "CHURN_STREAM__METRICS_PORT": str(free_port()),
            "CHURN_PUBLISH__METRICS_PORT": str(free_port()),
            # Event time runs much faster here than life: with heartbeats others than the contestants would send, too.
            "CHURN_HEARTBEAT__PER_SECOND": "0",
            **contestant.env,
            **more,
        }

    @contextmanager
    def running(self, contestant: Contestant, kafka: Kafka, **more: str) -> Iterator[dict[str, Child]]:
        """Starts the programs of a contestant, and ends them afterwards."""
        env = self.environment(contestant, kafka, **more)
        self._metrics_url = f"http://127.0.0.1:{env['CHURN_STREAM__METRICS_PORT']}/metrics"
        started: dict[str, Child] = {}
        try:
            for name, command in contestant.programs.items():
                own = [part.replace(GROUP, kafka.scores_topic) for part in command]
                started[name] = Child(name, own, self.var / kafka.scores_topic, env=env).start()
            yield started
        finally:
            for child in started.values():
                child.stop(20)

    def metrics(self) -> dict[tuple[str, str], float]:
        """The stream's own metrics, by name and the value of the first label."""
        with urllib.request.urlopen(self._metrics_url, timeout=5) as answer:  # noqa: S310 (of this machine)
            families = text_string_to_metric_families(answer.read().decode())
        return {
            (sample.name, next(iter(sample.labels.values()), "")): sample.value
            for family in families
            for sample in family.samples
        }

    def resident_bytes(self) -> int:
        """Memory of all child processes together."""
        held = 0
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                held += process.memory_info().rss
        return held


def train(folder: Path, log: Path) -> Path:
    """A logistic model of a log: what it is worth does not matter here. Returns the folder of models."""
    models = folder / "models"
    env = {
        "CHURN_VAR": str(folder),
        "CHURN_TRAINING__SEARCH": "false",
        "CHURN_TRAINING__CANDIDATES": '["logistic"]',
        "CHURN_TRAINING__REPORT": "false",
        "CHURN_TRAINING__RESAMPLES": "0",
    }
    command = [sys.executable, "-m", "churn.cli", "train", "--events", str(log), "--out", str(models)]
    with Child("train", command, folder, env=env) as child:
        if child.wait(900) != 0:
            raise ChurnError(f"Training failed: {child.tail(3)}", "Look at the log.")
    return models


def wait_until(done: Callable[[], bool], within_s: float, programs: dict[str, Child], what: str) -> float:
    """Waits for a condition. Returns the monotonic time, seconds.

    Raises:
        ChurnError: a program ended meanwhile, or the time is over.
    """
    deadline_s = time.monotonic() + within_s
    while not done():
        for name, child in programs.items():
            if not child.alive:
                raise ChurnError(f"{name} ended with {child.returncode}: {child.tail(20)}", "Look at its log.")
        if time.monotonic() > deadline_s:
            tails = "\n".join(child.tail(5) for child in programs.values())
            raise ChurnError(f"{what} did not happen within {within_s:.0f} s.\n{tails}", "Is the machine busy?")
        time.sleep(0.05)
    return time.monotonic()
