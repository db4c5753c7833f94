"""Somebody who listens to server-sent events, and the event as it goes over the wire."""

from __future__ import annotations

import asyncio

BEHIND = 900
"""Events that a listener may be behind; one that reads more slowly is dropped, and resumes where it was. A little less
than the stream of alerts tells again, so that it misses none."""
AT_ONCE = 64
"""Events that are sent together: about what a connection holds of alerts before it says that it is full."""


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

    def has_room(self, count: int) -> bool:
        """Whether it may be told so many more."""
        return self.waiting.qsize() + count <= BEHIND

    async def told(self) -> bytes | None:
        """What waits, several events at once, as soon as there is something; None when the listener is let go."""
        found = await self.waiting.get()
        if found is None:
            return None
        together = [found]
        while len(together) < AT_ONCE and not self.waiting.empty():
            more = self.waiting.get_nowait()
            if more is None:  # for the next time
                self.waiting.put_nowait(None)
                break
            together.append(more)
        return b"".join(together)

    def end(self) -> None:
        """Lets the listener go, after nothing more than what it is reading."""
        while not self.waiting.empty():
            self.waiting.get_nowait()
        self.waiting.put_nowait(None)


def event(event_id: str, data: bytes, name: str) -> bytes:
    """A server-sent event (HTML Living Standard, 9.2.6). The data hold no line break: they are compact JSON."""
    return b"id: " + event_id.encode() + b"\nevent: " + name.encode() + b"\ndata: " + data + b"\n\n"
