"""Somebody who listens to server-sent events, and the event as it goes over the wire."""

from __future__ import annotations

import asyncio

BEHIND = 256
"""Events that a listener may be behind; one that reads more slowly is dropped, and resumes where it was."""


class Listener:
    """One that listens: what it has not read yet."""

    def __init__(self) -> None:
        self.waiting: asyncio.Queue[bytes | None] = asyncio.Queue(BEHIND)

    def tell(self, event: bytes) -> bool:
        """Adds an event; False if too many wait already."""
        try:
            self.waiting.put_nowait(event)
        except asyncio.QueueFull:
            return False
        return True

    def end(self) -> None:
        """Lets the listener go, after nothing more than what it is reading."""
        while not self.waiting.empty():
            self.waiting.get_nowait()
        self.waiting.put_nowait(None)


def event(event_id: str, data: bytes, name: str) -> bytes:
    """A server-sent event (HTML Living Standard, 9.2.6). The data hold no line break: they are compact JSON."""
    return b"id: " + event_id.encode() + b"\nevent: " + name.encode() + b"\ndata: " + data + b"\n\n"
