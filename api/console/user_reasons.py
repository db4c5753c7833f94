"""Why one user's risk is what it is, and what moved it: drivers with their differences, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from api.console.durations import lasting
from api.console.user_spans import between, day
from api.context import Context
from api.past import moves
from api.risks import Risk
from api.times import parsed
from api.user_answers import WORTH_TELLING, ReasonAnswer
from churn.explain import Reason
from churn.features import NAMES
from churn.settings import DAY_MS
from churn.view import Moment

MOVES_SHOWN = 4
WEEK_MS = 7 * DAY_MS
_DRIVERS_TOLD = 2


@dataclass(frozen=True)
class ReasonLine:
    """One driver: its difference, as a bar to the right where it raises the risk; places in per cent of the bar."""

    driver: str
    points: str
    raises: bool
    at: float
    width: float
    words: str


@dataclass(frozen=True)
class MoveLine:
    """A large change of the risk between two moments."""

    when: str
    points: str
    rose: bool
    reasons: list[str]


@dataclass(frozen=True)
class Lately:
    """What has changed since about a week ago; without lines it is said why."""

    says: str
    lines: list[ReasonLine]


def lines(reasons: Sequence[Reason]) -> list[ReasonLine]:
    """Those that are worth telling, the largest first."""
    told = [reason for reason in reasons if abs(reason.difference) >= WORTH_TELLING]
    widest = max((abs(reason.difference) for reason in told), default=1.0)
    return [_line(reason, 50 * abs(reason.difference) / widest) for reason in told]


def _line(reason: Reason, width: float) -> ReasonLine:
    raises = reason.difference > 0
    at = 50.0 if raises else 50 - width
    return ReasonLine(
        reason.driver, points(reason.difference), raises, round(at, 1), round(max(width, 0.8), 1), reason.words
    )


def points(difference: float) -> str:
    """A difference of two risks in points of a hundred, with its sign: `+12.3`."""
    return f"{difference * 100:+.1f}".replace("-", "\N{MINUS SIGN}")


def whole_moments(moments: Sequence[Moment], risk: Risk) -> list[Moment]:
    """The moments with all features of today's table, and the score as the newest one."""
    score = risk.user.score
    kept = [each for each in moments if each.as_of < score.as_of]
    newest = Moment(score.as_of, score.version, score.model_version, score.features)
    return [each for each in (*kept, newest) if len(each.features) == len(NAMES)]


def largest_moves(context: Context, moments: Sequence[Moment]) -> list[MoveLine]:
    """The largest changes between two moments, and the drivers that changed most."""
    return [
        MoveLine(
            when=between(parsed(move.since), parsed(move.until)),
            points=points(move.difference),
            rose=move.difference > 0,
            reasons=[f"{reason.driver}: {reason.words}" for reason in _agreeing(move.reasons, move.difference)],
        )
        for move in moves(context, list(moments))[:MOVES_SHOWN]
        if abs(move.difference) >= WORTH_TELLING
    ]


def _agreeing(reasons: list[ReasonAnswer], difference: float) -> list[ReasonAnswer]:
    """The largest that went the same way as the risk."""
    return [reason for reason in reasons if (reason.difference > 0) == (difference > 0)][:_DRIVERS_TOLD]


def since_a_week(context: Context, moments: Sequence[Moment]) -> Lately:
    """Each driver now, compared with the moment that is nearest to a week before the newest one."""
    if not moments:
        return Lately("The features of this score were not kept.", [])
    *earlier, now = moments
    if not earlier:
        return Lately("There is no earlier moment whose features were kept, so nothing can be compared yet.", [])
    explainer = context.explainers.of(now.model_version)
    if explainer is None:
        return Lately("The model is not at hand, so that nothing can be compared.", [])
    before = min(earlier, key=lambda each: abs(now.as_of - WEEK_MS - each.as_of))
    then, risk_now = explainer.risks([before.features, now.features])
    says = (
        f"Compared with {day(before.as_of, year=True)}, {lasting(now.as_of - before.as_of)} before: of the moments "
        f"whose features were kept the nearest to a week. The risk moved by {points(risk_now - then)} points since."
    )
    told = lines(explainer.reasons(now.features, before.features))
    return Lately(says if told else f"{says} No driver moved it by more than a tenth of a point.", told)
