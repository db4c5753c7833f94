"""Watches from outside when each version of each user's score becomes readable in Redis.

Redis tells which users were written; their versions are then read as any client would read them, and the moment after
that answer counts. So it is the same for whoever writes, and never too early. Run as a program of its own: it watches
until SIGTERM and then writes what it saw.
"""

from __future__ import annotations

import argparse
import threading
import time
from pathlib import Path

import numpy as np
import redis

from churn import signals

PREFIX = "churn:user:"


def main() -> None:
    """Watches until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--redis", required=True, help="address")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    client = redis.Redis.from_url(options.redis, decode_responses=True)
    client.config_set("notify-keyspace-events", "Kh")
    seen = watch(client, signals.until_signal(), options.out.with_suffix(".ready"))
    users, versions, moments = zip(*seen, strict=True) if seen else ((), (), ())
    np.savez(options.out, users=np.array(users, dtype=str), versions=np.array(versions), moments=np.array(moments))


def watch(client: redis.Redis, stopping: threading.Event, ready: Path) -> list[tuple[str, int, float]]:
    """User, version and monotonic time of every look, in order."""
    listener = client.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
    listener.psubscribe(f"__keyspace@0__:{PREFIX}*")
    listener.get_message(timeout=1)
    ready.touch()
    start = len(f"__keyspace@0__:{PREFIX}")
    seen: list[tuple[str, int, float]] = []
    while not stopping.is_set():
        written: dict[str, None] = {}
        message = listener.get_message(timeout=0.2)
        while message is not None:
            written[message["channel"][start:]] = None
            message = listener.get_message(timeout=0) if len(written) < 500 else None
        if written:
            seen += look(client, list(written))
    return seen


def look(client: redis.Redis, users: list[str]) -> list[tuple[str, int, float]]:
    """The versions that some users have now."""
    pipe = client.pipeline(transaction=False)
    for user in users:
        pipe.hget(f"{PREFIX}{user}", "version")
    versions = pipe.execute()
    now_s = time.monotonic()
    return [(user, int(version or 0), now_s) for user, version in zip(users, versions, strict=True)]


if __name__ == "__main__":
    main()
