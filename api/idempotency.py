"""`Idempotency-Key`: a request that was sent twice is done once, and answered alike.

As draft-ietf-httpapi-idempotency-key-header has it.

================================ ====== ===========================================================================
`churn:idempotency:KEY:SHA256`   string of a caller's key and the header: the request's SHA-256 and its answer, a day
`churn:idempotency:KEY`          string how many of them a caller has brought within a day
================================ ====== ===========================================================================
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Callable
from typing import Any, cast

import redis

from api.problems import ProblemError

KEPT_S = 24 * 3600
MOST = 100_000
"""Of one caller within a day, so that they cannot fill the memory."""
UNDER_WAY_S = 60
"""After that a request whose server was killed may be sent again."""


class Idempotency:
    """Remembers answers.

    Args:
        client: decodes answers to text.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def once(
        self, caller: str, key: str, request: bytes, work: Callable[[], dict[str, Any]]
    ) -> tuple[dict[str, Any], bool]:
        """The answer to a request, and whether it is one from before.

        Args:
            caller: whose key it is: others may use the same.
            key: the header.
            request: what was asked for.
            work: does it; when it raises, nothing is remembered.

        Raises:
            ProblemError: the first one is under way still, or was another request, or there are too many.
        """
        place = f"churn:idempotency:{caller}:{hashlib.sha256(key.encode()).hexdigest()}"
        wanted = hashlib.sha256(request).hexdigest()
        begun = json.dumps({"request": wanted, "answer": None})
        before = cast("str | None", self._redis.set(place, begun, nx=True, get=True, ex=UNDER_WAY_S))
        if before is not None:
            return self._again(json.loads(before), wanted), True
        try:
            self._count(caller)
            answer = work()
        except BaseException:
            self._redis.delete(place)
            raise
        self._redis.set(place, json.dumps({"request": wanted, "answer": _packed(answer)}), ex=KEPT_S)
        return answer, False

    def _count(self, caller: str) -> None:
        place = f"churn:idempotency:{caller}"
        pipe = self._redis.pipeline()
        pipe.incr(place)
        pipe.expire(place, KEPT_S, nx=True)
        pipe.ttl(place)
        count, _, left_s = pipe.execute()
        if count > MOST:
            words = f"This key has sent {MOST:,} of them within a day. Send without, or later."
            raise ProblemError("too-many-requests", f"Idempotency-Key: {words}", {"Retry-After": str(left_s)})

    def _again(self, held: dict[str, Any], wanted: str) -> dict[str, Any]:
        if held["request"] != wanted:
            raise ProblemError("key-reused", "Use a new key for a request with another body.")
        if held["answer"] is None:
            raise ProblemError("in-progress", "Ask again when the first one is answered.", {"Retry-After": "1"})
        return cast("dict[str, Any]", json.loads(zlib.decompress(base64.b64decode(held["answer"]))))


def _packed(answer: dict[str, Any]) -> str:
    # Thousands of errors in the same words take half a megabyte, and a fiftieth of that when packed.
    return base64.b64encode(zlib.compress(json.dumps(answer).encode())).decode()
