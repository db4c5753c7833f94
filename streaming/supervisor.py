"""Keeps both queries running: in the right mode, with the chosen model, and again after a failure."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import structlog
from pyspark.sql.streaming.query import StreamingQuery

from churn import metrics
from churn.bundle import Bundle
from churn.following import Following
from churn.settings import Mode
from streaming.ending import PATIENCE_S, within
from streaming.lag import Lag
from streaming.modes import AutoMode, Running
from streaming.progress import Progress
from streaming.queries import DEAD_LETTERS, SCORES, Scorer
from streaming.restarts import Restarts, brief, everything_told

log = structlog.get_logger()

WATCH_S = 1.0
LETTERS_WAIT_S = 30.0
"""So long dead letters wait, at most, after a start and after a backlog."""


@dataclass(frozen=True)
class Starting:
    """How a query is started; the supervisor knows nothing else of Spark.

    Attributes:
        prepare: what the scoring query of a mode needs before it has a model.
        load: a bundle to the step that scores; takes seconds, and does not disturb a query that runs.
        scores: starts the scoring query.
        letters: starts the dead-letter query.
    """

    prepare: Callable[[Running], object]
    load: Callable[[Bundle], Scorer]
    scores: Callable[[Running, Scorer, Bundle], StreamingQuery]
    letters: Callable[[], StreamingQuery]


class Supervisor:
    """Runs both queries. Every change of the scoring query is a new start on the same checkpoint.

    Args:
        starting: of the queries.
        model: to begin with.
        mode: of the settings.
        auto: decides between the modes.
        lag: what waits.
        progress: counts what was done.
        following: tells of another model.
    """

    def __init__(
        self,
        starting: Starting,
        model: Bundle,
        mode: Mode,
        auto: AutoMode,
        lag: Lag,
        progress: Progress,
        following: Following,
    ) -> None:
        self._starting, self._model, self._auto = starting, model, auto
        self._lag, self._progress, self._following = lag, progress, following
        self._fixed = mode != "auto"
        waiting = lag.look(0, time.monotonic())
        self._mode: Running = auto.first(waiting) if mode == "auto" else mode
        self._letters_wait = not auto.caught_up(waiting)
        self._behind_s: float | None = None
        # Most of a start is what Spark does for the first time: on two cores, two such things take the time of one.
        # What fails beside it is met again, and told, by the start itself.
        with ThreadPoolExecutor(1) as beside:
            beside.submit(starting.prepare, self._mode)
            self._scorer = starting.load(model)
        self._running: dict[str, StreamingQuery] = {}
        self._restarts = {name: Restarts(name) for name in (SCORES, DEAD_LETTERS)}
        self._again_s: dict[str, float] = {}

    def run(self, stopping: threading.Event) -> None:
        """Runs until `stopping` is set.

        Raises:
            ChurnError: a query cannot go on, with its reason.
            Py4JError, OSError: the JVM is gone.
        """
        try:
            self.begin()
            while not stopping.wait(WATCH_S):
                self.look(time.monotonic())
        finally:
            within(PATIENCE_S, self._stop_all)

    def begin(self) -> None:
        """Starts the queries, scores first: after a crash it is they that somebody waits for."""
        self._start(SCORES, "begin")
        if not self._letters_wait:
            self._start(DEAD_LETTERS, "begin")

    def look(self, now_s: float) -> None:
        """What is done every second: counts, lag, failures, mode, model.

        Args:
            now_s: a clock that only goes forward, seconds.

        Raises:
            ChurnError: a query cannot go on.
        """
        for query in self._running.values():
            self._progress.note(query)
        lag = self._lag.look(self._progress.publish(), now_s)
        self._hold_letters(lag, now_s)
        self._revive(SCORES, now_s)
        if not self._letters_wait:
            self._revive(DEAD_LETTERS, now_s)
        chosen = self._following.look()
        if chosen is not None:
            self._swap(chosen)
        elif not self._fixed and SCORES in self._running:
            self._change_mode(self._auto.next(self._mode, lag, now_s), lag)

    def _hold_letters(self, lag: int, now_s: float) -> None:
        """While many events wait to be scored, dead letters wait: to find them costs as much as half the scoring.

        They go on once scoring is live, or has not been behind for a while: in micro-batches some events always wait.
        """
        if self._auto.behind(lag) or self._behind_s is None:
            self._behind_s = now_s
        if not self._letters_wait and self._auto.behind(lag):
            self._letters_wait = True
            log.info("dead letters wait until the backlog is scored", lag=lag)
            if DEAD_LETTERS in self._running:
                self._stop(DEAD_LETTERS)
        elif self._auto.caught_up(lag) or now_s - self._behind_s >= LETTERS_WAIT_S:
            self._letters_wait = False

    def _revive(self, name: str, now_s: float) -> None:
        """Starts a query again that has failed, after a while."""
        query = self._running.get(name)
        if query is not None and not query.isActive:
            told = everything_told(query.exception())
            del self._running[name]
            wait_s = self._restarts[name].after(told, self._progress.completed(name))
            log.warning("a query failed and is started again", query=name, reason=brief(told), wait_s=wait_s)
            self._again_s[name] = now_s + wait_s
        elif query is None and now_s >= self._again_s.get(name, 0.0):
            self._start(name, "failure")

    def _swap(self, chosen: Bundle) -> None:
        """Scores by another model; it is loaded before the old one stops."""
        try:
            self._scorer = self._starting.load(chosen)
        except Exception as error:  # whatever Spark finds wrong with it, the old one goes on
            log.warning(
                "the chosen model is not taken; the old one goes on", model=chosen.version, error=brief(str(error))
            )
            return
        log.info("scoring by another model", model=chosen.version, before=self._model.version)
        self._model = chosen
        self._restart("model")

    def _change_mode(self, mode: Running, lag: int) -> None:
        if mode != self._mode:
            log.info("changing the mode", mode=mode, before=self._mode, lag=lag)
            self._mode = mode
            self._restart("live" if mode == "realtime" else "backlog")

    def _restart(self, reason: str) -> None:
        if SCORES in self._running:  # otherwise it waits for its next start anyway
            self._stop(SCORES)
            self._start(SCORES, reason)

    def _stop_all(self) -> None:
        for name in list(self._running):
            self._stop(name)

    def _stop(self, name: str) -> None:
        query = self._running.pop(name)
        query.stop()
        self._progress.note(query)

    def _start(self, name: str, reason: str) -> None:
        if name == DEAD_LETTERS:
            self._running[name] = self._starting.letters()
            return
        self._progress.mode = self._mode
        self._running[name] = self._starting.scores(self._mode, self._scorer, self._model)
        metrics.STREAM_STARTS.labels(reason).inc()
        for mode in ("realtime", "microbatch"):
            metrics.STREAM_MODE.labels(mode).set(mode == self._mode)
        metrics.STREAM_MODEL.clear()
        metrics.STREAM_MODEL.labels(self._model.version).set(1)
        log.info("scoring", mode=self._mode, model=self._model.version, reason=reason)
