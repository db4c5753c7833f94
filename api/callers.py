"""Who asks: keys and sessions looked up in Redis, with the token bucket of each key. `callers.lua` decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, cast

import redis

from api import functions
from churn.keys import Scope, digest, key_id
from churn.sessions import TOKEN

Verdict = Literal["admitted", "limited", "unknown", "expired", "revoked"]


@dataclass(frozen=True)
class Claim:
    """What a request came with.

    Attributes:
        token: the key, or the session's.
        session: which of the two.
    """

    token: str
    session: bool

    @property
    def key_id(self) -> str | None:
        """The id within a key, empty for a session; None for what cannot be either, so that nobody waits for it."""
        if self.session:
            return "" if TOKEN.fullmatch(self.token) else None
        return key_id(self.token) or None


@dataclass(frozen=True)
class Caller:
    """What became of a claim.

    Attributes:
        verdict: whether the request may go on.
        key_id: whose it is; empty for somebody unknown.
        name: of the key.
        scopes: of the key.
        left: how many requests may follow at once.
        wait_ms: how long until this one would have been admitted.
        limit: how many may come at once at most.
        session: whether a browser asks.
    """

    verdict: Verdict
    key_id: str
    name: str
    scopes: tuple[Scope, ...]
    left: int
    wait_ms: int
    limit: int
    session: bool

    @property
    def wait_s(self) -> int:
        """The same in whole seconds, as headers tell it."""
        return -(-self.wait_ms // 1000)

    def may(self, scope: Scope) -> bool:
        """`admin` may everything."""
        return scope in self.scopes or "admin" in self.scopes


class Callers:
    """Looks up many at once.

    Args:
        client: decodes answers to text.
        clock: the wall clock in ms.
        per_second: requests a second of a key that has no number of its own.
    """

    def __init__(self, client: redis.Redis, clock: Callable[[], int], per_second: float) -> None:
        self._redis, self._clock, self._per_second = client, clock, per_second

    def look_up(self, claims: list[Claim]) -> list[Caller]:
        """What becomes of each claim, in order.

        Raises:
            redis.RedisError: Redis does not serve.
        """
        arguments: list[str | int | float] = [self._clock(), self._per_second]
        ids = [claim.key_id for claim in claims]
        for claim, known_id in zip(claims, ids, strict=True):
            if known_id is not None:
                arguments += [known_id, digest(claim.token)]
        found = iter(functions.call(self._redis, "churn_admit", *arguments) if len(arguments) > 2 else ())
        return [
            _caller(claim, _UNKNOWN if known_id is None else next(found))
            for claim, known_id in zip(claims, ids, strict=True)
        ]


_UNKNOWN = ["unknown", "", "", "", "0", "0", "0"]


def _caller(claim: Claim, answer: list[str]) -> Caller:
    verdict, key, name, scopes, left, wait_ms, limit = answer
    return Caller(
        cast("Verdict", verdict),
        key,
        name,
        cast("tuple[Scope, ...]", tuple(scopes.split())),
        int(left),
        int(wait_ms),
        int(limit),
        claim.session,
    )
