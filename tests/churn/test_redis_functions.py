"""Functions inside Redis: loaded when they are missing, and each release calls its own."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from redis import asyncio as async_redis

from churn.embedded import Valkey
from churn.redis_functions import Library
from churn.view import View

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with Valkey(Path(tmp_path_factory.mktemp("functions"))) as started:
        yield started


def library(folder: Path, answer: str) -> Library:
    code = f"redis.register_function('churn_say', function(_, args) return '{answer} ' .. args[1] end)\n"
    file = folder / f"{answer}.lua"
    file.write_text(code)
    return Library("churn_test", [file])


def test_two_releases_side_by_side_call_each_its_own(server: Valkey, tmp_path: Path) -> None:
    redis = View.connect(server.url).redis
    old, new = library(tmp_path, "old"), library(tmp_path, "new")
    for _ in range(2):
        assert old.call(redis, "churn_say", "x") == "old x"
        assert new.call(redis, "churn_say", "x") == "new x"


def test_what_redis_has_lost_is_loaded_again(server: Valkey, tmp_path: Path) -> None:
    redis = View.connect(server.url).redis
    one = library(tmp_path, "one")

    async def call_async() -> Any:
        client = async_redis.Redis.from_url(server.url, decode_responses=True)
        try:
            return await one.call_async(client, "churn_say", "y")
        finally:
            await client.aclose()

    for _ in range(2):
        redis.function_flush()
        assert one.call(redis, "churn_say", "x") == "one x"
        redis.function_flush()
        assert asyncio.run(call_async()) == "one y"
