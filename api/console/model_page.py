"""The page Model: what the model in use is, whether what it says comes true, and how far its users have moved."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Header
from starlette.responses import Response

from api.console import drift, honesty, model_card, model_drift, model_honesty, model_report
from api.console.model_bundle import InUse, in_use
from api.console.packed import Packed
from api.console.shell import PageRoute, Shell, shown
from api.console.watch import EVERYTHING
from api.context import Context, Wired
from api.problems import ProblemError
from churn.errors import ChurnError

router = APIRouter(include_in_schema=False, route_class=PageRoute)

_Shown = Annotated[Shell, shown(EVERYTHING)]

_PICTURES_HELD = 64
"""A report has some ten."""


@router.api_route("/model", methods=["GET", "HEAD"])
def page(shell: _Shown, context: Wired) -> Response:
    """The page."""
    return shell.show("model.html", **_shown(context, in_use(context)))


def _shown(context: Context, used: InUse) -> dict[str, Any]:
    """Values of the template; a card that cannot be told is told as a problem."""
    problem, card, moved, honest = used.problem, None, None, None
    past = honesty.of(context)
    try:
        if used.bundle is not None:
            card = model_card.words(used.bundle)
            drifted = drift.of(context, used.bundle)
            moved = model_drift.words(drifted) if drifted else None
        honest = model_honesty.words(past, used.bundle) if past else None
    except ChurnError as error:
        problem = str(error)
        honest = model_honesty.words(past, None) if past else None
    return {"problem": problem, "card": card, "report": used.report, "honest": honest, "drift": moved}


@router.api_route("/model/pictures/{name}.svg", methods=["GET", "HEAD"])
def picture(
    _: _Shown,
    context: Wired,
    name: str,
    accept_encoding: Annotated[str, Header()] = "",
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """A drawing of the report of the model in use.

    It comes with the policy of every answer, by which it could load and run nothing; as an image in a page a browser
    lets it do nothing anyway, and its own styles hold only there.
    """
    model = in_use(context).bundle
    if model is None or name not in model_report.pictures(model):
        raise ProblemError("not-found", "The model in use has no such picture.")
    return _packed(model.path, model.version, name).answer("image/svg+xml", accept_encoding, if_none_match)


@lru_cache(_PICTURES_HELD)
def _packed(folder: Path, _version: str, name: str) -> Packed:
    """A version never changes what it is, so a picture of one is read once."""
    return Packed.of((folder / model_report.PICTURES / f"{name}.svg").read_bytes())
