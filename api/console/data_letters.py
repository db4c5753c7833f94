"""Dead letters by reason, and what to do about each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from api.alert_answers import percent
from api.console.charts import Chart
from api.console.moments import Moment, now_of
from churn.tally import OTHER
from churn.tally_reader import Dead, Tally

_OF_SCORES = "unreadable-score"

_LIST = "churn dead-letters list"
_AGAIN = "churn dead-letters redrive --dry-run --reason"

# What is wrong and what to do about it, and what sends such records again once they can be events.
_TO_DO: Mapping[str, tuple[str, str]] = {
    "malformed": ("No JSON object, or a field of a wrong type. Look at what the producer sends; correct it there.", ""),
    "missing-field": ("userId, sessionId, itemInSession, ts or page is not there: the producer has to send it.", ""),
    "unknown-level": (
        "The level is neither free nor paid. Correct the producer; what is here can be sent again with a level.",
        f"{_AGAIN} unknown-level --set level=free",
    ),
    "ts-out-of-range": (
        "The time is not between 2017 and 2031, often because it is in seconds. Then it can be sent again in ms.",
        f"{_AGAIN} ts-out-of-range --scale ts=1000",
    ),
    "ts-in-future": (
        "The time is over five minutes ahead of the broker's. Set the producer's clock; send again once it has come.",
        f"{_AGAIN} ts-in-future",
    ),
    "bad-opening": ("A balance that does not add up. Make the openings anew with churn bootstrap.", ""),
    _OF_SCORES: ("No event but a score of another release. Start churn stream and publish of the same release.", ""),
    OTHER: ("Written by another program or another release. Look at each.", ""),
}


@dataclass(frozen=True)
class Reason:
    """The letters of one reason, ready to be shown; `commands` list them, and send them again."""

    name: str
    count: str
    share: str
    newest: Moment | None
    to_do: str
    commands: Sequence[str]


@dataclass(frozen=True)
class Letters:
    """All dead letters.

    Attributes:
        says: how many, and for how many events.
        reasons: the most frequent first; empty when there are none.
        chart: of the reasons, None when there are none.
    """

    says: str
    reasons: Sequence[Reason]
    chart: Chart | None


def letters(tally: Tally) -> Letters:
    """The dead letters since counting began."""
    order = sorted(tally.dead, key=lambda reason: (-tally.dead[reason].count, reason))
    total = sum(each.count for each in tally.dead.values())
    passed = f" {tally.passed_letters:,} more were passed over." if tally.passed_letters else ""
    if not total:
        none = "None: every record was a valid event." if tally.events else "None; but no event was counted yet either."
        return Letters(none + passed, (), None)
    reasons = [_reason(reason, tally.dead[reason], total) for reason in order]
    says = _says(tally, total, order[0]) + passed
    figures = {"reasons": order, "letters": [tally.dead[reason].count for reason in order]}
    chart = Chart("letters", "data/reasons", "Letters by reason", "", figures)
    return Letters(says, reasons, chart)


def _says(tally: Tally, total: int, first: str) -> str:
    of_events = total - tally.dead.get(_OF_SCORES, Dead(0, None)).count
    rate = f", {of_events / tally.events * 10_000:,.1f} for every 10,000 events" if tally.events else ""
    known = "of reasons that this release does not know" if first == OTHER else f"with the reason {first}"
    return f"{total:,} since counting began{rate}; most of them, {tally.dead[first].count:,}, {known}."


def _reason(name: str, dead: Dead, total: int) -> Reason:
    words, again = _TO_DO.get(name, _TO_DO[OTHER])
    listed = f"{_LIST} --reason {name}" if name in _TO_DO and name != OTHER else _LIST
    return Reason(
        name=name,
        count=f"{dead.count:,}",
        share=percent(dead.count / total, 1),
        newest=None if dead.newest_ms is None else now_of(dead.newest_ms),
        to_do=words,
        commands=(listed, again) if again else (listed,),
    )
