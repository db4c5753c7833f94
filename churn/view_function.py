"""The functions of the view inside Redis: their code, and a record as the publish function takes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from churn.scores import Score
from churn.view_features import packed

FUNCTION = "churn_publish"
PARTS = (
    "view_decisions.lua", "view_history.lua", "view_alerts.lua", "view.lua", "erase_delivery.lua", "view_changes.lua",
)  # fmt: skip
"""In this order: each uses what stands before it."""


def function_code() -> str:
    """The library, as Redis loads it."""
    parts = (Path(__file__).parent / name for name in PARTS)
    return "#!lua name=churn\n" + "".join(part.read_text() for part in parts)


def call_arguments(
    topic: str,
    records: Iterable[tuple[int, int, Score]],
    wall_ms: int,
    read: Mapping[int, tuple[int, int]],
    quiet_until_ms: int | None = None,
    forgotten: int = 0,
) -> list[str | int | float | bytes]:
    """All arguments of one call; they are those of :meth:`churn.view.View.publish`."""
    arguments: list[str | int | float | bytes] = [wall_ms, topic, _blank(quiet_until_ms), forgotten, len(read)]
    for partition, (read_from, comes_next) in read.items():
        arguments += [partition, read_from, comes_next]
    for partition, offset, score in records:
        arguments += arguments_of(partition, offset, score)
    return arguments


def arguments_of(partition: int, offset: int, score: Score) -> list[str | int | float | bytes]:
    """A record as the function takes it."""
    return [
        partition, offset, score.user_id, score.epoch, score.version, score.as_of, _blank(score.last_event),
        score.events, score.opened, score.heartbeats, score.level, score.status, repr(score.p_cancel),
        repr(score.p_lapse), repr(score.risk), score.model_version, _blank(score.received_ms),
        packed(score.features),
    ]  # fmt: skip


def _blank(value: int | None) -> int | str:
    return "" if value is None else value
