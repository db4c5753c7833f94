"""What would take one user out of the band, in a sentence or two."""

from __future__ import annotations

from dataclasses import dataclass

from api.alert_answers import percent
from api.console.durations import rate
from api.console.wording import listed
from api.context import Context
from api.figures import SIGNALS
from api.least_change import LeastChange, Moved, least_change_for
from api.problems import ProblemError
from api.risks import Risk
from api.what_if import DISCLAIMER

_NONE = 0.005
"""Fewer a day than this, such as what is left of something long ago, are none."""


@dataclass(frozen=True)
class Help:
    """What would help, and what to think of it; `disclaimer` is empty where nothing was computed."""

    says: str
    disclaimer: str = ""


def help_for(context: Context, risk: Risk) -> Help:
    """The least change that would be enough.

    Raises:
        redis.RedisError: Redis does not serve.
    """
    try:
        found = least_change_for(context, risk)
    except ProblemError as error:
        return Help(f"{error.detail} Without it nothing can be asked of it.")
    if found.band == "none":
        return Help("Whoever is not ranked is in no band that they could leave.")
    if found.below is None:
        return Help("Nothing has to: the user is in the low band.")
    if not found.changes:
        return Help(
            f"The risk is below {percent(found.below, 1)} already: with its next score the user leaves the "
            f"{found.band} band."
        )
    return Help(_words(found, found.below), DISCLAIMER)


def _words(found: LeastChange, below: float) -> str:
    changes, then = listed([_change(each) for each in found.changes]), percent(found.then.risk, 1)
    if found.reachable:
        return (
            f"With {changes} the model would say {then}: just below {percent(below, 1)}, at which the {found.band} "
            "band is left."
        )
    return (
        f"Not even with {changes} would the user leave the {found.band} band: the model would say {then}, and the band "
        f"is left below {percent(below, 1)}."
    )


def _change(moved: Moved) -> str:
    if isinstance(moved.now, str) or isinstance(moved.then, str):
        return f"the {moved.then} plan instead of the {moved.now} one"
    unit = SIGNALS[moved.lever][0].unit
    then, now = (rate(each) if each >= _NONE else "" for each in (moved.then, moved.now))
    return f"{then or 'no'} {unit} a day instead of {now or 'none'}"
