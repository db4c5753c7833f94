"""Alerts a day against their precision: the sweep as the page Alerting draws it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from api.alert_answers import percent
from api.backtests import one_at_a_time
from api.console.alerting_policy import share
from api.console.charts import Chart
from api.console.durations import lasting, lately, rate
from api.console.remembered import Known
from api.context import Context
from api.sweeps import Sweep, SweepWanted, Tried, sweep
from churn import chosen_policy
from churn.settings import DAY_MS

KEEP_S = 60.0
PATIENCE_S = 1.0
"""Whoever waits takes up a thread that other requests need."""
FEW = 20
"""Decided alerts below which a precision says little."""


@dataclass(frozen=True)
class Swept:
    """A sweep on the page.

    Attributes:
        chart: of alerts a day and precision.
        at: place of the policy's own threshold.
        told: how good it is: how old, over how many, how coarse.
        few: what is to be said where few alerts are decided; empty otherwise.
        fits: from which threshold on the team can take all alerts.
        capacity: alerts a day that the team can take.
    """

    chart: Chart
    at: int
    told: str
    few: str
    fits: str
    capacity: float


def known(context: Context) -> Known[tuple[str, Sweep]]:
    """A sweep of at most a minute ago, of the policy that is chosen now.

    Raises:
        ProblemError: another backtest is under way for long, or what is chosen is no policy.
        redis.RedisError: Redis does not serve.
    """
    chosen = chosen_policy.read(context.view.redis) + repr(context.view.policy(""))

    def find() -> tuple[str, Sweep]:
        with one_at_a_time(PATIENCE_S):
            return chosen, sweep(context, SweepWanted())

    return context.remembered.get("sweep", KEEP_S, find, lambda held: held[0] == chosen)


def usual_capacity(context: Context) -> float:
    """What the settings say that a team can take, alerts a day."""
    active = sum(context.view.band_sizes().values())
    return round(max(0.1, context.settings.bands.alerts_per_thousand_per_day * active / 1000), 1)


def shown(found: Sweep, age_s: float, capacity: float) -> Swept:
    """A sweep, drawn."""
    at = min(range(len(found.tried)), key=lambda place: abs(found.tried[place].high - found.high))
    rows = [_row(each) for each in found.tried]
    figures: dict[str, Any] = {
        "thresholds": [round(each.high * 100, 2) for each in found.tried],
        "alerts": [round(each.alerts_per_day, 3) for each in found.tried],
        "precision": [None if each.precision is None else round(each.precision * 100, 2) for each in found.tried],
        "low": [None if each.precision_from is None else round(each.precision_from * 100, 2) for each in found.tried],
        "top": [None if each.precision_to is None else round(each.precision_to * 100, 2) for each in found.tried],
        "words": [_words(each) for each in found.tried],
        "capacity": capacity,
        "now": at,
        "chosen": at,
    }
    chart = Chart(
        name="tradeoff",
        kind="alerting/tradeoff",
        title="Alerts a day, and how many of them come true",
        says=_says(found, at),
        figures=figures,
        head=(
            "High band from", "Alerts", "Alerts a day", "Precision", "95 % interval", "Decided", "Repeats",
            "Median lead time",
        ),
        rows=rows,
    )  # fmt: skip
    return Swept(chart, at, _told(found, age_s), _few(found, at), _fits(found, capacity), capacity)


def _row(each: Tried) -> tuple[str, ...]:
    words = _words(each)
    return (
        words["high"], f"{each.alerts:,}", words["alerts"], words["precision"], words["interval"],
        f"{each.decided:,}", f"{each.repeats:,}", words["lead"],
    )  # fmt: skip


def _words(each: Tried) -> dict[str, str]:
    interval = "none"
    if each.precision_from is not None and each.precision_to is not None:
        interval = f"{percent(each.precision_from)} to {percent(each.precision_to)}"
    return {
        "high": share(each.high),
        "alerts": rate(each.alerts_per_day),
        "precision": "none" if each.precision is None else percent(each.precision),
        "interval": interval,
        "decided": f"{each.decided:,} decided of {each.alerts:,}",
        "repeats": f"{each.repeats:,} of {each.alerts:,}",
        "sentence": _sentence(each),
        "lead": "none" if each.lead_days is None else f"{each.lead_days:.1f} days",
    }


def _sentence(each: Tried) -> str:
    if not each.alerts:
        return "no alerts"
    right = "none of them is decided yet"
    if each.precision is not None:
        right = f"{percent(each.precision)} of the {each.decided:,} that are decided came true"
    return f"{rate(each.alerts_per_day)} alerts a day; {right}"


def _says(found: Sweep, at: int) -> str:
    return f"At {share(found.tried[at].high)}, as it is now: {_sentence(found.tried[at])}."


def _fits(found: Sweep, capacity: float) -> str:
    # A lower threshold may bring fewer alerts: who is above it all along enters it never.
    enough = list(itertools.takewhile(lambda each: each.alerts_per_day <= capacity, reversed(found.tried)))
    if not enough:
        return "At no threshold here could the team take all of them."
    return f"From {share(enough[-1].high)} on the team can take all of them."


def _told(found: Sweep, age_s: float) -> str:
    whose = "all" if found.users >= found.of_users else f"a sample of {found.users:,} of {found.of_users:,}"
    past = lasting(round(found.days * DAY_MS))
    return f"Worked out {lately(age_s)}, over the past {past} of {whose} users. {found.coarse}"


def _few(found: Sweep, at: int) -> str:
    if not found.users:
        return "There are no histories yet to try a policy on: they come with the scores."
    if not any(each.alerts for each in found.tried):
        return "At no threshold here would there have been an alert: the risks are too calm, or the past is too short."
    decided = found.tried[at].decided
    if decided == 0:
        return "No alert at the threshold of now is decided yet: its horizon has to be over."
    if decided < FEW:
        count = (
            "one alert at the threshold of now is" if decided == 1 else f"{decided} alerts at the threshold of now are"
        )
        return f"Only {count} decided: the precision may be far off, as its interval says."
    return ""
