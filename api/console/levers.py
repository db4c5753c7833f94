"""The levers of the page What if: each figure that can be moved, how far it goes, and where the user has it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, create_model

from api.figures import MOST_DAYS, MOST_PER_DAY, SIGNALS, Changes, PerDay
from churn.features import Level

SONGS = ("songs_free", "songs_paid")
"""One lever: songs are counted on the plan that they are heard on."""
_GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("What annoys", ("adverts", "errors", "thumbs_down")),
    ("What pleases", ("thumbs_up", "playlists", "friends")),
    ("How much is listened", ("songs", "sessions", "visits")),
    ("Plan", ("upgrades", "downgrades")),
    ("Help", ("help", "settings")),
    ("Time", ("silence_days", "tenure_days")),
)
_LABELS = {"songs": "Songs", "silence_days": "Silent for", "tenure_days": "Registered for"}
_LEAST_TOP = {"songs": 100.0, "thumbs_up": 10.0, "adverts": 20.0, "tenure_days": 365.0, "silence_days": 30.0}
"""How far a slider goes at least, by lever; otherwise up to 5."""
_TIMES = 4.0
"""How far it goes, in what the user has, or a typical one."""
_KNEE = 1 / 40
"""Share of its end below which a slider is even; above, equal steps are equal ratios."""


def _blank(value: Any) -> Any:
    """A form sends what nobody has filled in as an empty text."""
    return None if isinstance(value, str) and not value.strip() else value


_Rate = Annotated[Annotated[float, Field(ge=0, le=MOST_PER_DAY)] | None, BeforeValidator(_blank)]
_Days = Annotated[Annotated[float, Field(ge=0, le=MOST_DAYS)] | None, BeforeValidator(_blank)]
_RATES = ("songs", *(name for name in SIGNALS if name not in SONGS))
_FIELDS: dict[str, Any] = dict.fromkeys(_RATES, (_Rate, None)) | dict.fromkeys(
    ("silence_days", "tenure_days"), (_Days, None)
)


class _Start(BaseModel):
    user: Annotated[Annotated[str, Field(max_length=256)] | None, BeforeValidator(_blank)] = None
    level: Annotated[Level | None, BeforeValidator(_blank)] = None


FiguresAsked = create_model("FiguresAsked", __base__=_Start, **_FIELDS)
"""What the address of the page asks for: whom to start from, and each figure as it should be."""


@dataclass(frozen=True)
class Lever:
    """One figure that can be moved.

    Attributes:
        name: in the address of the page.
        label: what it is.
        unit: of the value.
        own: what the user has, as an input writes it.
        value: what it should be, likewise.
        changed: whether that is another.
        top: where its slider ends.
        knee: below which the slider is even.
        place: where on the slider the user's own value is, in per cent.
    """

    name: str
    label: str
    unit: str
    own: str
    value: str
    changed: bool
    top: float
    knee: float
    place: float


def own_values(said: Mapping[str, Any]) -> dict[str, float]:
    """The figures of :func:`api.figures.figures` by lever."""
    rates: Mapping[str, float] = said["per_day"]
    found = {name: rate for name, rate in rates.items() if name not in SONGS}
    return found | {"songs": sum(rates[name] for name in SONGS)} | {n: said[n] for n in ("silence_days", "tenure_days")}


def groups(said: Mapping[str, Any], typical: Mapping[str, Any], asked: _Start) -> list[tuple[str, list[Lever]]]:
    """All levers, by what they are about.

    Args:
        said: the figures of whoever is started from.
        typical: those of a typical user.
        asked: what they should be.
    """
    mine, theirs = own_values(said), own_values(typical)
    return [
        (title, [_lever(name, mine[name], theirs[name], getattr(asked, name)) for name in names])
        for title, names in _GROUPS
    ]


def changes(said: Mapping[str, Any], asked: _Start) -> Changes:
    """What is asked for that is not as it is: a value as the page shows the user's own leaves it as it is.

    Songs are told on the plan that is asked for.
    """
    moved = {
        name: value
        for name, own in own_values(said).items()
        if (value := getattr(asked, name)) is not None and value != float(written(own))
    }
    level = asked.level if asked.level not in (None, said["level"]) else None
    if "songs" in moved:
        here = level or said["level"]
        moved |= {each: moved["songs"] if each == f"songs_{here}" else 0.0 for each in SONGS}
    days = {name: moved.pop(name) for name in ("silence_days", "tenure_days") if name in moved}
    rates = {name: value for name, value in moved.items() if name != "songs"}
    return Changes(per_day=PerDay(**rates) if rates else None, level=level, **days)


def written(value: float) -> str:
    """A figure as an input shows it: of two digits or so.

    >>> [written(each) for each in (0, 0.456, 6.14, 12.5)]
    ['0', '0.46', '6.1', '12']
    """
    digits = 2 if value < 1 else 1 if value < 10 else 0
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def place(value: float, top: float, knee: float) -> float:
    """Where on its slider a value is, from 0 to 100."""
    return 100 * math.log1p(min(value, top) / knee) / math.log1p(top / knee)


def _lever(name: str, own: float, typical: float, asked: float | None) -> Lever:
    shown = written(own) if asked is None else f"{asked:g}"
    changed = asked is not None and asked != float(written(own))
    top = _top(max(_LEAST_TOP.get(name, 5.0), _TIMES * max(own, typical), asked or 0.0))
    label = _LABELS.get(name) or SIGNALS[name][0].unit.capitalize()
    return Lever(
        name=name,
        label=label,
        unit="days" if name.endswith("_days") else "a day",
        own=written(own),
        value=shown if changed else written(own),
        changed=changed,
        top=top,
        knee=top * _KNEE,
        place=round(place(own, top, top * _KNEE), 2),
    )


def _top(least: float) -> float:
    """A round number that is not smaller."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * each for each in (1, 1.5, 2, 3, 5, 7.5, 10) if power * each >= least * (1 - 1e-9))
