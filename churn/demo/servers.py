"""The servers of a demo."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from churn.embedded import Broker, Valkey
from churn.jars import Jars


class Servers:
    """A broker and a Valkey, started one after the other, watched and stopped together.

    Args:
        folder: of their data and logs.
        found: the jars of the broker.
        java_home: its Java.
        check: called again and again while they start; what it raises ends the start.
    """

    def __init__(self, folder: Path, found: Jars, java_home: Path, check: Callable[[], None]) -> None:
        self.broker = Broker(folder, found, java_home, check=check)
        self.valkey = Valkey(folder, check=check)

    def start(self) -> None:
        """Starts both.

        Raises:
            ChurnError: as :meth:`churn.server.Server.start`.
        """
        self.broker.start()
        self.valkey.start()

    def require_alive(self) -> None:
        """Raises ChurnError when one of them has ended by itself."""
        self.broker.require_alive()
        self.valkey.require_alive()

    def stop(self, timeout_s: float) -> None:
        """Stops both at once, within some seconds or by force."""
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda server: server.stop(timeout_s), (self.broker, self.valkey)))
