"""plotly.js out of the wheel of plotly, so that no page asks another server for it."""

from __future__ import annotations

import gzip
import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Header
from starlette.responses import Response

router = APIRouter(include_in_schema=False)

_LEVEL = 6


@router.get("/static/plotly.min.js")
def plotly_script(
    accept_encoding: Annotated[str, Header()] = "", if_none_match: Annotated[str | None, Header()] = None
) -> Response:
    """The script, packed for whoever takes it so; 304 for whoever has it."""
    plain, packed, tag = _script()
    headers = {"ETag": tag, "Vary": "Accept-Encoding", "Cache-Control": "no-cache"}
    if if_none_match == tag:
        return Response(status_code=304, headers=headers)
    if "gzip" in accept_encoding:
        return Response(packed, headers=headers | {"Content-Encoding": "gzip"}, media_type="text/javascript")
    return Response(plain, headers=headers, media_type="text/javascript")


@cache
def _script() -> tuple[bytes, bytes, str]:
    """Plain, packed, and the entity tag. Read once: it is a third of what all else of the server needs to start."""
    spec = find_spec("plotly")  # importing it would load all of its Python, which nobody uses here
    if spec is None or spec.submodule_search_locations is None:
        raise FileNotFoundError("the package plotly is not installed")
    plain = (Path(spec.submodule_search_locations[0]) / "package_data" / "plotly.min.js").read_bytes()
    return plain, gzip.compress(plain, _LEVEL, mtime=0), f'W/"{hashlib.sha256(plain).hexdigest()[:16]}"'
