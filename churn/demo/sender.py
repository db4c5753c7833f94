"""Sends the traffic of a demo, beside everything else that it does."""

from __future__ import annotations

import threading
import time

from churn.demo.traffic import Traffic
from churn.settings import Kafka
from churn.signals import Stopped
from streaming.pace import Pace
from streaming.replay import Sent, replay


class Sender:
    """A thread that sends events until they end or it is stopped.

    Args:
        events: what to send.
        kafka: where to.
        speed: event seconds per second, None for as fast as it goes.
        sent: counts, kept up to date for whoever looks on.
    """

    def __init__(self, events: Traffic, kafka: Kafka, speed: float | None, sent: Sent) -> None:
        self._events, self._kafka, self._sent = events, kafka, sent
        self._pace = Pace(speed, time.time, live=events.endless)
        self._ending = threading.Event()
        self._failure: Exception | None = None
        # Of those threads for which Python does not wait: a large log may just be being sorted.
        self._thread = threading.Thread(target=self._run, name="traffic", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def check(self) -> None:
        """Raises what has ended it, if anything went wrong."""
        if self._failure is not None:
            raise self._failure

    def stop(self, timeout_s: float) -> None:
        """Ends it, and waits for its last events to be acknowledged."""
        self._ending.set()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        events = self._events
        try:
            replay(events.live, self._kafka, self._pace, self._sent, self._ending, after_ms=events.cut_ms)
        except Stopped:
            pass
        except Exception as error:  # whatever it is: the demo must not go on without traffic
            self._failure = error
