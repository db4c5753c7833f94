"""The figures of the page Now that stand alone."""

from __future__ import annotations

from dataclasses import dataclass

from api.alert_answers import percent
from api.console.durations import delay, rate
from api.console.moments import Moment
from api.console.now_alerts import Counted
from api.console.pace import Pace
from churn.outcomes import AlertPolicy
from churn.view import Books


@dataclass(frozen=True)
class Tile:
    """One figure.

    Attributes:
        name: what it is.
        figure: with its unit.
        more: a few words beside it; empty for none.
        moment: shown in place of the figure, where it is a time.
    """

    name: str
    figure: str
    more: str = ""
    moment: Moment | None = None


def tiles_of(pace: Pace, counted: Counted, books: Books, clock: Moment, model: str, policy: AlertPolicy) -> list[Tile]:
    """All of them.

    Args:
        pace: of scoring.
        counted: the alerts of the last day.
        books: of the newest epoch.
        clock: the event clock.
        model: whose scores are shown; empty for none.
        policy: by which they are judged.
    """
    opened = f"and {books.events_opened:,} from history" if books.events_opened else ""
    bands = f"medium from {percent(policy.medium)}, high from {percent(policy.high)}" if policy.high < 1 else ""
    return [
        _rate(pace),
        _delay(pace),
        Tile(
            "Alerts, last 24 hours of event time",
            f"{'' if counted.is_all else 'at least '}{counted.day:,}",
            f"{'' if counted.is_hour_all else 'at least '}{counted.hour:,} in the last hour",
        ),
        Tile("Events scored", f"{books.events_scored:,}", opened),
        Tile("Event clock", "", "the newest time in the log", clock),
        Tile("Model", model or "none", bands),
    ]


def _rate(pace: Pace) -> Tile:
    now, mean = pace.now.per_second, pace.whole.per_second
    more = "" if mean is None else f"{rate(mean)} on average over ten minutes"
    return Tile("Events a second", "not known" if now is None else rate(now), more)


def _delay(pace: Pace) -> Tile:
    p50_ms, p99_ms = pace.minute.p50_ms, pace.minute.p99_ms
    more = "" if p99_ms is None else f"for about half; 99 of 100 within about {delay(p99_ms)}"
    return Tile("Scoring delay, the last minute", "no score" if p50_ms is None else delay(p50_ms), more)
