"""Functions inside Redis that are loaded when they are missing: a Redis that was emptied or replaced has none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import redis
from redis import asyncio as async_redis


def called(client: redis.Redis, name: str, code: Callable[[], str], *arguments: Any) -> Any:
    """Calls a function; loads its library first if Redis does not know it.

    Args:
        client: of Redis.
        name: of the function.
        code: gives the whole library.
        arguments: of the function; it takes no keys.

    Raises:
        redis.RedisError: Redis does not serve, or the function failed.
    """
    try:
        return client.fcall(name, 0, *arguments)
    except redis.ResponseError as error:
        if "Function not found" not in str(error):
            raise
        client.function_load(code(), replace=True)
        return client.fcall(name, 0, *arguments)


async def called_async(client: async_redis.Redis, name: str, code: Callable[[], str], *arguments: Any) -> Any:
    """The same with an asyncio client."""
    try:
        return await client.fcall(name, 0, *arguments)
    except redis.ResponseError as error:
        if "Function not found" not in str(error):
            raise
        await client.function_load(code(), replace=True)
        return await client.fcall(name, 0, *arguments)
