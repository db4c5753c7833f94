"""What the model answers to other figures, as the page What if shows it: in words, and in widths of bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from api.alert_answers import percent
from api.console.levers import written
from api.console.user_reasons import points
from api.figures import SIGNALS
from api.least_change import LeastChange, Moved
from api.user_answers import ReasonAnswer
from api.what_if import Response
from churn.outcomes import Band
from churn.phrases import DRIVERS

_LEAST_TOLD = 0.0005
"""Below, a difference in points would round to 0.0."""
_SCALES = (0.1, 0.25, 0.5, 1.0)
"""Of the bars of reasons: the smallest into which all fit."""


@dataclass(frozen=True)
class Side:
    """The risk, before or after.

    Attributes:
        risk, cancel, lapse: in per cent.
        cancel_width, lapse_width: of the bar, in per cent of it.
        band: of the user then.
        told: which team.
    """

    risk: str
    cancel: str
    lapse: str
    cancel_width: str
    lapse_width: str
    band: Band
    told: str


@dataclass(frozen=True)
class Pull:
    """One driver's part, as a bar to the right where it raises the risk.

    Attributes:
        driver: which.
        points: with its sign.
        words: the user's figure beside the typical one.
        raises: whether it does.
        begins, width: of the bar, in per cent of its room.
        main: whether it raises the risk most.
    """

    driver: str
    points: str
    words: str
    raises: bool
    begins: str
    width: str
    main: bool


def side(answer: Response) -> Side:
    """Half of the page's answer."""
    return Side(
        risk=percent(answer.risk),
        cancel=percent(answer.p_cancel),
        lapse=percent(answer.p_lapse),
        cancel_width=f"{answer.p_cancel * 100:.2f}",
        lapse_width=f"{answer.p_lapse * 100:.2f}",
        band=answer.band,
        told=f"An alert would go to whoever takes care of {answer.driver}."
        if answer.driver
        else "Nothing raises the risk above a typical user's, so an alert would name no driver.",
    )


def difference_words(difference: float) -> str:
    """A difference of risks with its sign, such as `+23.4 points`."""
    return "no difference" if abs(difference) < _LEAST_TOLD else f"{points(difference)} points"


def scale(reasons: Sequence[ReasonAnswer]) -> float:
    """How much risk half of the room for a bar stands for."""
    most = max((abs(each.difference) for each in reasons), default=0.0)
    return next(each for each in _SCALES if most <= each)


def pulls(answer: Response) -> list[Pull]:
    """Every driver, always in the same order: rows that changed places could not be read while a slider moves."""
    found, room = {each.driver: each for each in answer.reasons}, scale(answer.reasons)
    return [_pull(driver, found.get(driver), room, driver == answer.driver) for driver in DRIVERS]


def _pull(driver: str, reason: ReasonAnswer | None, room: float, main: bool) -> Pull:
    if reason is None:
        return Pull(driver, "none", "", False, "50", "0", main)
    width = min(50.0, abs(reason.difference) / room * 50)
    raises = reason.difference > 0
    begins = 50.0 if raises else 50.0 - width
    return Pull(
        driver, difference_words(reason.difference), reason.words, raises, f"{begins:.2f}", f"{width:.2f}", main
    )


def least_words(found: LeastChange) -> tuple[str, list[str]]:
    """The least change: a sentence, and each lever that is moved."""
    if found.below is None or found.now.risk < found.below:
        where = "in no band" if found.band == "none" else f"in the {found.band} band"
        return f"Somebody {where} has none to leave: there is nothing to change.", []
    moved = [_moved(each) for each in found.changes]
    below, then = percent(found.below), percent(found.then.risk)
    if found.reachable:
        return f"The {found.band} band is left below {below}. This would be enough, and lead to {then}:", moved
    return f"The {found.band} band is left below {below}. Not even all of this is enough; it leads to {then}:", moved


def _moved(change: Moved) -> str:
    if change.lever == "level":
        return f"the {change.then} plan in place of the {change.now} one"
    now, then = (written(float(each)) for each in (change.now, change.then))
    way = "up" if float(change.then) > float(change.now) else "down"
    return f"{SIGNALS[change.lever][0].unit}: {way} from {now} to {then} a day"
