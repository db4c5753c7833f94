"""Each event once, by a state that is one user's alone, as a stateful function of Quix Streams has it.

The identities of a day are one value, packed one behind the other: one read and one write an event, where a key for
each would be a message on the changelog topic for each.
"""

from __future__ import annotations

import struct
from typing import Any, Protocol

from benchmarks.peers.decoding import Decoded
from churn.settings import DAY_MS

_DAYS = b"days"
_IDENTITY = struct.Struct("<qqq")


class State(Protocol):
    """What of `quixstreams.State` is used."""

    def get(self, key: Any, default: Any = None) -> Any:
        """A value as it was set."""

    def set(self, key: Any, value: Any) -> None:
        """Keeps a value that JSON can hold."""

    def get_bytes(self, key: Any, default: Any = None) -> Any:
        """Bytes as they were set."""

    def set_bytes(self, key: Any, value: bytes) -> None:
        """Keeps bytes."""

    def delete(self, key: Any) -> None:
        """Forgets a value."""


def is_new(state: State, event: Decoded, oldest_ms: float) -> bool:
    """Whether an event comes for the first time and not too late to tell; from now on it is known.

    Args:
        state: of the event's user.
        event: to be counted or not.
        oldest_ms: an event before it is late. It goes by the user's own clock: no state spans users.
    """
    _, session_id, item, ts = event[:4]
    if ts < oldest_ms:
        return False
    identity, day = _IDENTITY.pack(session_id, item, ts), b"%d" % (ts // DAY_MS)
    seen = state.get_bytes(day)
    if seen is None:
        _begin(state, ts // DAY_MS, oldest_ms)
        seen = b""
    at = seen.find(identity)
    while at >= 0 and at % _IDENTITY.size:  # across two of them
        at = seen.find(identity, at + 1)
    if at >= 0:
        return False
    state.set_bytes(day, seen + identity)
    return True


def _begin(state: State, day: int, oldest_ms: float) -> None:
    """Begins a day of the user, and forgets those that are over."""
    days: list[int] = state.get(_DAYS, [])
    over = {each for each in days if (each + 1) * DAY_MS <= oldest_ms}
    for each in over:
        state.delete(b"%d" % each)
    state.set(_DAYS, [*(each for each in days if each not in over), day])
