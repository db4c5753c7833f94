"""The charts of the page Now out of pulses and spreads; that of the drivers is in `drivers.py`."""

from __future__ import annotations

from api.alert_answers import percent
from api.console.charts import Chart
from api.console.durations import delay, rate
from api.console.pace import STEP_MS, STEPS, Pace
from api.times import in_utc
from churn.outcomes import AlertPolicy
from churn.spread import BINS, Spread


def rates_chart(pace: Pace) -> Chart:
    """Events a second over ten minutes."""
    rates = [step.per_second for step in pace.steps]
    now, mean = pace.now.per_second, pace.whole.per_second
    says = "Nothing is known of the last ten minutes."
    if mean is not None:
        says = f"{'not known' if now is None else rate(now)} now, {rate(mean)} on average over ten minutes."
    return Chart(
        name="rates",
        kind="now/rates",
        title="Events a second",
        says=says[0].upper() + says[1:],
        figures={"ends_ms": pace.ends_ms, "step_ms": STEP_MS, "rates": [_rounded(each) for each in rates]},
        head=("Ten seconds from, UTC", "Events a second"),
        rows=[(at, "not known" if each is None else rate(each)) for at, each in zip(_times(pace), rates, strict=True)],
    )


def delay_chart(pace: Pace) -> Chart:
    """How long scores took over ten minutes."""
    half, most = [step.p50_ms for step in pace.steps], [step.p99_ms for step in pace.steps]
    p50_ms, p99_ms, worst_ms = pace.minute.p50_ms, pace.minute.p99_ms, pace.whole.worst_ms
    says = "Nothing was scored in the last minute."
    if p50_ms is not None and p99_ms is not None:
        says = f"From Kafka's stamp to readable: half within about {delay(p50_ms)}, "
        says += f"99 of 100 within about {delay(p99_ms)}."
    if worst_ms is not None:
        says += f" In the worst second of ten minutes 99 of 100 within {delay(worst_ms)}."
    return Chart(
        name="delay",
        kind="now/delay",
        title="Scoring delay",
        says=says,
        figures={"ends_ms": pace.ends_ms, "step_ms": STEP_MS, "p50": half, "p99": most},
        head=("Ten seconds from, UTC", "Half within about", "99 of 100 within about"),
        rows=[
            (at, *("no score" if each is None else delay(each) for each in both))
            for at, *both in zip(_times(pace), half, most, strict=True)
        ],
    )


def spread_chart(now: Spread, then: Spread | None, before: str, policy: AlertPolicy) -> Chart:
    """Users by risk, with the bands' thresholds.

    Args:
        now: counted now.
        then: as it was; None when that is not known.
        before: when that was, such as `a day before`.
        policy: of the newest scores; a threshold that nobody can reach is not shown.
    """
    edges = [percent(place / BINS) for place in range(BINS + 1)]
    rows = [
        (f"{edges[place]} to {edges[place + 1]}", f"{count:,}", *([f"{then.counts[place]:,}"] if then else []))
        for place, count in enumerate(now.counts)
    ]
    return Chart(
        name="spread",
        kind="now/spread",
        title="Users by risk",
        says=_spread_says(now, f"The dashed line is as it was {before}." if then else ""),
        figures={
            "now": now.counts,
            "then": then.counts if then else None,
            "before": before,
            "thresholds": _thresholds(policy),
        },
        head=("Risk", "Users now", *([f"{before[0].upper()}{before[1:]}"] if then else [])),
        rows=rows,
    )


def _spread_says(now: Spread, before: str) -> str:
    least, most = now.counts[0], sum(now.counts[BINS // 2 :])
    return (
        f"Of {_users(sum(now.counts))} {least:,} {_are(least)} below {percent(1 / BINS)} and {most:,} at "
        f"{percent(0.5)} or above. {before or 'How it was a day before is not known yet.'}"
    )


def _users(count: int) -> str:
    return f"{count:,} {'user' if count == 1 else 'users'}"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _thresholds(policy: AlertPolicy) -> list[dict[str, object]]:
    return [
        {"at": at, "label": f"{name} from {percent(at)}"}
        for name, at in (("medium", policy.medium), ("high", policy.high))
        if at < 1
    ]


def _rounded(figure: float | None) -> float | None:
    return None if figure is None else round(figure, 2)


def _times(pace: Pace) -> list[str]:
    begins_ms = pace.ends_ms - STEPS * STEP_MS
    return [f"{in_utc(begins_ms + step * STEP_MS):%H:%M:%S}" for step in range(STEPS)]
