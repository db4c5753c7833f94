"""The least change to what a team can influence that takes a user out of the band.

Every set of levers is moved towards its end by the same share of the way, and the share is halved in until the risk
just leaves the band. Of all sets the one with the shortest way is told, measured in the model's own input: the sum of
the differences of log1p, so that from 2 to 1 advert a day is as far as from 20 to about 10.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from fastapi import APIRouter
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from api import examples
from api.access import needs
from api.answers import answers
from api.context import Context, Wired
from api.figures import SIGNALS, Changes, at_rate, figures, on_level
from api.risks import Risk
from api.user_answers import UserId
from api.what_if import DISCLAIMER, Question, Response, current, explainer_of, known, respond
from churn.explain import Explainer, model_inputs
from churn.features import NAMES, Level
from churn.outcomes import AlertPolicy, Band

router = APIRouter(prefix="/v1", tags=["what if"], dependencies=[needs("read")])

FEWER = ("adverts", "errors", "thumbs_down")
"""Down to none."""
MORE = ("thumbs_up", "playlists", "friends")
"""Up to twice what a typical user does, or this user if that is more."""
HALVINGS = 16

Rows = NDArray[np.float64]


class Moved(BaseModel):
    """One lever that is moved. Rates are a day."""

    lever: str = Field(description="a member of the figures, or level", examples=["adverts"])
    now: float | str
    then: float | str


class LeastChange(BaseModel):
    """The least change that takes a user out of the band."""

    band: Band = Field(description="to be left")
    below: float | None = Field(description="risk below which it is left; null for a user in the low band or in none")
    reachable: bool = Field(description="false if not even all levers together leave the band: then they are told")
    changes: list[Moved]
    now: Response
    then: Response
    model_version: str
    disclaimer: str = DISCLAIMER


@dataclass(frozen=True)
class Lever:
    """Something that a team can influence, and the raw values at the end of its way."""

    name: str
    end: dict[str, float]


@router.get(
    "/users/{user_id}/least-change",
    responses=answers("unknown-user", "model-unavailable", example=examples.LEAST_CHANGE),
)
def least_change(context: Wired, user_id: UserId) -> LeastChange:
    """What would be enough: adverts, errors, thumbs, playlists, friends or the plan; never registration or silence."""
    return least_change_for(context, known(context, user_id))


def least_change_for(context: Context, risk: Risk) -> LeastChange:
    """The same for somebody of whom all is known.

    Raises:
        ProblemError: the model that scored them is not at hand.
    """
    return sought(context, risk.user.score.features, explainer_of(context, risk), risk.user.band)


@router.post(
    "/users/{user_id}/least-change",
    responses=answers("unknown-user", "invalid-request", "model-unavailable", example=examples.LEAST_CHANGE),
)
def least_change_from(context: Wired, user_id: UserId, question: Question) -> LeastChange:
    """What would be enough for a user with other figures: of the band in which they would be."""
    risk = known(context, user_id)
    return after(context, risk.user.score.features, question.changes, explainer_of(context, risk), risk.user.band)


@router.post("/least-change", responses=answers("invalid-request", "model-unavailable", example=examples.LEAST_CHANGE))
def least_change_of_typical(context: Wired, question: Question) -> LeastChange:
    """What would be enough for a typical user with other figures."""
    explainer = current(context)
    return after(context, explainer.reference, question.changes, explainer)


def after(
    context: Context, features: Mapping[str, float], changes: Changes, explainer: Explainer, before: Band = "none"
) -> LeastChange:
    """The least change once others have been made; without any it is that of the user as they are."""
    changed = changes.applied(features)
    band = before if changed == features and before != "none" else respond(context, changed, explainer, before).band
    return sought(context, changed, explainer, band)


def sought(context: Context, features: Mapping[str, float], explainer: Explainer, band: Band) -> LeastChange:
    """The least change that takes somebody with some raw values out of a band."""
    below = left_below(context.view.policy(explainer.version), band)
    now = respond(context, features, explainer, band)
    changed, reachable = dict(features), True
    if below is not None and now.risk >= below:
        changed, reachable = nearest(features, explainer, below)
    return LeastChange(
        band=band,
        below=below,
        reachable=reachable,
        changes=_moved(features, changed),
        now=now,
        then=respond(context, changed, explainer, band),
        model_version=explainer.version,
    )


def left_below(policy: AlertPolicy, band: Band) -> float | None:
    """The risk below which a band is left downwards."""
    return {"high": policy.high * policy.exit_ratio, "medium": policy.medium * policy.exit_ratio}.get(band)


def levers(features: Mapping[str, float], typical: Mapping[str, float]) -> list[Lever]:
    """Those that are not at their end already."""
    mine, theirs = figures(features)["per_day"], figures(typical)["per_day"]
    ends = dict.fromkeys(FEWER, 0.0) | {name: 2 * max(mine[name], theirs[name]) for name in MORE}
    other: Level = "free" if features["paid"] >= 0.5 else "paid"
    found = [Lever(name, at_rate(name, end)) for name, end in ends.items()] + [
        Lever("level", on_level(features, other))
    ]
    return [lever for lever in found if any(features[name] != value for name, value in lever.end.items())]


def nearest(features: Mapping[str, float], explainer: Explainer, below: float) -> tuple[dict[str, float], bool]:
    """The features with the least change that brings the risk below a line, and whether there is one.

    Where there is none: with those levers at their end that bring the risk down the furthest.
    """
    moving = levers(features, explainer.reference)
    sets = [each for size in range(1, len(moving) + 1) for each in itertools.combinations(moving, size)]
    begin = np.array([[features[name] for name in NAMES]] * len(sets))
    ends = np.array([_end(features, each) for each in sets])
    risks = explainer.scores(ends).risk
    if risks.min() >= below:
        return dict(zip(NAMES, map(float, ends[risks.argmin()]), strict=True)), False
    begin, ends, steps = begin[risks < below], ends[risks < below], _steps(sets, risks < below)
    reached = _halved_in(begin, ends, steps, explainer, below)
    ways = np.abs(model_inputs(reached) - model_inputs(begin)).sum(axis=1)
    return dict(zip(NAMES, map(float, reached[ways.argmin()]), strict=True)), True


def _end(features: Mapping[str, float], chosen: tuple[Lever, ...]) -> list[float]:
    moved = dict(features)
    for lever in chosen:
        moved |= lever.end
    return [moved[name] for name in NAMES]


def _steps(sets: list[tuple[Lever, ...]], kept: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where a lever has no half way: a plan is the one or the other, and its songs go along."""
    whole = {lever.name: set(lever.end) for each in sets for lever in each if lever.name == "level"}
    held = [
        [any(lever.name == "level" for lever in each) and name in whole["level"] for name in NAMES]
        for each, keep in zip(sets, kept, strict=True)
        if keep
    ]
    return np.array(held)


def _halved_in(begin: Rows, ends: Rows, steps: NDArray[np.bool_], explainer: Explainer, below: float) -> Rows:
    """The point on the way to each end at which the risk is just below the line."""

    def at(share: Rows) -> Rows:
        return np.where(steps, ends, begin + (ends - begin) * share[:, None])

    low, high = np.zeros(len(ends)), np.ones(len(ends))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        enough = explainer.scores(at(middle)).risk < below
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return at(high)


def _moved(before: Mapping[str, float], after: Mapping[str, float]) -> list[Moved]:
    now, then = figures(before), figures(after)
    changed = [
        Moved(lever=name, now=now["per_day"][name], then=then["per_day"][name])
        for name in SIGNALS
        if name in (*FEWER, *MORE) and now["per_day"][name] != then["per_day"][name]
    ]
    if now["level"] != then["level"]:
        changed.append(Moved(lever="level", now=now["level"], then=then["level"]))
    return changed
