"""A demo from its first line to its last: servers, model, openings, programs, traffic, figures, end."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from churn import bundle, jars, java, topics
from churn.child import in_use
from churn.clock import wall_clock
from churn.demo import data
from churn.demo.announcement import announced, retract
from churn.demo.door import make_secret_key, opened
from churn.demo.end import End
from churn.demo.environment import PORT_VARIABLES, own_kafka, variables
from churn.demo.figures import NOTHING, Figures, closing, in_words, look
from churn.demo.live_line import LiveLine
from churn.demo.plan import Plan
from churn.demo.programs import Programs
from churn.demo.sender import Sender
from churn.demo.servers import Servers
from churn.demo.traffic import HISTORY_DAYS, Traffic, traffic
from churn.errors import ChurnError
from churn.locks import claim
from churn.server import free_port, is_free
from churn.settings import DAY_MS, Settings
from churn.signals import Stopped
from churn.view import View
from streaming.replay import Sent

USUAL_PORT = 8000
WAIT = ("--wait", "3600")

# What a signal has to wait for, one after the other: less than 15 s in all.
_SENDER_STOP_S, _PROGRAMS_STOP_S, _SERVERS_STOP_S = 2.0, 6.0, 3.0

CAUGHT_UP_MS = 60 * 60_000
"""So near to the wall clock the traffic goes on at the pace of life: of 300 listeners something comes every hour."""

_SETTLE_S = 4.0
_LOOK_S = 1.0
_READY_S = 240.0
_HANDOVER_S = 20.0

HEARTBEATS_UP_TO = 8000
"""Event seconds per second; beyond that they would come too late (docs/decisions/0008-heartbeats-in-publish.md)."""


class Demo:
    """One run of everything.

    Args:
        plan: what to do.
        settings: of this machine; addresses and folders are replaced by the demo's own.
        stopping: ends it.
        say: told of each step.
    """

    def __init__(self, plan: Plan, settings: Settings, stopping: threading.Event, say: Callable[[str], None]) -> None:
        self._plan, self._settings, self._say = plan, settings, say
        self._end = End(stopping, plan.seconds)
        self._folder = settings.var / "demo"
        self._sent = Sent()
        self._see: Callable[[], Figures] = lambda: NOTHING
        self._java = ""

    def run(self) -> dict[str, Any]:
        """Runs until the time is over or a signal comes; returns the closing figures.

        Raises:
            ChurnError: the port or the folder is taken, the log is not fit, or a server or program failed.
        """
        with ExitStack() as stack:
            with suppress(Stopped):
                self._run(stack)
            figures, model = self._see(), _model_version(self._folder / "models")
        if self._plan.seconds is not None and self._end.elapsed_s >= self._plan.seconds and not figures.books.scores:
            self._say("The time was over before the first score: the model has to be made first.")
        self._say(in_words(figures))
        return closing(figures, self._plan.mode, model, self._java, self._end.elapsed_s)

    def _tell(self, line: str) -> None:
        """Says how far it has come, unless it is to end: whatever takes long ends where it reports its progress."""
        self._end.check()
        self._say(line)

    def _run(self, stack: ExitStack) -> None:
        self._refuse_taken_port()  # before anything is started
        home, found = self._prepare(stack)
        servers = Servers(self._folder, found, home, self._end.check)
        stack.callback(servers.stop, _SERVERS_STOP_S)
        # The servers start while history is made: it keeps one core busy, and they the other.
        with ThreadPoolExecutor(1) as pool:
            starting = pool.submit(servers.start)
            events = stack.enter_context(traffic(self._plan, self._settings, self._folder, self._tell))
        starting.result()
        bootstrap, redis_url = servers.broker.bootstrap, servers.valkey.url
        self._tell(f"Kafka listens at {bootstrap}, Valkey at {redis_url}.")
        environment = variables(self._plan, self._settings, self._folder, bootstrap, redis_url)
        programs = Programs(self._folder, environment, self._say)
        stack.callback(programs.stop, _PROGRAMS_STOP_S)
        self._serve(programs, servers, events, environment)

    def _prepare(self, stack: ExitStack) -> tuple[Path, jars.Jars]:
        stack.callback(claim(self._settings.var).close)
        data.require_own(self._folder)
        retract(self._settings.var)
        deadline_s = time.monotonic() + _HANDOVER_S
        while in_use(self._folder):
            self._end.wait(0.1)
            if time.monotonic() > deadline_s:
                raise ChurnError(
                    f"Programs of a demo that was killed still write into {self._folder}.",
                    "End them, or choose another folder with --var.",
                )
        data.empty(self._folder)
        make_secret_key(self._folder)
        home = java.java_home(java.cache_dir())
        self._java = java.release(home)
        return home, jars.ensure(jars.FOLDER, home / "bin" / "java", self._tell)

    def _refuse_taken_port(self) -> None:
        if self._plan.port and not is_free(self._plan.port):
            raise ChurnError(f"Port {self._plan.port} is taken by another program.", "Name another one with --port.")

    def _api_port(self) -> int:
        return self._plan.port or (USUAL_PORT if is_free(USUAL_PORT) else free_port())

    def _serve(self, programs: Programs, servers: Servers, events: Traffic, environment: Mapping[str, str]) -> None:
        kafka, view = own_kafka(self._settings, servers.broker.bootstrap), View.connect(servers.valkey.url)
        topics.ensure(kafka)
        # All at once: while the model is trained, the others start up and wait for it.
        programs.start("serve", port=self._api_port)
        programs.start("stream", *WAIT, port=free_port)
        programs.start("publish", *WAIT, port=free_port)
        programs.start("deliver", port=free_port)
        self._see = lambda: look(view, programs.port("stream"), programs.port("publish"), self._sent)

        def wait(wait_s: float) -> None:
            programs.check()
            servers.require_alive()
            self._end.wait(wait_s)

        self._learn(programs, events, wait)
        if self._plan.speed is None or self._plan.speed > HEARTBEATS_UP_TO:
            self._say("At this speed nobody who is silent is scored again: heartbeats would come too late.")
        sender = Sender(events, kafka, self._plan.speed, self._sent)
        url = f"http://127.0.0.1:{programs.port('serve')}/"
        token, link = opened(view.redis)
        led = {**environment, PORT_VARIABLES["serve"]: str(programs.port("serve"))}
        with announced(self._settings.var, url, token, led):
            self._say(f"API key, for everything: {token}")
            self._say(f"Open {url}sign-in?link={link} to see who is at risk. Ctrl-C ends the demo.")
            self._stream(sender, events, wait)

    def _learn(self, programs: Programs, events: Traffic, wait: Callable[[float], None]) -> None:
        """Trains, and opens every user's balance, in one pass over history; until the first of them is scored."""
        cut = datetime.fromtimestamp(events.cut_ms / 1000, UTC).isoformat(timespec="milliseconds")
        self._say(f"Training on what lies before {cut}, and opening every user's balance.")
        programs.start("train", "--events", str(events.history), "--until", cut, "--openings")
        self._until(lambda: programs.finished("train"), wait)
        self._say("Starting to score.")
        self._until(lambda: self._see().books.events_opened > 0, wait, _READY_S)

    def _stream(self, sender: Sender, events: Traffic, wait: Callable[[float], None]) -> None:
        shown, is_behind = LiveLine(self._say), events.endless
        sender.start()
        try:
            while True:
                wait(_LOOK_S)
                sender.check()
                figures = self._see()
                shown.show(figures, self._sent.ts)
                if is_behind and self._sent.ts > wall_clock() - CAUGHT_UP_MS:
                    is_behind = False
                    shown.say(_caught_up(figures))
        except Stopped:
            sender.stop(_SENDER_STOP_S)
            self._settle()
            raise

    def _settle(self) -> None:
        """Gives what was sent a moment to arrive, so that the closing figures add up; not while somebody waits."""
        deadline_s = time.monotonic() + _SETTLE_S
        while not self._end.at_once and time.monotonic() < deadline_s:
            figures = self._see()
            if figures.accounted >= figures.sent:
                return
            time.sleep(0.25)

    def _until(self, holds: Callable[[], bool], wait: Callable[[float], None], timeout_s: float = math.inf) -> None:
        """Waits until something holds."""
        deadline_s = time.monotonic() + timeout_s
        while not holds():
            wait(0.2)
            if time.monotonic() > deadline_s:
                raise ChurnError(
                    f"The stream did not score within {timeout_s:.0f} s.", f"Look into {self._folder}/logs."
                )


def _caught_up(figures: Figures) -> str:
    a_minute = figures.books.events_opened / (HISTORY_DAYS * DAY_MS) * 60_000
    return (
        f"The listeners have reached the present, and do from now on what people do: {a_minute:.0f} events a minute. "
        "For more of them start the demo again, with --users for more listeners."
    )


def _model_version(models: Path) -> str:
    try:
        return bundle.load(models).version
    except ChurnError:
        return ""


def run(plan: Plan, settings: Settings, stopping: threading.Event, say: Callable[[str], None]) -> dict[str, Any]:
    """Runs a demo; see :class:`Demo`."""
    return Demo(plan, settings, stopping, say).run()
