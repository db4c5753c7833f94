"""Which drivers raise the risk of those in the high and the medium band most: counted in turn, and for a while."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import cast

from api.console.charts import Chart
from api.console.durations import lately
from api.console.remembered import Known
from api.context import Context
from churn.outcomes import Band

MOST = 1000
"""Users looked at: reasons are worked out for each of them."""
KEEP_S = 10.0
AT_ONCE = 250
NONE = "no driver known"
"""Of somebody whose risk no driver raises, or whose model is not at hand."""
_BANDS: tuple[Band, ...] = ("high", "medium")


@dataclass(frozen=True)
class Drivers:
    """Counts.

    Attributes:
        counts: by driver, or :data:`NONE`, and band.
        looked_at: how many users.
        at_risk: how many there are in the two bands.
    """

    counts: Counter[tuple[str, Band]]
    looked_at: int
    at_risk: int


def drivers_of(context: Context) -> Known[Drivers]:
    """The counts, at most about :data:`KEEP_S` old.

    Raises:
        redis.RedisError: Redis does not serve.
    """
    return context.remembered.get("drivers", KEEP_S, lambda: _count(context))


def _count(context: Context) -> Drivers:
    pipe = context.view.redis.pipeline(transaction=False)
    for band in _BANDS:
        pipe.zrevrange(f"churn:ranking:{band}", 0, MOST - 1)
        pipe.zcard(f"churn:ranking:{band}")
    high, highs, medium, mediums = pipe.execute()
    ids = cast("list[str]", (high + medium)[:MOST])
    counts: Counter[tuple[str, Band]] = Counter()
    for place in range(0, len(ids), AT_ONCE):  # Redis serves nobody else meanwhile
        for risk in context.risks.look_up(ids[place : place + AT_ONCE]):
            if risk is not None and risk.user.band in _BANDS:
                counts[risk.driver or NONE, risk.user.band] += 1
    return Drivers(counts, counts.total(), highs + mediums)


def drivers_chart(known: Known[Drivers]) -> Chart:
    """Bars by driver, the most frequent first."""
    found = known.value
    sums: Counter[str] = Counter()
    for (driver, _), count in found.counts.items():
        sums[driver] += count
    names = [driver for driver, _ in sorted(sums.items(), key=lambda each: (each[0] == NONE, -each[1], each[0]))]
    return Chart(
        name="drivers",
        kind="now/drivers",
        title="What raises the risk most",
        says=f"{_says(found, names, sums)} Counted {lately(known.age_s)}.",
        figures={"drivers": names, **{band: [found.counts[name, band] for name in names] for band in _BANDS}},
        head=("Driver", "High band, users", "Medium band, users"),
        rows=[(name, *(f"{found.counts[name, band]:,}" for band in _BANDS)) for name in names],
    )


def _says(found: Drivers, names: list[str], sums: Counter[str]) -> str:
    first = names[0]
    whole = f"{found.looked_at:,} {'user' if found.looked_at == 1 else 'users'} at high or medium risk"
    most = f"The risk of {sums[first]:,} of {whole} is raised most by {first}."
    if first == NONE:
        most = f"Of {whole} no driver is known: nothing raises their risk, or their model is not at hand."
    more = f" These are the ones at highest risk, of {found.at_risk:,}." if found.at_risk > found.looked_at else ""
    return f"{most}{more}"
