"""Sessions of browsers, and one-time links that begin one. Redis holds SHA-256 of what the browser has.

====================== ====== =======================================================================
`churn:session:SHA256` string the id of the key that signed in; for :data:`SESSION_S`
`churn:link:SHA256`    string the id of the key that a link signs in; until used, at most its time
====================== ====== =======================================================================

A session may what its key may, for as long as the key is valid.
"""

from __future__ import annotations

import re
import secrets
from typing import cast

import redis

from churn.keys import digest

TOKEN = re.compile("[0-9A-Za-z_-]{43}")
SESSION_S = 12 * 3600
LINK_S = 15 * 60


class Sessions:
    """Begins and ends sessions.

    Args:
        client: decodes answers to text.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def begin(self, key_id: str) -> str:
        """A new session of a key, as the browser's cookie holds it."""
        token = secrets.token_urlsafe(32)
        self._redis.set(f"churn:session:{digest(token)}", key_id, ex=SESSION_S)
        return token

    def key_of(self, token: str) -> str | None:
        """The id of the key that began a session; None if it has ended or there was none."""
        return cast("str | None", self._redis.get(f"churn:session:{digest(token)}"))

    def end(self, token: str) -> None:
        """Ends a session, if there is one."""
        self._redis.delete(f"churn:session:{digest(token)}")

    def link(self, key_id: str, valid_s: int = LINK_S) -> str:
        """What a one-time link holds."""
        token = secrets.token_urlsafe(32)
        self._redis.set(f"churn:link:{digest(token)}", key_id, ex=valid_s)
        return token

    def follow(self, link: str) -> str | None:
        """Begins a session by a link, which is then used up; None if it is used, too old or no link at all."""
        key_id = cast("str | None", self._redis.getdel(f"churn:link:{digest(link)}"))
        return None if key_id is None else self.begin(key_id)
