"""Rules that make an event out of a record that is none."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from churn.errors import ChurnError

Rule = Callable[[dict[str, Any]], None]


class DoesNotFit(ValueError):  # noqa: N818 (it is a verdict, not a failure)
    """A rule does not fit a record."""


def rules(
    to_set: Sequence[str], to_scale: Sequence[str], to_drop: Sequence[str]
) -> tuple[tuple[str, ...], Callable[[bytes], bytes]]:
    """Reads rules, applied in the order set, scale, drop.

    Args:
        to_set: `NAME=VALUE`: JSON, or a text where it is none.
        to_scale: `NAME=FACTOR`: a number times a factor, such as seconds to milliseconds.
        to_drop: `NAME`: a field that goes.

    Returns:
        The rules in words, and what applies them to a record. That raises ValueError for a record that is no JSON
        object, or that lacks what a rule needs.

    Raises:
        ChurnError: a rule cannot be read.
    """
    named = [
        *(f"set {rule}" for rule in to_set),
        *(f"scale {rule}" for rule in to_scale),
        *(f"drop {n}" for n in to_drop),
    ]
    steps = [*map(_set, to_set), *map(_scale, to_scale), *map(_drop, to_drop)]

    def mend(raw: bytes) -> bytes:
        if not steps:
            return raw
        try:
            record = json.loads(raw)
        except (ValueError, RecursionError):
            raise DoesNotFit("it cannot be read as JSON") from None
        if not isinstance(record, dict):
            raise DoesNotFit("it is no JSON object")
        for step in steps:
            step(record)
        return json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode()

    return tuple(named), mend


def _set(rule: str) -> Rule:
    name, value = _parts(rule, "set NAME=VALUE, such as level=free")
    try:
        found = json.loads(value)
    except ValueError:
        found = value

    def apply(record: dict[str, Any]) -> None:
        record[name] = found

    return apply


def _scale(rule: str) -> Rule:
    name, text = _parts(rule, "scale NAME=FACTOR, such as ts=1000")
    try:
        factor = float(text)
    except ValueError:
        raise ChurnError(f"{text} is no factor.", "Write it as scale NAME=FACTOR, such as ts=1000.") from None

    def apply(record: dict[str, Any]) -> None:
        held = record.get(name)
        if isinstance(held, bool) or not isinstance(held, int | float):
            raise DoesNotFit(f"its {name} is no number")
        scaled = held * factor
        record[name] = round(scaled) if float(scaled).is_integer() else scaled

    return apply


def _drop(name: str) -> Rule:
    return lambda record: record.pop(name, None)


def _parts(rule: str, usage: str) -> tuple[str, str]:
    name, equals, value = rule.partition("=")
    if not name or not equals:
        raise ChurnError(f"{rule} is no rule.", f"Write it as {usage}.")
    return name, value
