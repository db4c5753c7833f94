"""`GET /live`: tells a page that what it shows has changed, so that it asks for the part of it that moves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import StreamingResponse

from api import server_sent
from api.access import Asking, needs
from api.context import Context, Wired
from api.passes import Pass

router = APIRouter(include_in_schema=False, dependencies=[needs("read")])


@router.get("/live")
async def live(
    request: Request,
    context: Wired,
    asking: Asking,
    watch: Annotated[str, Query(min_length=1, max_length=300)],
    have: Annotated[str, Query(max_length=64)] = "",
) -> StreamingResponse:
    """Server-sent events `changed`, without data, for as long as the page is open. `have` is the state that it shows:
    of that one it is not told. A browser that connects again by itself names the last one that it was told."""
    held = server_sent.pass_of(request, asking)
    has = request.headers.get("last-event-id", have)
    return server_sent.answer(context, asking, _events(context, held, watch, has))


async def _events(context: Context, held: Pass, subject: str, has: str) -> AsyncIterator[bytes]:
    yield server_sent.retry()
    async with context.watch.watching(subject, has) as listener:
        async for each in server_sent.told(context, held, listener):
            yield each
