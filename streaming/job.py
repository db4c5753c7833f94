"""`churn stream`: events in, scores out, in real-time mode or in micro-batches."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import structlog
from py4j.protocol import Py4JError
from pyspark.sql import SparkSession

from churn import bundle, metrics, session, topics
from churn.errors import ChurnError
from churn.following import Following
from churn.model import load_scorer
from churn.settings import Settings
from streaming import checkpoint, queries
from streaming.ending import end
from streaming.lag import Lag
from streaming.modes import AutoMode
from streaming.newest_epoch import newest_epoch
from streaming.progress import Progress
from streaming.restarts import is_full
from streaming.supervisor import Starting, Supervisor

log = structlog.get_logger()


def run(settings: Settings, stopping: threading.Event, wait_s: float = 0.0) -> None:
    """Scores events until `stopping` is set.

    Args:
        settings: of everything.
        stopping: ends it; the open batch is replayed at the next start.
        wait_s: how long to wait for a first model.

    Raises:
        ChurnError: Kafka, the model or the checkpoint is not fit; a query cannot go on; or the JVM is gone.
    """
    # Without waiting it is refused now, not after the JVM has started.
    ready = None if wait_s else bundle.load(settings.models)
    metrics.serve(metrics.STREAM, settings.stream.metrics_host, settings.stream.metrics_port, "stream")
    topics.ensure(settings.kafka)
    # Larger than any before it, even where the clock has been set back since: otherwise all its scores would be old.
    epoch = checkpoint.epoch(
        settings.stream.checkpoint,
        settings.stream.shuffle_partitions,
        lambda: max(int(time.time() * 1000), newest_epoch(settings) + 1),
    )
    spark = start_spark(settings)
    try:
        model = ready or bundle.wait(settings.models, wait_s, stopping)
        log.info("streaming", mode=settings.stream.mode, epoch=epoch, model=model.version)
        _supervise(spark, settings, model, epoch, stopping)
    except (Py4JError, OSError) as error:  # OSError: nobody listens where the JVM was
        if not stopping.is_set():
            if is_full(str(error)):  # it cannot even begin
                raise ChurnError(
                    "The disk of stream.checkpoint or of Spark's temporary files is full.",
                    "Make room and start it again: it goes on where it was.",
                ) from None
            raise ChurnError(
                f"The JVM is gone ({type(error).__name__}).", "Start it again: it goes on where it was."
            ) from None
    finally:
        end(spark)


def start_spark(settings: Settings, java_options: Sequence[str] = ()) -> SparkSession:
    """The session that the stream's queries run in.

    Args:
        settings: of everything.
        java_options: see :func:`churn.session.start`.

    Raises:
        ChurnError: Kafka does not answer, or as :func:`churn.session.start`.
    """
    return session.start(
        "churn stream",
        slots=queries.slots(settings),
        memory=settings.stream.driver_memory,
        local_dir=settings.var / "spark",
        shuffle_partitions=settings.stream.shuffle_partitions,
        master=settings.stream.master,
        metrics_port=settings.stream.spark_metrics_port,
        java_options=java_options,
    )


def _supervise(
    spark: SparkSession, settings: Settings, model: bundle.Bundle, epoch: int, stopping: threading.Event
) -> None:
    stream = settings.stream
    features = queries.Features(spark, settings)
    starting = Starting(
        prepare=features.prepare,
        load=load_scorer,
        scores=lambda mode, score, of: queries.scores(
            features.take(mode), settings, mode, score, epoch, of.horizon_days
        ),
        letters=lambda: queries.letters(spark, settings),
    )
    lag = Lag(settings.kafka, stream.checkpoint / queries.SCORES)
    try:
        auto = AutoMode(stream.live_lag, stream.backlog_lag)
        following, progress = Following(settings.models, model), Progress(spark, "microbatch")
        Supervisor(starting, model, stream.mode, auto, lag, progress, following).run(stopping)
    finally:
        lag.close()
