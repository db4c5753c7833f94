"""The score record on `churn.scores`: what the stream writes and publish reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from churn.errors import ChurnError
from churn.events import TS_MAX_MS, TS_MIN_MS, USER_ID_MAX
from churn.outcomes import Status

# One absurd record would stay in the compacted topic, and an event clock that it has moved never goes back.
_User = Annotated[str, Field(min_length=1, max_length=USER_ID_MAX)]
_Time = Annotated[int, Field(ge=TS_MIN_MS, lt=TS_MAX_MS)]
_Count = Annotated[int, Field(ge=0, lt=2**53)]  # beyond that Redis' numbers are not exact
_Chance = Annotated[float, Field(ge=0, le=1 + 1e-9)]  # a sum of two may be a rounding above
_Model = Annotated[str, Field(pattern=r"^[0-9A-Za-z._-]{1,64}$")]


@dataclass(frozen=True, kw_only=True)
class Score:
    """One record of `churn.scores`. Times in ms since 1970, UTC; probabilities within the model's horizon.

    Attributes:
        user_id: whose score it is.
        epoch: which checkpoint counted it: a new checkpoint starts a larger epoch.
        version: records of the user so far in this epoch: events, heartbeats, openings.
        as_of: the moment that the features describe.
        last_event: the newest event, None when there was none but an outcome's own page.
        events: events of the user ever, those in an opening included.
        opened: events that an opening brought.
        heartbeats: heartbeats so far in this epoch.
        level: `free` or `paid` at the newest event.
        status: `active`, `lapsed` or `cancelled`.
        p_cancel: chance to reach `Cancellation Confirmation`.
        p_lapse: chance not to cancel and to send no event at all.
        risk: their sum.
        features: raw value by feature name.
        model_version: the bundle that scored it.
        received_ms: Kafka's timestamp of the newest event or heartbeat in it, None for an opening alone.
    """

    # Nothing that is not finite, of another type or of another name gets past here.
    __pydantic_config__ = ConfigDict(strict=True, allow_inf_nan=False, extra="forbid")

    user_id: _User
    epoch: _Count
    version: _Count
    as_of: _Time
    last_event: _Time | None = None  # Spark leaves out what is null
    events: _Count
    opened: _Count
    heartbeats: _Count
    level: Literal["free", "paid"]
    status: Status
    p_cancel: _Chance
    p_lapse: _Chance
    risk: _Chance
    features: Mapping[str, float]
    model_version: _Model
    received_ms: _Count | None = None


FIELDS: tuple[str, ...] = tuple(field.name for field in fields(Score))
_SCORE = TypeAdapter(Score)


def decode(raw: bytes) -> Score:
    """Reads a score record.

    Raises:
        ChurnError: the record is of another version of this contract, or not a record at all.
    """
    try:
        return _SCORE.validate_json(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the record"
        raise ChurnError(
            f"A record of the scores topic cannot be read: {where}: {first['msg'].lower()}.",
            "Start `churn stream` of the same release as `churn publish`.",
        ) from None
