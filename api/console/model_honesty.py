"""Live honesty in words, charts and tables: what was said against what came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from api.alert_answers import percent
from api.console.charts import Chart
from api.console.honesty import Bin, Honesty, OfBand
from api.console.model_shares import Estimate
from api.console.moments import Moment, now_of
from churn.bundle import Bundle, reading
from churn.outcomes import Band
from churn.settings import DAY_MS
from churn.view_records import POINTS_KEPT_DAYS

SURE_USERS = 30
"""With fewer the figures are told with a warning."""


@dataclass(frozen=True)
class BandRow:
    """A row of the table; all text."""

    band: Band
    scores: str
    users: str
    said: str
    came: str
    interval: str
    cancelled: str
    lapsed: str
    unknown: str


@dataclass(frozen=True)
class HonestyWords:
    """What the page tells.

    Attributes:
        found: when it was found out, by the wall clock.
        state: what there is to say instead of figures, else empty.
        rests_on: how many scores and users the figures rest on.
        verdict: what they come to.
        beware: what else has to be known about them; sentences.
        rows: by band, the highest first.
        bands: chart of the same.
        calibration: chart of all bins.
    """

    found: Moment
    state: str
    rests_on: str = ""
    verdict: str = ""
    beware: tuple[str, ...] = ()
    rows: tuple[BandRow, ...] = ()
    bands: Chart | None = None
    calibration: Chart | None = None


def words(found: Honesty, model: Bundle | None) -> HonestyWords:
    """Tells what was found.

    Raises:
        ChurnError: the card's member `reliability` has another shape than it should.
    """
    days = found.horizon_ms // DAY_MS
    if not found.scores:
        return HonestyWords(now_of(found.found_ms), _state(found, days))
    return HonestyWords(
        found=now_of(found.found_ms),
        state="",
        rests_on=(
            f"{found.scores:,} scores of {found.users:,} users whose {days} days are over, one a user and day; the "
            f"past of {found.looked_at:,} of {found.of_users:,} users was looked at."
        ),
        verdict=_verdict(found.bands),
        beware=_beware(found),
        rows=tuple(map(_row, found.bands)),
        bands=_bands(found.bands, days),
        calibration=_calibration(found, _reported(model)),
    )


def _state(found: Honesty, days: int) -> str:
    if found.first_ms is None:
        return "No score is kept of anybody yet. As soon as scores are a horizon old, they are held against what came."
    if days >= POINTS_KEPT_DAYS:
        return (
            f"The horizon is {days} days, and points are kept for {POINTS_KEPT_DAYS}: no score is there any more when "
            "it is known what came of it."
        )
    closes_ms = found.first_ms + found.horizon_ms
    wait = max(1, -(-(closes_ms - found.clock_ms) // DAY_MS))
    return (
        f"Nothing has closed yet. Scores exist since {now_of(found.first_ms).words}; the first of them has had its "
        f"{days} days on {now_of(closes_ms).words}, in {wait} day{'' if wait == 1 else 's'} by the event clock."
    )


def _verdict(bands: Sequence[OfBand]) -> str:
    """Whether what was said lies within what came, by band."""
    more = [each.band for each in bands if each.came.low > each.said]
    fewer = [each.band for each in bands if each.came.high < each.said]
    if not more and not fewer:
        return "In every band what was said lies within the interval of what came."
    return " ".join(
        f"In the {' and the '.join(some)} band {word} left than was said, by more than chance explains."
        for some, word in ((more, "more"), (fewer, "fewer"))
        if some
    )


def _beware(found: Honesty) -> tuple[str, ...]:
    told = []
    if found.users < SURE_USERS:
        told.append(f"{found.users} users are few: each counts as one observation, and the intervals are wide.")
    told.append(
        "Points are kept every six hours and at each change of the band, so a score may be some hours off its day's "
        "beginning; and whoever falls silent is found out by a heartbeat, up to a day late, which counts a few who "
        "lapsed on the last day as still there."
    )
    told.append(
        "A point does not say which model made it, and its band is the one of its time: scores of an opening, of a "
        "model before and by another policy are counted together."
    )
    if len(found.models) > 1:
        told.append(f"Several models made the newest scores of these users: {', '.join(found.models)}.")
    return tuple(told)


def _row(each: OfBand) -> BandRow:
    return BandRow(
        band=each.band,
        scores=f"{each.scores:,}",
        users=f"{each.users:,}",
        said=percent(each.said, 1),
        came=percent(each.came.value, 1),
        interval=_interval(each.came),
        cancelled=f"{each.cancelled:,}",
        lapsed=f"{each.lapsed:,}",
        unknown=f"{each.unknown:,}",
    )


def _interval(came: Estimate) -> str:
    return f"{percent(came.low, 1)} to {percent(came.high, 1)}"


def _bands(bands: Sequence[OfBand], days: int) -> Chart:
    told = "; ".join(
        f"{each.band}: {percent(each.said)} were said to leave, {percent(each.came.value)} left" for each in bands
    )
    return Chart(
        name="honesty-bands",
        kind="model/bands",
        title="Said and came, by band",
        says=f"Within {days} days, {told}. The lines are 95\N{NARROW NO-BREAK SPACE}% intervals.",
        figures={"bands": [each.band for each in bands], **_came([each.came for each in bands]),
                 "said": [round(100 * each.said, 2) for each in bands], "scores": [each.scores for each in bands]},
    )  # fmt: skip


def _came(shares: Sequence[Estimate]) -> dict[str, list[float]]:
    """What came, in per cent, with the ends of its intervals."""
    return {
        "came": [round(100 * each.value, 2) for each in shares],
        "above": [round(100 * (each.high - each.value), 2) for each in shares],
        "below": [round(100 * (each.value - each.low), 2) for each in shares],
    }


Reported = Sequence[Mapping[str, float]]


def _reported(model: Bundle | None) -> Reported:
    """The report's bins of the risk; none of a card that does not tell them."""
    if model is None:
        return ()
    with reading(model.version):
        return [
            {"chance": float(each["chance"]), "rate": float(each["rate"]), "rows": int(each["rows"])}
            for each in (model.card.get("reliability") or {}).get("risk", ())
        ]


