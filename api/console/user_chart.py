"""One user's risk over time, and below it on the same axis the events that moved it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from api.alert_answers import percent
from api.console.charts import Chart
from api.console.durations import lasting
from api.console.lanes import PlanStretch, Silence, Stretch, plans, silences, stretches
from api.console.user_spans import between, day
from api.risks import Risk
from api.times import readable
from churn.outcomes import AlertPolicy
from churn.view import Alert, Moment, Point


@dataclass(frozen=True)
class Lane:
    """Events of one kind: its name, the sums that count them, and one and many of them in words."""

    name: str
    signals: tuple[str, ...]
    one: str
    many: str


LANES = (
    Lane("Adverts", ("adverts",), "advert", "adverts"),
    Lane("Thumbs up", ("thumbs_up",), "thumb up", "thumbs up"),
    Lane("Thumbs down", ("thumbs_down",), "thumb down", "thumbs down"),
    Lane("Errors", ("errors",), "error", "errors"),
    Lane("Songs", ("songs_free", "songs_paid"), "song", "songs"),
)

TABLE_HEAD = ("Time", "Risk", "To cancel", "To lapse", "Band")
LANES_HEAD = ("Between", *(lane.name for lane in LANES), "Plan", "Silence at its end")


@dataclass(frozen=True)
class Story:
    """The chart of the risk with its lanes, and the lanes as a table."""

    chart: Chart
    lanes_head: Sequence[str]
    lanes_rows: Sequence[Sequence[str]]
    lanes_says: str


def story(
    risk: Risk, history: Sequence[Point], moments: Sequence[Moment], alerts: Sequence[Alert], policy: AlertPolicy
) -> Story:
    """The chart.

    Args:
        risk: what is known now; its score is the last point.
        history: points, oldest first.
        moments: with all features, oldest first; the score is the last one if its own were kept.
        alerts: about the user.
        policy: whose thresholds are drawn.
    """
    points = _with_now(history, risk)
    begin_ms = points[0].as_of
    within = [moment for moment in moments if moment.as_of >= begin_ms]
    told = {lane: stretches(within, lane.signals) for lane in LANES}
    shown = [alert for alert in alerts if begin_ms <= alert.as_of]
    figures = _risk_figures(points, shown, policy) | _lanes_figures(within, told, begin_ms)
    says, rows = _says(points, len(shown)), [_row(point) for point in reversed(points)]
    return Story(
        Chart("risk", "user/risk", "Risk over time, and what came in between", says, figures, TABLE_HEAD, rows),
        LANES_HEAD,
        _lanes_rows(within, told),
        _lanes_says(within),
    )


def _risk_figures(points: Sequence[Point], alerts: Sequence[Alert], policy: AlertPolicy) -> dict[str, Any]:
    return {
        "at": [point.as_of for point in points],
        "cancel": [round(point.p_cancel * 100, 2) for point in points],
        "lapse": [round(point.p_lapse * 100, 2) for point in points],
        "bands": [
            {"name": name, "risk": round(entered * 100, 2)}
            for name, entered in (("medium", policy.medium), ("high", policy.high))
            if entered < 1
        ],
        "alerts": [{"at": alert.as_of, "risk": round(alert.risk * 100, 2), "words": _alert(alert)} for alert in alerts],
    }


def _lanes_figures(moments: Sequence[Moment], told: dict[Lane, list[Stretch]], begin_ms: int) -> dict[str, Any]:
    return {
        "lanes": [{"name": lane.name, "marks": _marks(lane, told[lane])} for lane in LANES],
        "plans": [_plan(each) for each in plans(moments)],
        "silences": [_silence(each, begin_ms) for each in silences(moments) if each.until_ms > begin_ms],
    }


def _row(point: Point) -> tuple[str, ...]:
    chances = (percent(chance, 1) for chance in (point.risk, point.p_cancel, point.p_lapse))
    return (readable(point.as_of), *chances, "not ranked" if point.band == "none" else point.band)


def _with_now(history: Sequence[Point], risk: Risk) -> list[Point]:
    score = risk.user.score
    now = Point(score.as_of, score.version, score.p_cancel, score.p_lapse, risk.user.band)
    return [*(point for point in history if point.as_of < now.as_of), now]


def _says(points: list[Point], alerts: int) -> str:
    now = points[-1]
    if len(points) == 1:
        return (
            f"{percent(now.risk, 1)}, and nothing to draw yet: this is the only point so far. There is one at most "
            "every six hours, and one at each change of the band."
        )
    first = (
        f"{percent(now.risk, 1)} at the last score: {percent(now.p_cancel, 1)} to cancel, the lower area, and "
        f"{percent(now.p_lapse, 1)} to lapse, the hatched one above it."
    )
    low, high = min(points, key=lambda each: each.risk), max(points, key=lambda each: each.risk)
    told = {0: "No alert", 1: "One alert"}.get(alerts, f"{alerts:,} alerts")
    return (
        f"{first} Since {day(points[0].as_of, year=True)} between {percent(low.risk, 1)} on {day(low.as_of)} and "
        f"{percent(high.risk, 1)} on {day(high.as_of)}. {told} in this time."
    )


def _lanes_says(moments: Sequence[Moment]) -> str:
    if len(moments) < 2:
        return "What came in between cannot be told yet: it takes two moments whose features were kept."
    return (
        f"Told from {len(moments)} moments whose features were kept: counts are about, as if events had come evenly "
        f"between two of them. The oldest that is kept is of {day(moments[0].as_of, year=True)}. Times are UTC."
    )


def counted(lane: Lane, stretch: Stretch) -> str:
    """How many came: `about 12 adverts between 3 and 5 Oct`."""
    count = stretch.came.count
    return f"about {count:,} {lane.one if count == 1 else lane.many} {between(stretch.since_ms, stretch.until_ms)}"


def _marks(lane: Lane, told: list[Stretch]) -> list[dict[str, Any]]:
    return [
        {"since": each.since_ms, "until": each.until_ms, "count": each.came.count, "words": counted(lane, each)}
        for each in told
        if each.came.count
    ]


def _plan(each: PlanStretch) -> dict[str, Any]:
    when = between(each.since_ms, each.until_ms)
    same = each.before == each.after
    words = f"on the {each.after} plan {when}" if same else f"from the {each.before} to the {each.after} plan {when}"
    return {
        "since": each.since_ms, "until": each.until_ms, "kind": each.after if same else "change", "words": words
    }  # fmt: skip


def _silence(each: Silence, begin_ms: int) -> dict[str, Any]:
    span = lasting(each.until_ms - each.since_ms)
    words = f"silent for {span} {between(each.since_ms, each.until_ms)}"
    return {"since": max(each.since_ms, begin_ms), "until": each.until_ms, "words": words}


def _alert(alert: Alert) -> str:
    what = "the risk grew fast" if alert.kind == "rise" else "in the high band"
    return f"alert {readable(alert.as_of)}: {what}, {percent(alert.risk)}"


def _lanes_rows(moments: Sequence[Moment], told: dict[Lane, list[Stretch]]) -> list[tuple[str, ...]]:
    """One row for each interval, the newest first."""
    rows = []
    for place in reversed(range(len(moments) - 1)):
        first, second = moments[place], moments[place + 1]
        counts = [told[lane][place].came.count for lane in LANES]
        [plan] = plans([first, second])
        silence_ms = round(second.features["silence_days"] * 86_400_000)
        rows.append(
            (
                between(first.as_of, second.as_of).removeprefix("between ").removeprefix("on "),
                *(f"about {count:,}" if count else "none" for count in counts),
                plan.after if plan.before == plan.after else f"{plan.before} to {plan.after}",
                lasting(silence_ms),
            )
        )
    return rows
