"""What a report is made of, before it is a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """Rows of text under a head; the first column names the row."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Picture:
    """A drawing.

    Attributes:
        name: of its file, without an ending.
        svg: the drawing itself.
        says: what is to be seen in it, for those who read instead.
    """

    name: str
    svg: str
    says: str


@dataclass(frozen=True)
class Section:
    """A heading, a paragraph in plain text, and what belongs to it."""

    title: str
    text: str
    parts: Sequence[Table | Picture]
