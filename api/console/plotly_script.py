"""plotly.js out of the wheel of plotly, so that no page asks another server for it."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Header
from starlette.responses import Response

from api.console.packed import Packed

router = APIRouter(include_in_schema=False)


@router.get("/static/plotly.min.js")
def plotly_script(
    accept_encoding: Annotated[str, Header()] = "", if_none_match: Annotated[str | None, Header()] = None
) -> Response:
    """The script."""
    return _script().answer("text/javascript", accept_encoding, if_none_match)


@cache
def _script() -> Packed:
    """Read once: it is a third of what all else of the server needs to start."""
    spec = find_spec("plotly")  # importing it would load all of its Python, which nobody uses here
    if spec is None or spec.submodule_search_locations is None:
        raise FileNotFoundError("the package plotly is not installed")
    return Packed.of((Path(spec.submodule_search_locations[0]) / "package_data" / "plotly.min.js").read_bytes())
