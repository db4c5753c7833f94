"""What a client may do to a connection: send a head of some size within some time, and take its answer as it comes."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_S = 10.0
"""From the connection, or from the answer before, to a whole head."""
HEAD_BYTES = 65_536
STALLED_S = 20.0
"""How long an answer waits for a client that does not read."""


class Connection(HttpToolsProtocol):
    """uvicorn's connection, which by itself waits for a client for as long as the client likes."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there."""
        super().connection_made(transport)
        self._head_bytes = 0
        self._stalled: asyncio.TimerHandle | None = None
        self._head: asyncio.TimerHandle | None = self.loop.call_later(HEAD_S, self._cut)

    def connection_lost(self, exc: Exception | None) -> None:
        """It has gone."""
        for timer in (self._head, self._stalled):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some bytes of a request."""
        if self._head is not None:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._head is not None and self._head_bytes > HEAD_BYTES:
            self._cut()

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        if self._head is None:
            self._head_bytes = 0
            self._head = self.loop.call_later(HEAD_S, self._cut)

    def on_headers_complete(self) -> None:
        """The head is whole."""
        if self._head is not None:
            self._head.cancel()
            self._head = None
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """The answer is out; what is left of the request, such as a body that was refused, has the time of a head."""
        unread = self.cycle is not None and self.cycle.more_body
        super().on_response_complete()
        if unread and self._head is None:
            self._head_bytes = 0
            self._head = self.loop.call_later(HEAD_S, self._cut)

    def pause_writing(self) -> None:
        """The client does not read as fast as we write."""
        super().pause_writing()
        self._stalled = self.loop.call_later(STALLED_S, self._cut)

    def resume_writing(self) -> None:
        """It has caught up."""
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
        super().resume_writing()

    def _cut(self) -> None:
        """At once: a polite end would wait for the client."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.abort()
