"""A demo from its first line to its last: servers, model, openings, programs, traffic, figures, end."""

from __future__ import annotations

import json
import math
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from churn import bundle, jars, java, topics
from churn.demo.figures import Figures, Ports, closing, look
from churn.demo.live_line import LiveLine
from churn.demo.plan import Plan
from churn.demo.programs import Programs
from churn.demo.traffic import Traffic, traffic
from churn.embedded import Broker, Valkey, claim, free_port
from churn.errors import ChurnError
from churn.server import is_free
from churn.settings import PROJECT, Kafka, Settings
from churn.view import View
from streaming.pace import Pace
from streaming.replay import Sent, replay

USUAL_PORT = 8000
DEMO_FOLDS = 3
"""Fewer than by default: every user is tested once all the same, and the first score comes sooner."""

QUICK_TRAINING = {"CHURN_TRAINING__SEARCH": "false", "CHURN_TRAINING__DATE_PARTS": "5"}
"""One kind of model, tested on the last dates: the first score comes a minute sooner."""

WAIT = ("--wait", "3600")
_STOP_S = 7.0
_SETTLE_S = 4.0
_LOOK_S = 1.0
_READY_S = 240.0


class _Stopped(Exception):  # noqa: N818 (not an error: somebody pressed Ctrl-C, or the time is over)
    pass


