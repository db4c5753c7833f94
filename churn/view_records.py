"""What is read back from the view: records out of Redis hashes, whose values are all text."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, cast, get_type_hints

from churn.features import Level
from churn.outcomes import Band, Status
from churn.scores import Score
from churn.view_features import unpacked

POINTS_KEPT_DAYS = 60
"""As `view_history.lua` keeps the points of whoever is scored; of those who have left, their last ones stay."""


@dataclass(frozen=True)
class UserScore:
    """A user's current score with what the view knows beside it."""

    score: Score
    band: Band
    band_since: int
    published_ms: int


@dataclass(frozen=True)
class Point:
    """One moment of a user's history; chances of nine digits."""

    as_of: int
    version: int
    p_cancel: float
    p_lapse: float
    band: Band

    @property
    def risk(self) -> float:
        """The sum."""
        return self.p_cancel + self.p_lapse


@dataclass(frozen=True)
class Moment:
    """One moment of a user's history with all that the model saw."""

    as_of: int
    version: int
    model_version: str
    features: Mapping[str, float]


AlertKind = Literal["band", "rise"]


@dataclass(frozen=True)
class Alert:
    """Why somebody should be called.

    Attributes:
        id: made of user, epoch and version.
        user_id: whom it is about.
        kind: `band` for entering the high band, `rise` for a risk that grew fast.
        band: of the user then.
        from_band: the band before; `none` for somebody who came back.
        risk, p_cancel, p_lapse: of the score.
        rise: how far the risk is above its lowest point of the policy's days before.
        level: `free` or `paid`.
        as_of: the moment that the score describes, ms.
        raised_ms: by the wall clock.
        epoch, version: of the score.
        model_version: what scored it.
        features: raw values by name; none of an alert that an older release raised.
    """

    id: str
    user_id: str
    band: Band
    from_band: Band
    risk: float
    p_cancel: float
    p_lapse: float
    level: str
    as_of: int
    raised_ms: int
    epoch: int
    version: int
    model_version: str
    kind: AlertKind = "band"
    rise: float = 0.0
    features: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Erased:
    """What there is of a user, or was when they were forgotten: how many of each, and the ids of the alerts."""

    scores: int
    points: int
    moments: int
    marks: int
    alerts: tuple[str, ...]
    deliveries: int


@dataclass(frozen=True)
class Books:
    """What the score records of one epoch came to.

    Attributes:
        scores: records that became a user's newest score.
        events_scored: events that came through the stream.
        events_opened: events that openings brought.
        heartbeats: heartbeats that were scored.
        alerts: alerts raised.
        stale: records older than the score that the view already had.
        users: users with at least one score.
    """

    scores: int = 0
    events_scored: int = 0
    events_opened: int = 0
    heartbeats: int = 0
    alerts: int = 0
    stale: int = 0
    users: int = 0


def alert(found: Mapping[str, str]) -> Alert:
    """An alert out of its hash."""
    return cast("Alert", typed(Alert, {**found, "features": unpacked(found.get("features"))}))


def point(text: str) -> Point:
    """A point out of its text."""
    as_of, version, p_cancel, p_lapse, band = json.loads(text)
    return Point(as_of, version, float(p_cancel), float(p_lapse), band)


def moment(text: str) -> Moment:
    """A moment out of its text."""
    as_of, version, model_version, features = text.split(",", 3)
    return Moment(int(as_of), int(version), model_version, unpacked(features))


_READERS: dict[Any, Callable[[str], Any]] = {
    int: int,
    float: float,
    int | None: lambda text: int(text) if text != "" else None,
}


@cache
def _readers(kind: Callable[..., Any]) -> dict[str, Callable[[str], Any]]:
    """What turns the text of each field of a dataclass into its type."""
    return {name: _READERS.get(type_, lambda text: text) for name, type_ in get_type_hints(kind).items()}


def typed(kind: Callable[..., Any], found: Mapping[str, Any]) -> Any:
    """A dataclass out of a hash; what it does not know is left out."""
    return kind(**{name: read(found[name]) for name, read in _readers(kind).items() if name in found})


_COUNTS = ("epoch", "version", "as_of", "events", "opened", "heartbeats")
_CHANCES = ("p_cancel", "p_lapse", "risk")
_TEXTS = ("band", "level", "status", "model_version", "last_event", "received_ms")
USER_FIELDS = ("band_since", "published_ms", *_COUNTS, *_CHANCES, *_TEXTS)
"""Of a user's hash, as :func:`user_score` takes them."""


def user_score(user_id: str, values: Sequence[str | None], features: str | None) -> UserScore | None:
    """A user's current score, None for somebody unknown.

    A thousand at once are asked for, so names of fields neither travel nor are looked up.

    Args:
        user_id: whose it is.
        values: those of :data:`USER_FIELDS`, in order.
        features: as they are kept, packed.
    """
    if values[0] is None:
        return None
    found = cast("Sequence[str]", values)
    since, published, epoch, version, as_of, events, opened, heartbeats = map(int, found[:8])
    p_cancel, p_lapse, risk = map(float, found[8:11])
    band, level, status, model_version, last_event, received_ms = found[11:]
    score = Score(
        user_id=user_id, epoch=epoch, version=version, as_of=as_of,
        last_event=int(last_event) if last_event else None, events=events, opened=opened, heartbeats=heartbeats,
        level=cast("Level", level), status=cast("Status", status), p_cancel=p_cancel, p_lapse=p_lapse, risk=risk,
        features=unpacked(features), model_version=model_version,
        received_ms=int(received_ms) if received_ms else None,
    )  # fmt: skip
    return UserScore(score, cast("Band", band), since, published)
