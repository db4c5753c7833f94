"""Sends events at moments fixed beforehand, whatever becomes of them: who is slow does not get fewer.

Run as a program of its own by `benchmarks.latency`; prints how far it fell behind its own schedule.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from benchmarks.workload import rows
from churn import topics
from churn.settings import Kafka


def main() -> None:
    """Sends, and prints a JSON object: `sent`, `behind_ms` (its own delay: the median and the largest)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--first", type=int, required=True, help="event of the log")
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True, help="events a second")
    parser.add_argument("--start", type=float, required=True, help="of the first, by the monotonic clock")
    options = parser.parse_args()
    held = [(user.encode(), line) for user, line in rows(options.log, options.first, options.count)]
    producer = topics.producer(Kafka(bootstrap=options.bootstrap), linger_ms=0)
    producer.partitions_for(options.topic)  # the first send must not wait for it
    behind_s = []
    for number, (user, line) in enumerate(held):
        due_s = options.start + number / options.rate
        wait_s = due_s - time.monotonic()
        if wait_s > 0:
            time.sleep(wait_s)
        producer.send(options.topic, line, key=user)
        behind_s.append(time.monotonic() - due_s)
    producer.flush()
    behind_s.sort()
    largest, median = behind_s[-1], behind_s[len(behind_s) // 2]
    print(json.dumps({"sent": len(held), "behind_ms": [round(median * 1000, 1), round(largest * 1000, 1)]}))


if __name__ == "__main__":
    main()
