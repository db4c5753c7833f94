"""Whether who listens may go on listening: asked of many at once, and not counted as a request."""

from __future__ import annotations

from dataclasses import dataclass

from churn.keys import Keys
from churn.sessions import Sessions

WITHIN_S = 5.0
"""After that a listener goes on until it is asked for again: without Redis there is nothing to be told anyway."""


@dataclass(frozen=True)
class Pass:
    """By what somebody listens.

    Attributes:
        key_id: of the key.
        session: the session's token, if a browser listens.
    """

    key_id: str
    session: str | None


class Passes:
    """Looks up keys and sessions.

    Args:
        keys: where keys are.
        sessions: where sessions are.
    """

    def __init__(self, keys: Keys, sessions: Sessions) -> None:
        self._keys, self._sessions = keys, sessions

    def hold(self, passes: list[Pass]) -> list[bool]:
        """Whether each holds still, in order.

        Raises:
            redis.RedisError: Redis does not serve.
        """
        valid = {key_id: self._keys.holds(key_id) for key_id in {each.key_id for each in passes}}
        return [valid[each.key_id] and self._same(each) for each in passes]

    def _same(self, held: Pass) -> bool:
        return held.session is None or self._sessions.key_of(held.session) == held.key_id
