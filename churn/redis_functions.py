"""Functions inside Redis that are loaded when they are missing: a Redis that was emptied or replaced has none."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import redis
from redis import asyncio as async_redis

_REGISTERED = re.compile(r"'(churn_\w+)'")
"""The name of a function in the code; keys have a colon."""


class Library:
    """Functions of one subject.

    Redis keeps functions as it keeps data, and releases may run side by side for a while. So the names that Redis knows
    carry a hash of the code: each release calls its own, and none replaces another's.

    Args:
        name: of the library.
        parts: files with its code, in order; functions are named in single quotes and begin with `churn_`.
    """

    def __init__(self, name: str, parts: Sequence[Path]) -> None:
        self._name, self._parts = name, parts

    def call(self, client: redis.Redis, function: str, *arguments: Any) -> Any:
        """Calls a function; loads the library first if Redis does not know it.

        Args:
            client: of Redis.
            function: its name, as the code has it.
            arguments: of the function; it takes no keys.

        Raises:
            redis.RedisError: Redis does not serve, or the function failed.
        """
        name = self._in_redis(function)
        try:
            return client.fcall(name, 0, *arguments)
        except redis.ResponseError as error:
            if not _is_missing(error):
                raise
            client.function_load(self._code, replace=True)
            return client.fcall(name, 0, *arguments)

    async def call_async(self, client: async_redis.Redis, function: str, *arguments: Any) -> Any:
        """The same with an asyncio client."""
        name = self._in_redis(function)
        try:
            return await client.fcall(name, 0, *arguments)
        except redis.ResponseError as error:
            if not _is_missing(error):
                raise
            await client.function_load(self._code, replace=True)
            return await client.fcall(name, 0, *arguments)

    def _in_redis(self, name: str) -> str:
        return f"{name}_{self._hash}"

    @cached_property
    def _source(self) -> str:
        return "".join(part.read_text() for part in self._parts)

    @cached_property
    def _hash(self) -> str:
        return hashlib.sha256(self._source.encode()).hexdigest()[:12]

    @cached_property
    def _code(self) -> str:
        named = _REGISTERED.sub(lambda found: f"'{self._in_redis(found[1])}'", self._source)
        return f"#!lua name={self._in_redis(self._name)}\n{named}"


def _is_missing(error: redis.ResponseError) -> bool:
    return "Function not found" in str(error)
