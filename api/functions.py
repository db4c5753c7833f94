"""The API's functions inside Redis: one library of the Lua files beside this one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import redis

from churn.redis_functions import called

_PARTS = ("callers.lua", "look_up.lua", "new_users.lua")


def call(client: redis.Redis, name: str, *arguments: Any) -> Any:
    """Calls one of them.

    Raises:
        redis.RedisError: Redis does not serve.
    """
    return called(client, name, _code, *arguments)


def _code() -> str:
    return "#!lua name=churn_api\n" + "".join((Path(__file__).parent / part).read_text() for part in _PARTS)
