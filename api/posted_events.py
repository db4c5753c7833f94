"""Events out of a request's body, judged one by one by the rules of the stream."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

from api.problems import ProblemError
from churn.events import RESERVED_PAGES, Event, InvalidEvent, decode, encode

MOST = 5000
LARGEST_BYTES = (1 << 20) - 2048
"""Of one event: a producer's limit for a record, less its key and its head."""

JSON = "application/json"
NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl")

WORDS: dict[str, str] = {
    "malformed": "it is not a JSON object with fields of the right types",
    "missing-field": "it needs userId, page, sessionId, itemInSession and ts",
    "ts-out-of-range": "ts is in ms, from 2017 to 2030",
    "ts-in-future": "ts is more than 5 minutes ahead of the server's clock",
    "unknown-level": "level is free or paid",
    "bad-opening": "an opening balance has to be whole",
    "reserved-page": "the pages Heartbeat and Opening are the system's own",
    "too-large": "an event may have a megabyte",
    "too-many-new-users": "this key has brought as many unknown users as it may in a day",
}
"""Why an event is refused."""


@dataclass(frozen=True)
class Valid:
    """An event as it goes to Kafka, and its line, from 1."""

    line: int
    event: Event
    raw: bytes


@dataclass
class Judged:
    """What became of the events of a body: valid ones, and the reason of each other line."""

    valid: list[Valid] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)


def judge(body: bytes, media_type: str, now_ms: int) -> Judged:
    """Reads and judges a body.

    Args:
        body: one event, an array of them, or one a line.
        media_type: of the body, without parameters.
        now_ms: the wall clock, which stands for the broker's that comes later.

    Raises:
        ProblemError: it cannot be taken apart, or there are too many.
    """
    found = Judged()
    for line, raw in enumerate(_lines(body, media_type), 1):
        if line > MOST:
            raise _too_many()
        try:
            event = decode(raw, now_ms)
        except InvalidEvent as error:
            found.refused[line] = error.reason
            continue
        if event.page in RESERVED_PAGES:
            found.refused[line] = "reserved-page"
        elif len(raw) > LARGEST_BYTES:
            found.refused[line] = "too-large"
        else:
            found.valid.append(Valid(line, event, raw))
    if not found.valid and not found.refused:
        raise ProblemError("invalid-request", "The body holds no event.")
    return found


def _lines(body: bytes, media_type: str) -> Iterator[bytes]:
    if media_type in NDJSON:
        if body.count(b"\n") > 2 * MOST:  # some lines may be blank
            raise _too_many()
        yield from (line for line in body.split(b"\n") if line.strip())
        return
    if media_type != JSON:
        raise ProblemError("unsupported-media-type", f"Send {JSON} or {NDJSON[0]}.")
    # Before it is taken apart: of brackets alone, a megabyte becomes twenty-five in memory.
    if body.count(b"{") + body.count(b"[") > 4 * MOST or body.count(b",") > 64 * MOST:
        raise _too_many()
    try:
        held = json.loads(body)
    except (ValueError, RecursionError):
        raise ProblemError("invalid-request", "The body is no JSON.") from None
    for record in held if isinstance(held, list) else [held]:
        try:
            yield encode(record)
        except (ValueError, RecursionError):  # half a surrogate pair
            yield b""


def _too_many() -> ProblemError:
    return ProblemError("invalid-request", f"The body holds more than {MOST:,} events; send fewer at a time.")