class Demo:
    """One run of everything.

    Args:
        plan: what to do.
        settings: of this machine; addresses and folders are replaced by the demo's own.
        stopping: ends it.
        say: told of each step.
    """

    def __init__(self, plan: Plan, settings: Settings, stopping: threading.Event, say: Callable[[str], None]) -> None:
        self._plan, self._settings, self._stopping, self._say = plan, settings, stopping, say
        self._started_s = time.monotonic()
        self._folder = settings.var / "demo"
        self._sent = Sent()
        self._failure: list[ChurnError] = []

    def run(self) -> dict[str, Any]:
        """Runs until the time is over, the log is through, or a signal comes; returns the closing figures."""
        with ExitStack() as stack:
            port = self._api_port()  # a taken one is said before anything is started
            home, found = self._prepare(stack)
            # The servers start while history is made: it keeps one core busy, and they the other.
            with ThreadPoolExecutor(1) as pool:
                starting = pool.submit(self._servers, found, home, stack)
                events = stack.enter_context(traffic(self._plan, self._settings, self._folder, self._say))
            broker, valkey = starting.result()
            ports = Ports.free(port)
            programs = Programs(self._folder, self._environment(broker, valkey, ports), self._say)
            stack.callback(programs.stop, _STOP_S)
            view = View.connect(valkey.url)
            with suppress(_Stopped):
                self._serve(programs, events, Kafka(bootstrap=broker.bootstrap), view, ports)
            figures = look(view, ports, self._sent)
            model = _model_version(self._folder / "models")
        return closing(figures, self._plan.mode, model, java.release(home), self._started_s)

    def _prepare(self, stack: ExitStack) -> tuple[Path, jars.Jars]:
        self._settings.var.mkdir(parents=True, exist_ok=True)
        stack.callback(claim(self._settings.var).close)
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()
        home = java.java_home(java.cache_dir())
        return home, jars.ensure(PROJECT / ".jars", home / "bin" / "java", self._say)

    def _servers(self, found: jars.Jars, home: Path, stack: ExitStack) -> tuple[Broker, Valkey]:
        broker = stack.enter_context(Broker(self._folder, found, home))
        valkey = stack.enter_context(Valkey(self._folder))
        self._say(f"Kafka listens at {broker.bootstrap}, Valkey at {valkey.url}.")
        return broker, valkey

    def _api_port(self) -> int:
        if self._plan.port:
            if not is_free(self._plan.port):
                raise ChurnError(
                    f"Port {self._plan.port} is taken by another program.", "Name another one with --port."
                )
            return self._plan.port
        return USUAL_PORT if is_free(USUAL_PORT) else free_port()

    def _environment(self, broker: Broker, valkey: Valkey, ports: Ports) -> dict[str, str]:
        folder = self._folder.resolve()
        return {
            "CHURN_VAR": str(folder),
            "CHURN_MODELS": str(folder / "models"),
            "CHURN_LABELS__FOLDS": str(min(DEMO_FOLDS, self._settings.labels.folds)),
            **QUICK_TRAINING,
            "CHURN_STREAM__CHECKPOINT": str(folder / "checkpoint"),
            "CHURN_STREAM__MODE": self._plan.mode,
            "CHURN_KAFKA__BOOTSTRAP": broker.bootstrap,
            "CHURN_REDIS__URL": valkey.url,
            "CHURN_API__PORT": str(ports.api),
            "CHURN_STREAM__METRICS_PORT": str(ports.stream),
            "CHURN_PUBLISH__METRICS_PORT": str(ports.publish),
        }

    def _serve(self, programs: Programs, events: Traffic, kafka: Kafka, view: View, ports: Ports) -> None:
        topics.ensure(kafka)
        # All at once: while the model is trained, the others start up and wait for it.
        for name, *arguments in (("serve",), ("stream", *WAIT), ("publish", *WAIT)):
            programs.start(name, *arguments)
        self._learn(programs, events)
        self._say("Starting to score.")
        self._until(lambda: look(view, ports, self._sent).books.events_opened > 0, programs, _READY_S)
        with _announced(self._settings.var / "demo.json", ports, kafka, view) as url:
            self._say(f"Open {url} to see who is at risk. Ctrl-C ends the demo.")
            self._stream(programs, events, kafka, lambda: look(view, ports, self._sent))

    def _learn(self, programs: Programs, events: Traffic) -> None:
        """Trains, and opens every user's balance, in one pass over history."""
        cut = datetime.fromtimestamp(events.cut_ms / 1000, UTC).isoformat(timespec="milliseconds")
        self._say(f"Training on what lies before {cut}, and opening every user's balance.")
        programs.start("train", "--events", str(events.history), "--until", cut, "--openings")
        self._until(lambda: programs.finished("train"), programs)

    def _stream(self, programs: Programs, events: Traffic, kafka: Kafka, see: Callable[[], Figures]) -> None:
        ending = threading.Event()
        sender = threading.Thread(target=self._send, args=(events, kafka, ending), name="traffic")
        sender.start()
        shown = LiveLine(self._say)
        try:
            while True:
                self._wait(programs, _LOOK_S)
                figures = see()
                shown.show(figures, self._sent.ts)
                if self._failure:
                    raise self._failure[0]
        finally:
            ending.set()
            sender.join(timeout=5)
            self._settle(see)

    def _send(self, events: Traffic, kafka: Kafka, ending: threading.Event) -> None:
        pace = Pace(self._plan.speed, time.time, live=events.endless)
        try:
            replay(events.live, kafka, pace, self._sent, ending, after_ms=events.cut_ms)
        except ChurnError as error:
            self._failure.append(error)

    def _settle(self, see: Callable[[], Figures]) -> None:
        """Gives what was sent a moment to arrive, so that the closing figures add up."""
        deadline_s = time.monotonic() + _SETTLE_S
        while time.monotonic() < deadline_s:
            figures = see()
            if figures.accounted >= figures.sent:
                return
            time.sleep(0.25)

    def _until(self, holds: Callable[[], bool], programs: Programs, timeout_s: float = math.inf) -> None:
        """Waits until something holds."""
        deadline_s = time.monotonic() + timeout_s
        while not holds():
            self._wait(programs, 0.2)
            if time.monotonic() > deadline_s:
                raise ChurnError(
                    f"The stream did not score within {timeout_s:.0f} s.", f"Look into {self._folder}/logs."
                )

    def _wait(self, programs: Programs, wait_s: float) -> None:
        """Waits a moment; raises when a program fails or the demo is to end."""
        programs.check()
        left_s = math.inf if self._plan.seconds is None else self._started_s + self._plan.seconds - time.monotonic()
        if self._stopping.wait(max(0.0, min(wait_s, left_s))) or left_s <= wait_s:
            raise _Stopped


@contextmanager
def _announced(file: Path, ports: Ports, kafka: Kafka, view: View) -> Iterator[str]:
    """Keeps `demo.json` while the demo runs, for scripts and tests."""
    url = f"http://127.0.0.1:{ports.api}/"
    address = view.redis.connection_pool.connection_kwargs
    facts = {
        "url": url,
        "pid": os.getpid(),
        "kafka": kafka.bootstrap,
        "redis": f"redis://{address['host']}:{address['port']}/0",
    }
    part = file.with_suffix(".part")
    part.write_text(json.dumps(facts, indent=2) + "\n")
    part.replace(file)
    try:
        yield url
    finally:
        file.unlink(missing_ok=True)


def _model_version(models: Path) -> str:
    try:
        return bundle.load(models).version
    except ChurnError:
        return ""


def run(plan: Plan, settings: Settings, stopping: threading.Event, say: Callable[[str], None]) -> dict[str, Any]:
    """Runs a demo; see :class:`Demo`."""
    return Demo(plan, settings, stopping, say).run()
