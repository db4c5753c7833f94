"""API keys: who may ask the API for what. Redis holds a key's SHA-256 and never the key.

================== ==== ===========================================================================
`churn:key:ID`     hash one key: name, scopes, `sha256`, `per_second`, and times in ms of the wall clock
`churn:keys`       zset ids by the time of their creation
================== ==== ===========================================================================

A key has 256 random bits, so its plain hash cannot be guessed back: salt and stretching are for passwords
(NIST SP 800-63B, section 5.1.1.2, is about what people choose).
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import redis

from churn.errors import ChurnError
from churn.settings import DAY_MS

Scope = Literal["read", "write", "events", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)

PREFIX = "churn_"
"""By it a key is known wherever it turns up, to tools that look for secrets in code and logs, too."""
_TOKEN = re.compile(PREFIX + "([0-9a-f]{12})_[0-9A-Za-z_-]{43}")
KEPT_MS = 90 * DAY_MS
"""How long a key is listed after it was revoked or has expired."""
OVERLAP_DAYS = 1.0
"""How long the old key goes on after a rotation."""


@dataclass(frozen=True)
class Key:
    """What is known of a key, but not the key. Times in ms since 1970, by the wall clock.

    Attributes:
        id: part of the key itself.
        name: who has it, in words.
        scopes: what it may do; `admin` may everything.
        created_ms: when it was made.
        expires_ms: from when on it is refused, None for never.
        revoked_ms: when it was revoked, None if it was not.
        last_used_ms: to the minute, None if it never was.
        per_second: requests a second, None for the setting's.
    """

    id: str
    name: str
    scopes: tuple[Scope, ...]
    created_ms: int
    expires_ms: int | None = None
    revoked_ms: int | None = None
    last_used_ms: int | None = None
    per_second: float | None = None

    def state(self, now_ms: int) -> Literal["valid", "expired", "revoked"]:
        """What it is good for."""
        if self.revoked_ms is not None:
            return "revoked"
        return "expired" if self.expires_ms is not None and now_ms >= self.expires_ms else "valid"


def key_id(token: str) -> str:
    """The id within a key; empty for what is no key, however long."""
    found = _TOKEN.fullmatch(token)
    return found[1] if found else ""


def digest(token: str) -> str:
    """SHA-256, in hex."""
    return hashlib.sha256(token.encode()).hexdigest()


class Keys:
    """Makes, lists and ends keys.

    Args:
        client: decodes answers to text.
        clock: the wall clock in ms.
    """

    def __init__(self, client: redis.Redis, clock: Callable[[], int]) -> None:
        self._redis, self._clock = client, clock

    def create(
        self, name: str, scopes: Iterable[str], days: float | None = None, per_second: float | None = None
    ) -> tuple[Key, str]:
        """Makes a key, and returns what is known of it with the key itself, which nobody can find out later.

        Raises:
            ChurnError: a scope is unknown, or there is none.
        """
        now_ms, new = self._clock(), secrets.token_hex(6)
        chosen = tuple(scope for scope in SCOPES if scope in set(scopes))
        unknown = sorted(set(scopes) - set(SCOPES))
        if unknown or not chosen:
            raise ChurnError(
                f"{unknown[0]} is no scope." if unknown else "A key needs a scope.",
                f"Name some of: {', '.join(SCOPES)}.",
            )
        key = Key(
            new, name, chosen, now_ms, None if days is None else now_ms + round(days * DAY_MS), None, None, per_second
        )
        token = f"{PREFIX}{new}_{secrets.token_urlsafe(32)}"
        pipe = self._redis.pipeline()
        pipe.hset(f"churn:key:{new}", mapping=cast("dict[Any, Any]", _written(key) | {"sha256": digest(token)}))
        pipe.zadd("churn:keys", {new: now_ms})
        pipe.execute()
        return key, token

    def all(self) -> list[Key]:
        """Every key, oldest first; those that ended long ago are forgotten on the way."""
        ids = cast("list[str]", self._redis.zrange("churn:keys", 0, -1))
        pipe = self._redis.pipeline(transaction=False)
        for each in ids:
            pipe.hgetall(f"churn:key:{each}")
        found = [_read(each, held) for each, held in zip(ids, pipe.execute(), strict=True) if held]
        ended = [key.id for key in found if (_ended_ms(key) or self._clock()) < self._clock() - KEPT_MS]
        if ended:
            self._redis.unlink(*(f"churn:key:{each}" for each in ended))
            self._redis.zrem("churn:keys", *ended)
        return [key for key in found if key.id not in ended]

    def get(self, key_id: str) -> Key:
        """One key.

        Raises:
            LookupError: there is none of this id.
        """
        held = cast("dict[str, str]", self._redis.hgetall(f"churn:key:{key_id}"))
        if not held:
            raise LookupError(key_id)
        return _read(key_id, held)

    def holds(self, key_id: str) -> bool:
        """Whether a key is there and valid, without counting that as a request."""
        try:
            return self.get(key_id).state(self._clock()) == "valid"
        except LookupError:
            return False

    def revoke(self, key_id: str) -> Key:
        """Ends a key at once, with every session that it began; one that has ended stays as it is.

        Raises:
            LookupError: as :meth:`get`.
        """
        if self.get(key_id).revoked_ms is None:
            self._redis.hset(f"churn:key:{key_id}", "revoked_ms", self._clock())
        return self.get(key_id)

    def rotate(self, key_id: str, overlap_days: float = OVERLAP_DAYS) -> tuple[Key, str]:
        """Makes a key that may the same; the old one goes on for a while.

        Raises:
            LookupError: as :meth:`get`.
            ChurnError: it has ended already.
        """
        old = self.get(key_id)
        now_ms = self._clock()
        if old.state(now_ms) != "valid":
            raise ChurnError(f"The key {key_id} is {old.state(now_ms)}.", "Make a new one.")
        days = None if old.expires_ms is None else (old.expires_ms - old.created_ms) / DAY_MS
        made = self.create(old.name, old.scopes, days, old.per_second)
        ends_ms = now_ms + round(overlap_days * DAY_MS)
        self._redis.hset(f"churn:key:{key_id}", "expires_ms", min(ends_ms, old.expires_ms or ends_ms))
        return made


def _ended_ms(key: Key) -> int | None:
    return key.revoked_ms or key.expires_ms


def _written(key: Key) -> dict[str, str | int | float]:
    fields = {name: getattr(key, name) for name in ("name", "created_ms", "expires_ms", "per_second")}
    return {"scopes": " ".join(key.scopes)} | {name: value for name, value in fields.items() if value is not None}


def _read(key_id: str, held: dict[str, str]) -> Key:
    def number(name: str) -> int | None:
        return int(held[name]) if name in held else None

    return Key(
        id=key_id,
        name=held["name"],
        scopes=cast("tuple[Scope, ...]", tuple(held["scopes"].split())),
        created_ms=int(held["created_ms"]),
        expires_ms=number("expires_ms"),
        revoked_ms=number("revoked_ms"),
        last_used_ms=number("last_used_ms"),
        per_second=float(held["per_second"]) if "per_second" in held else None,
    )
