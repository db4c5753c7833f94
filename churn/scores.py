"""The score record on `churn.scores`: what the stream writes and publish reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from pydantic import ConfigDict, TypeAdapter, ValidationError

from churn.errors import ChurnError
from churn.outcomes import Status


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

    user_id: str
    epoch: int
    version: int
    as_of: int
    last_event: int | None = None  # Spark leaves out what is null
    events: int
    opened: int
    heartbeats: int
    level: str
    status: Status
    p_cancel: float
    p_lapse: float
    risk: float
    features: Mapping[str, float]
    model_version: str
    received_ms: int | None = None


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
