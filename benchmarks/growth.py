"""What grows with the number of users: latency, state, the time of a checkpoint, memory."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.contestants import product
from benchmarks.latency import judged, send, watching
from benchmarks.stand import Stand, wait_until
from benchmarks.waits import Readings
from benchmarks.workload import SEED, START_MS
from churn import topics
from churn.events import encode, opening
from churn.features import DECAYED_SUMS, LANDMARK_MS
from churn.settings import DAY_MS, Kafka

RATE = 500.0
CUT_MS = START_MS + 30 * DAY_MS
_LIVE = ("churn_stream_mode", "realtime")
_PAUSED, _PAUSES = ("churn_stream_pause_seconds_sum", "realtime"), ("churn_stream_pause_seconds_count", "realtime")


@dataclass(frozen=True)
class Grown:
    """How the system does with so many users.

    Attributes:
        opened_per_s: users a second that became readable while their openings came in.
        waits_ms: quantiles at RATE.
        state_bytes: of the checkpoint's folder.
        pause_s: the mean pause at the end of a batch.
        redis_bytes_per_user: memory that Valkey uses, divided by the users.
        resident_bytes: memory of all processes together: broker, Valkey, stream, publish, and the measuring.
    """

    opened_per_s: float
    waits_ms: dict[str, float]
    state_bytes: int
    pause_s: float
    redis_bytes_per_user: float
    resident_bytes: int


def measure(stand: Stand, users: int, seconds: float) -> Grown:
    """One run: everybody is opened, then random ones of them go on in real-time mode."""
    kafka, count = stand.topics(), round(RATE * seconds)
    log = stand.var / f"growth-{users}.json"
    with log.open("wb") as file:
        file.writelines(line + b"\n" for line in songs(users, count))
    # Batches short enough that several end meanwhile.
    more = {"CHURN_STREAM__REALTIME_BATCH": "20 seconds"}
    with watching(stand, kafka) as seen, stand.running(product("auto"), kafka, **more) as programs:
        open_all(kafka, users)
        began_s = wait_until(lambda: stand.view.books().scores > 0, 240, programs, "the first opening")
        opened_s = wait_until(lambda: stand.view.books().users >= users, 1800, programs, f"opening {users:,} users")
        wait_until(lambda: stand.metrics()[_LIVE] == 1, 240, programs, "real-time mode")
        sent = send(kafka, log, 0, count, RATE)
        wait_until(lambda: stand.view.books().events_scored >= count, 240, programs, "scoring")
        facts, used = stand.metrics(), int(stand.view.redis.info("memory")["used_memory"])
        resident = stand.resident_bytes()
        checkpoint = stand.var / kafka.scores_topic / "checkpoint"
        state = sum(file.stat().st_size for file in checkpoint.rglob("*") if file.is_file())
    window = next(judged(Readings(seen), log, [sent], before=1))
    return Grown(
        opened_per_s=users / max(opened_s - began_s, 0.1),
        waits_ms=window.waits_ms,
        state_bytes=state,
        pause_s=facts[_PAUSED] / facts[_PAUSES],
        redis_bytes_per_user=used / users,
        resident_bytes=resident,
    )


def open_all(kafka: Kafka, users: int) -> None:
    """Sends the opening balance of every user: somebody who has listened to fifty songs."""
    sums = {feature.name: math.exp((CUT_MS - LANDMARK_MS) * feature.decay_per_ms) for feature in DECAYED_SUMS}
    balance = {"events": 50, "last_event": CUT_MS, "level": "free", "registration": START_MS, "cancelled_at": None}
    producer = topics.producer(kafka, linger_ms=20, batch_size=262_144, compression_type="lz4")
    for user in range(users):
        record = encode(opening(f"user-{user}", CUT_MS, {**balance, "sums": sums}))
        producer.send(kafka.events_topic, record, key=f"user-{user}".encode())
    producer.flush()
    producer.close()


def songs(users: int, count: int) -> Iterator[bytes]:
    """What random users listen to after the cut."""
    chance = random.Random(SEED)
    for place in range(count):
        yield encode(
            {
                "ts": CUT_MS + 1000 * (place + 1),
                "userId": f"user-{chance.randrange(users)}",
                "sessionId": 1,
                "itemInSession": place,
                "page": "NextSong",
                "level": "free",
                "registration": START_MS,
            }
        )
