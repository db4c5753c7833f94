"""What takes long to find out is found out once for everybody, and told for a while, with its age."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

Found = TypeVar("Found")

FORGOTTEN_S = 600.0
"""What nobody has asked for as long as this is not kept."""


@dataclass(frozen=True)
class Known(Generic[Found]):
    """Something that was found out.

    Attributes:
        value: what.
        age_s: how long ago.
    """

    value: Found
    age_s: float


@dataclass
class _Held:
    """What is held of one name; `value` means nothing before `found_s` is set."""

    value: Any = None
    found_s: float | None = None
    asked_s: float = 0.0
    finding: threading.Lock = field(default_factory=threading.Lock)
    failed: Exception | None = None
    failures: int = 0

    def holds(self, fits: Callable[[Any], bool]) -> bool:
        """Whether there is a value, and one that fits."""
        return self.found_s is not None and fits(self.value)


class Remembered:
    """Values by name.

    Args:
        clock: one that only goes forward, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._held: dict[str, _Held] = {}
        self._lock = threading.Lock()

    def get(
        self,
        name: str,
        keep_s: float,
        find: Callable[[], Found],
        fits: Callable[[Found], bool] = lambda _: True,
    ) -> Known[Found]:
        """A value that is at most about `keep_s` old.

        One caller finds it out; the others are told the old one meanwhile, or wait where there is none that fits.

        Args:
            name: of the value.
            keep_s: how long it is told.
            find: finds it out; blocks.
            fits: whether a value that is held is still one of what is asked for; else it counts as none.

        Raises:
            Exception: whatever `find` raises, to the one who called it and to those who waited for it; the old value
                stays.
        """
        held = self._hold(name)
        if not held.holds(fits):
            self._find_first(held, find, fits)
        elif self._clock() - cast(float, held.found_s) >= keep_s and held.finding.acquire(blocking=False):
            try:
                self._find(held, find)
            finally:
                held.finding.release()
        return Known(cast(Found, held.value), self._clock() - cast(float, held.found_s))

    def _hold(self, name: str) -> _Held:
        """What is held of a name; of those that nobody has asked for in a long time nothing is any more."""
        now_s = self._clock()
        with self._lock:
            held = self._held.setdefault(name, _Held())
            held.asked_s = now_s
            # One that is being found out stays: the next who asks would begin to find it out a second time.
            self._held = {
                each: one
                for each, one in self._held.items()
                if now_s - one.asked_s < FORGOTTEN_S or one.finding.locked()
            }
        return held

    def _find_first(self, held: _Held, find: Callable[[], Any], fits: Callable[[Any], bool]) -> None:
        failures = held.failures
        with held.finding:
            if held.holds(fits):
                return
            # One after the other would try what takes long, and the last would wait for all of them.
            if held.failed is not None and held.failures > failures:
                raise held.failed
            self._find(held, find)

    def _find(self, held: _Held, find: Callable[[], Any]) -> None:
        try:
            held.value = find()
        except Exception as error:
            held.failed, held.failures = error, held.failures + 1
            raise
        held.found_s, held.failed = self._clock(), None
