"""`churn backup` and `churn restore`: what `churn rebuild` cannot bring back, as lines of JSON in one file.

The first line says what it is, the last one how many keys there were; between them one key a line, its value as Redis
itself serialises it (DUMP: with a version and a checksum) in base64, and the time that it has left.
"""

from __future__ import annotations

import base64
import gzip
import itertools
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import redis

from churn.errors import ChurnError
from churn.redis_keys import KEYS, declared
from churn.view import SCHEMA

LAYOUT = "churn-backup-1"
AT_ONCE = 500


def backup(client: redis.Redis, file: Path, say: Callable[[str], None]) -> int:
    """Writes a backup, whole or not at all, for its owner alone; returns the number of keys.

    Args:
        client: gives bytes as they are.
        file: is replaced if it is there; gzip.
        say: told of progress.

    Raises:
        redis.RedisError: Redis does not serve.
        OSError: the file cannot be written.
    """
    part = file.with_name(f"{file.name}.part")
    part.unlink(missing_ok=True)  # one that is there keeps its owner and who may read it
    count = 0
    try:
        held = os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        with held, gzip.open(held, "wt") as out:
            out.write(json.dumps({"layout": LAYOUT, "schema": SCHEMA}) + "\n")
            for line in _lines(client):
                out.write(json.dumps(line) + "\n")
                count += 1
                if count % 100_000 == 0:
                    say(f"Wrote {count:,} keys.")
            out.write(json.dumps({"keys": count}) + "\n")
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    return count


def restore(client: redis.Redis, file: Path, replace: bool, say: Callable[[str], None]) -> int:
    """Brings back what a backup holds; returns the number of keys. What is in Redis beside stays.

    Args:
        client: takes bytes as they are.
        file: of :func:`backup`.
        replace: takes out first what of its kind is there.
        say: told of progress.

    Raises:
        ChurnError: the file is no whole backup of this release, or Redis holds such keys already.
        redis.RedisError: Redis does not serve.
    """
    _require_whole(file)
    held = _keys(client)
    if not replace and (first := next(held, None)) is not None:
        raise ChurnError(
            f"Redis holds {first.decode(errors='replace')} already.",
            "Restore into a Redis without alerts, keys and endpoints; to take those out first, add --replace.",
        )
    for some in _chunks(held):
        client.unlink(*some)
    count = 0
    for lines in _chunks(_read(file)):
        pipe = client.pipeline(transaction=False)
        for line in lines:
            pipe.restore(line["key"], line["ttl_ms"], base64.b64decode(line["value"]), replace=True)
        pipe.execute()
        count += len(lines)
        say(f"Brought back {count:,} keys.")
    _settle_places(client)
    return count


def _settle_places(client: redis.Redis) -> None:
    """A backup takes time: an alert raised meanwhile may be in one of its keys and not yet in another."""
    newest = cast("list[tuple[bytes, float]]", client.zrange("churn:alerts", -1, -1, withscores=True))
    saved = int(cast("bytes | None", client.get("churn:alerts:sequence")) or 0)
    sequence = max([saved, *(int(place) for _, place in newest)])
    if sequence > saved:
        client.set("churn:alerts:sequence", sequence)
    if int(cast("bytes | None", client.get("churn:deliveries:place")) or 0) > sequence:
        client.set("churn:deliveries:place", sequence)


def _lines(client: redis.Redis) -> Iterator[dict[str, Any]]:
    for keys in _chunks(_keys(client)):
        pipe = client.pipeline(transaction=False)
        for key in keys:
            pipe.dump(key)
            pipe.pttl(key)
        found = pipe.execute()
        for key, value, left_ms in zip(keys, found[::2], found[1::2], strict=True):
            if value is not None:  # its time may just be over
                text = base64.b64encode(value).decode()
                yield {"key": key.decode(), "ttl_ms": max(0, left_ms), "value": text}


def _keys(client: redis.Redis) -> Iterator[bytes]:
    """What only a backup brings back."""
    for pattern in sorted({key.pattern for key in KEYS if key.origin == "backup"}):
        for key in cast("Iterator[bytes]", client.scan_iter(pattern, count=1000)):
            entry = declared(key.decode(errors="replace"))
            if entry is not None and entry.pattern == pattern:
                yield key


def _chunks(items: Iterator[Any]) -> Iterator[list[Any]]:
    while some := list(itertools.islice(items, AT_ONCE)):
        yield some


def _read(file: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(file, "rt") as lines:
        for line in lines:
            held = json.loads(line)
            if "key" in held:
                yield held


def _require_ours(file: Path, key: str) -> None:
    """A file may come from anywhere, and a session or a score in it was never in a backup."""
    entry = declared(key)
    if entry is None or entry.origin != "backup":
        raise ChurnError(f"{file} holds {key}, which no backup has.", "Name a file of churn backup.")


def _require_whole(file: Path) -> None:
    try:
        with gzip.open(file, "rt") as lines:
            head = json.loads(next(lines, "{}"))
            count, last = 0, {}
            for line in lines:
                last = json.loads(line)
                if "key" in last:
                    _require_ours(file, str(last["key"]))
                    count += 1
    except (OSError, EOFError, ValueError) as error:
        raise ChurnError(f"{file} cannot be read as a backup ({error}).", "Name a file of churn backup.") from None
    if head.get("layout") != LAYOUT:
        raise ChurnError(f"{file} is no backup of this release.", "Name a file of churn backup.")
    if last.get("keys") != count:
        raise ChurnError(f"{file} is not whole: it ends after {count:,} keys.", "Name another backup.")