def _calibration(found: Honesty, reported: Reported) -> Chart:
    error = found.error or 0.0
    told = f"On average {percent(error, 1)} lie between what was said and what came."
    if reported:
        rows = sum(each["rows"] for each in reported)
        then = sum(abs(each["chance"] - each["rate"]) * each["rows"] for each in reported) / max(1, rows)
        told += f" In the report it was {percent(then, 1)}."
    else:
        told += " The card of the model does not tell the report's bins, which would stand beside them."
    count = f"{len(found.bins)} bins of equal size" if len(found.bins) > 1 else "One bin, the scores being few"
    return Chart(
        name="honesty-calibration",
        kind="model/calibration",
        title="Calibration of the risk",
        says=f"{count}; points on the thin line are right. {told}",
        figures={
            "live": {"said": [round(100 * each.said, 2) for each in found.bins],
                     "scores": [each.scores for each in found.bins], **_came([each.came for each in found.bins])},
            "report": {"said": [round(100 * each["chance"], 2) for each in reported],
                       "came": [round(100 * each["rate"], 2) for each in reported],
                       "rows": [each["rows"] for each in reported]},
        },
        head=("Bin", "Risk said", "Left", "95\N{NARROW NO-BREAK SPACE}% interval", "Scores"),
        rows=[*_live_rows(found.bins), *_report_rows(reported)],
    )  # fmt: skip


def _live_rows(bins: Sequence[Bin]) -> list[tuple[str, ...]]:
    return [
        (f"live, {place}", percent(each.said, 1), percent(each.came.value, 1), _interval(each.came), f"{each.scores:,}")
        for place, each in enumerate(bins, 1)
    ]


def _report_rows(reported: Reported) -> list[tuple[str, ...]]:
    return [
        (f"report, {place}", percent(each["chance"], 1), percent(each["rate"], 1), "", f"{each['rows']:,.0f}")
        for place, each in enumerate(reported, 1)
    ]
