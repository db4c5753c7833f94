"""Who was forgotten: markers in Redis by which they are known again and passed over, whatever still arrives of them.

================== === ===========================================================
`churn:forgotten`  set markers, :meth:`churn.secret_keys.SecretKeys.markers`
================== === ===========================================================

On the scores topic somebody is forgotten by two records in their partition: a tombstone, by which the broker drops
their scores when it compacts, and a marker, from which an empty Redis learns it again.
"""

from __future__ import annotations

import json
import re
from typing import cast

import redis

from churn.errors import ChurnError
from churn.redis_refusal import refusal
from churn.secret_keys import SecretKeys
from churn.settings import Settings
from churn.view import View

KEY_PREFIX = b"forgotten:"
_MARKER = re.compile("[0-9a-f]{32}")


def marker_record(marker: str) -> tuple[bytes, bytes]:
    """Key and value of the record that keeps a marker on the compacted scores topic."""
    return KEY_PREFIX + marker.encode(), json.dumps({"forgotten": marker}).encode()


def read_marker(value: bytes) -> str | None:
    """The marker in a record of the scores topic; None for a score."""
    if not value.startswith(b'{"forgotten"'):
        return None
    try:
        found = json.loads(value)["forgotten"]
    except ValueError:
        return None
    return found if isinstance(found, str) and _MARKER.fullmatch(found) else None


class Forgotten:
    """The markers, held here and renewed from Redis.

    Args:
        client: decodes answers to text.
        keys: None where there is no secret key; then nobody may have been forgotten.
    """

    def __init__(self, client: redis.Redis, keys: SecretKeys | None) -> None:
        self._redis, self._keys = client, keys
        self._held: frozenset[str] = frozenset()

    @property
    def count(self) -> int:
        """How many markers are held here."""
        return len(self._held)

    def renew(self) -> None:
        """Reads them from Redis.

        Raises:
            ChurnError: there are some, and no secret key to know them by.
            redis.RedisError: Redis does not serve.
        """
        self._held = frozenset(cast("set[str]", self._redis.smembers("churn:forgotten")))
        if self._held and self._keys is None:
            raise ChurnError(
                "Somebody was forgotten, and without the secret key it is not known who.",
                "Set secrets.key_file to the file that the API was started with.",
            )

    def holds(self, user_id: str) -> bool:
        """Whether a user was forgotten."""
        if not self._held or self._keys is None:
            return False
        return any(marker in self._held for marker in self._keys.markers(user_id))


def known(settings: Settings) -> Forgotten:
    """The markers, for a program that runs once.

    Raises:
        ChurnError: Redis does not say who was forgotten, or the secret key is missing.
    """
    found = Forgotten(View.connect(settings.redis).redis, settings.secrets.read())
    try:
        found.renew()
    except redis.RedisError as error:
        raise refusal(error, settings.redis) or ChurnError(
            f"Redis does not serve at {settings.redis.address}, so it is not known who was forgotten ({error}).",
            "Start Redis, or correct the settings in [redis].",
        ) from None
    return found


def forget_again(view: View, forgotten: Forgotten) -> int:
    """Erases what came back of users who were forgotten, out of a backup from before; returns how many they were.

    Raises:
        redis.RedisError: Redis does not serve.
    """
    if not forgotten.count:
        return 0
    held = {
        key.partition(prefix)[2]
        for prefix in ("churn:alerts:of:", "churn:marks:")
        for key in view.redis.scan_iter(f"{prefix}*", count=1000)
    }
    users = [user_id for user_id in held if forgotten.holds(user_id)]
    for user_id in users:
        view.forget(user_id)
    return len(users)
