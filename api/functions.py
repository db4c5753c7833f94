"""The API's functions inside Redis: one library of the Lua files beside this one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import redis

from churn.redis_functions import Library

_LIBRARY = Library(
    "churn_api", [Path(__file__).parent / part for part in ("callers.lua", "look_up.lua", "new_users.lua")]
)


def call(client: redis.Redis, name: str, *arguments: Any) -> Any:
    """Calls one of them.

    Raises:
        redis.RedisError: Redis does not serve.
    """
    return _LIBRARY.call(client, name, *arguments)
