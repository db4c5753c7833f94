"""The filters of the page Users: what somebody asked for, the choices that the form offers, and both in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from pydantic import Field, model_validator

from api.ranking import Filters
from churn.phrases import DRIVERS

CHOICES = ("band", "driver", "level", "mark")
"""Filters that the form offers."""


class Asked(Filters):
    """What the page was asked for."""

    q: str = Field("", max_length=256)
    fragment: bool = False

    @property
    def narrows(self) -> bool:
        """Whether there is a filter for which users have to be looked through; there is a ranking of each band."""
        return bool(self.driver or self.level or self.mark)

    @model_validator(mode="before")
    @classmethod
    def _without_what_is_empty(cls, given: Any) -> Any:
        """A form sends also what was left open, or holds nothing but blanks."""
        if not isinstance(given, dict):
            return given
        return {name: value for name, value in given.items() if not isinstance(value, str) or value.strip()}


@dataclass(frozen=True)
class Option:
    """One choice of a filter; the value is empty for everybody."""

    value: str
    words: str


@dataclass(frozen=True)
class Select:
    """A filter of the form."""

    name: str
    label: str
    chosen: str
    options: list[Option]


@dataclass(frozen=True)
class Chip:
    """A filter that holds, in words, and the address of the page without it."""

    words: str
    without: str


_LABELS = {"band": "Band", "driver": "Main driver", "level": "Plan", "mark": "Mark"}
_OPTIONS = {
    "band": {"": "All bands", "high": "High", "medium": "Medium", "low": "Low"},
    "driver": {"": "All drivers"} | {driver: driver.capitalize() for driver in DRIVERS},
    "level": {"": "All plans", "free": "Free", "paid": "Paid"},
    "mark": {"": "Marked or not", "snoozed": "Snoozed", "acknowledged": "Acknowledged", "none": "Without a mark"},
}


def selects(asked: Asked) -> list[Select]:
    """The filters of the form as they were chosen."""
    return [
        Select(name, _LABELS[name], getattr(asked, name) or "", [Option(*each) for each in _OPTIONS[name].items()])
        for name in CHOICES
    ]


def chips(asked: Asked) -> list[Chip]:
    """The filters that hold."""
    words = {
        "band": f"in the {asked.band} band",
        "driver": f"main driver {asked.driver}",
        "level": f"on the {asked.level} plan",
        "mark": "without a mark" if asked.mark == "none" else f"{asked.mark}",
        "q": f"id contains “{asked.q}”",
    }
    held = chosen(asked)
    return [
        Chip(words[name], address({other: value for other, value in held.items() if other != name})) for name in held
    ]


def chosen(asked: Asked) -> dict[str, str]:
    """The filters and the search that hold, as the address has them."""
    return {name: value for name in (*CHOICES, "q") if (value := getattr(asked, name))}


def address(filters: dict[str, str], path: str = "/users", **more: str) -> str:
    """The address of a page with some filters."""
    query = urlencode(filters | more)
    return f"{path}?{query}" if query else path
