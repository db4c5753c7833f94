"""The report of a bundle out of its Markdown: the page `report.html` beside it carries its styles in itself, which the
policy of every page here refuses, and no policy is loosened for it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from churn.bundle import Bundle

MARKDOWN, PICTURES = "report.md", "pictures"

_PICTURE = re.compile(r"!\[(.*)\]\(pictures/([a-z0-9-]{1,64})\.svg\)")
_VIEW_BOX = re.compile(rb'viewBox="0 0 ([\d.]+) ([\d.]+)"')
_HEAD_BYTES = 1000
_CELL = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True)
class Picture:
    """A drawing: the name of its file without the ending, what is to be seen in it, its size in points."""

    name: str
    says: str
    width: int
    height: int


@dataclass(frozen=True)
class ReportTable:
    """Rows of text under a head; the first column names the row."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class ReportSection:
    """A heading, paragraphs, and what belongs to it in its order."""

    title: str
    paragraphs: Sequence[str]
    parts: Sequence[Picture | ReportTable]


def pictures(model: Bundle) -> list[str]:
    """Names of the drawings in a bundle, without the ending."""
    return sorted(file.stem for file in (model.path / PICTURES).glob("*.svg"))


def sections(model: Bundle) -> list[ReportSection]:
    """Of the report, in its order; none where the bundle has no report.

    A picture that is named but not there is left out.
    """
    try:
        text = (model.path / MARKDOWN).read_text()
    except OSError:
        return []
    return [_section(part, model.path / PICTURES) for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]]


def _section(text: str, folder: Path) -> ReportSection:
    title, _, rest = text.partition("\n")
    paragraphs: list[str] = []
    parts: list[Picture | ReportTable] = []
    for block in re.split(r"\n{2,}", rest.strip()):
        if found := _PICTURE.fullmatch(block):
            if size := _size(folder / f"{found[2]}.svg"):
                parts.append(Picture(found[2], found[1], *size))
        elif block.startswith("| "):
            parts.append(_table(block))
        elif block:
            paragraphs.append(block)
    return ReportSection(title.strip(), paragraphs, parts)


def _table(block: str) -> ReportTable:
    rows = [
        [cell.replace("\\|", "|").strip() for cell in _CELL.split(line.strip())[1:-1]] for line in block.splitlines()
    ]
    return ReportTable(rows[0], rows[2:])


def _size(file: Path) -> tuple[int, int] | None:
    """Width and height, so that nothing on the page moves when the drawing comes; None where it is not there."""
    try:
        with file.open("rb") as held:
            found = _VIEW_BOX.search(held.read(_HEAD_BYTES))
    except OSError:
        return None
    return (round(float(found[1])), round(float(found[2]))) if found else None
