"""A dead letter: what every program that writes one puts into it, and how it is read again; docs/operations.md tells of
each field. A note that one was sent again stands in the same topic."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

FIELDS = ("reason", "topic", "partition", "offset", "received_ms", "bytes", "raw")

RAW_BYTES = 512 * 1024
"""So much of a record goes into its letter. Base64 makes it a third longer, and a letter that is larger than Kafka
takes (1 MiB unless it is told otherwise) would end the stream, again at every start."""


@dataclass(frozen=True)
class Letter:
    """One record that could not be used.

    Attributes:
        id: `PARTITION-OFFSET` of the letter itself.
        reason: why it could not.
        topic: where the record stands.
        partition: of that topic.
        offset: in that partition.
        received_ms: the broker's stamp on the record.
        size: how long its value is, in bytes, None where it has none.
        raw: its value, cut at :data:`RAW_BYTES`.
    """

    id: str
    reason: str
    topic: str
    partition: int
    offset: int
    received_ms: int
    size: int | None
    raw: bytes

    @property
    def whole(self) -> bool:
        """Whether the letter holds all of the record."""
        return self.size == len(self.raw)


@dataclass(frozen=True)
class Redriven:
    """A note that a record was sent again.

    Attributes:
        letter: id of the letter.
        at_ms: when, by the wall clock.
        rules: how the record was mended, as they were given.
        topic: where it went.
        partition: of that topic.
        offset: in that partition.
    """

    letter: str
    at_ms: int
    rules: tuple[str, ...]
    topic: str
    partition: int
    offset: int

    def encode(self) -> bytes:
        """As it stands in the topic."""
        to = {"topic": self.topic, "partition": self.partition, "offset": self.offset}
        facts = {"letter": self.letter, "at_ms": self.at_ms, "rules": list(self.rules), "to": to}
        return json.dumps({"redriven": facts}).encode()


def read(value: bytes, partition: int, offset: int) -> Letter | Redriven | None:
    """A record of the dead-letters topic, None for one that no program of this release wrote."""
    try:
        held: dict[str, Any] = json.loads(value)
        if "redriven" in held:
            note, to = held["redriven"], held["redriven"]["to"]
            rules = tuple(map(str, note["rules"]))
            return Redriven(note["letter"], note["at_ms"], rules, to["topic"], to["partition"], to["offset"])
        raw = base64.b64decode(held.pop("raw", None) or "", validate=True)
        return Letter(id=f"{partition}-{offset}", size=held.pop("bytes", None), raw=raw, **held)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, binascii.Error):
        return None
