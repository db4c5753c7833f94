"""What a rebuild cannot bring back, saved and brought back on a real Valkey."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from churn.backup import LAYOUT, backup, restore
from churn.errors import ChurnError
from churn.redis_keys import KEYS, declared
from tests.conftest import Servers

pytestmark = pytest.mark.servers


@pytest.fixture
def raw(servers: Servers, redis_client: Any) -> Iterator[redis.Redis]:
    """A client that takes bytes as they are, of an emptied server."""
    client = redis.Redis.from_url(servers.redis_url)
    yield client
    client.close()


def fill(client: redis.Redis) -> None:
    """One key of every entry."""
    for place, key in enumerate(KEYS):
        name = key.pattern.replace("*", f"x{place}")
        if name in ("churn:alerts:sequence", "churn:deliveries:place"):
            client.set(name, 1)
        elif name == "churn:alerts":
            client.zadd(name, {"alert_a": 1})
        else:
            client.hset(name, mapping={"a": b"\xff\x00", "b": place})
    client.set("other:program", "x")
    client.pexpire("churn:delivery:x36", 60_000_000)


def state(client: redis.Redis) -> dict[bytes, bytes]:
    return {key: client.dump(key) for key in client.scan_iter("*")}


def test_exactly_what_a_rebuild_does_not_bring_comes_back(raw: redis.Redis, tmp_path: Path) -> None:
    fill(raw)
    before = state(raw)
    file = tmp_path / "x.backup"
    count = backup(raw, file, lambda _: None)
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]
    raw.flushall()
    assert restore(raw, file, False, lambda _: None) == count
    held = {key for key in before if (entry := declared(key.decode())) and entry.origin == "backup"}
    assert state(raw) == {key: before[key] for key in held}
    assert count == len(held) == sum(key.origin == "backup" for key in KEYS)


def test_the_time_that_is_left_comes_back(raw: redis.Redis, tmp_path: Path) -> None:
    raw.hset("churn:delivery:1", "a", 1)
    raw.pexpire("churn:delivery:1", 60_000_000)
    raw.hset("churn:delivery:2", "a", 1)
    backup(raw, tmp_path / "x", lambda _: None)
    raw.flushall()
    restore(raw, tmp_path / "x", False, lambda _: None)
    assert 59_000_000 < raw.pttl("churn:delivery:1") <= 60_000_000
    assert raw.pttl("churn:delivery:2") == -1


def test_what_is_there_is_not_overwritten_unless_asked(raw: redis.Redis, tmp_path: Path) -> None:
    raw.hset("churn:alert:a", "x", 1)
    backup(raw, tmp_path / "x", lambda _: None)
    raw.hset("churn:alert:b", "x", 2)
    raw.hset("churn:user:7", "x", 3)
    with pytest.raises(ChurnError, match=r"holds churn:alert:.* already.*--replace"):
        restore(raw, tmp_path / "x", False, lambda _: None)
    restore(raw, tmp_path / "x", True, lambda _: None)
    assert sorted(raw.scan_iter("churn:*")) == [b"churn:alert:a", b"churn:user:7"]


@pytest.mark.parametrize("damage", ["cut", "garbage", "plain", "other", "missing"])
def test_what_is_no_whole_backup_is_refused_before_anything_changes(
    raw: redis.Redis, tmp_path: Path, damage: str
) -> None:
    raw.hset("churn:alert:a", "x", 1)
    file = tmp_path / "x"
    backup(raw, file, lambda _: None)
    lines = gzip.decompress(file.read_bytes()).splitlines(keepends=True)
    damaged = {
        "cut": gzip.compress(b"".join(lines[:-1])),
        "garbage": file.read_bytes()[:-20],
        "plain": b"".join(lines),
        "other": gzip.compress(json.dumps({"layout": "other"}).encode() + b"\n" + b"".join(lines[1:])),
    }
    if damage == "missing":
        file.unlink()
    else:
        file.write_bytes(damaged[damage])
    with pytest.raises(ChurnError, match=r"churn backup|another backup"):
        restore(raw, file, True, lambda _: None)
    assert raw.exists("churn:alert:a")


@pytest.mark.parametrize("key", ["churn:session:x", "churn:user:7", "other:program"])
def test_a_file_with_what_no_backup_has_is_refused(raw: redis.Redis, tmp_path: Path, key: str) -> None:
    line = {"key": key, "ttl_ms": 0, "value": ""}
    with gzip.open(tmp_path / "x", "wt") as out:
        out.write("".join(json.dumps(each) + "\n" for each in ({"layout": LAYOUT}, line, {"keys": 1})))
    with pytest.raises(ChurnError, match=f"holds {key}, which no backup has"):
        restore(raw, tmp_path / "x", False, lambda _: None)
    assert raw.dbsize() == 0


def test_a_part_that_lies_there_is_not_written_into(raw: redis.Redis, tmp_path: Path) -> None:
    read_by_all, other = tmp_path / "x.part", tmp_path / "other"
    other.write_text("kept")
    read_by_all.symlink_to(other)
    backup(raw, tmp_path / "x", lambda _: None)
    assert other.read_text() == "kept"
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o600


def test_places_that_were_saved_apart_fit_again(raw: redis.Redis, tmp_path: Path) -> None:
    raw.set("churn:alerts:sequence", 3)
    raw.zadd("churn:alerts", {"alert_a": 5})
    raw.set("churn:deliveries:place", 7)
    backup(raw, tmp_path / "x", lambda _: None)
    raw.flushall()
    restore(raw, tmp_path / "x", False, lambda _: None)
    assert (raw.get("churn:alerts:sequence"), raw.get("churn:deliveries:place")) == (b"5", b"5")
