"""Sections as files: a page that needs no other file, and the same in Markdown."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from training.report.parts import Picture, Section, Table

HTML, MARKDOWN, PICTURES = "report.html", "report.md", "pictures"


def write(folder: Path, title: str, sections: Sequence[Section]) -> None:
    """Writes :data:`HTML`, :data:`MARKDOWN` and, for the latter, a folder of pictures."""
    (folder / PICTURES).mkdir()
    for section in sections:
        for part in section.parts:
            if isinstance(part, Picture):
                (folder / PICTURES / f"{part.name}.svg").write_text(part.svg)
    (folder / HTML).write_text(html(title, sections))
    (folder / MARKDOWN).write_text(markdown(title, sections))


def remove(folder: Path) -> None:
    """Removes what :func:`write` has written of a report that did not become whole."""
    shutil.rmtree(folder / PICTURES, ignore_errors=True)
    for name in (HTML, MARKDOWN):
        with suppress(OSError):
            (folder / name).unlink()


def html(title: str, sections: Sequence[Section]) -> str:
    """The page; pictures stand in it as they are."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("page.html").render(title=title, sections=sections, inline=_inline)


def _inline(picture: Picture, place: int) -> Markup:
    """The drawing without its XML head; identifiers get a prefix, since several stand in one page."""
    svg = picture.svg[picture.svg.index("<svg") :]
    prefix = f"p{place}-"
    for mark in ('id="', 'href="#', "url(#"):
        svg = svg.replace(mark, f"{mark}{prefix}")
    return Markup(svg)  # noqa: S704 (drawn here, and the names in it are escaped by matplotlib)


def markdown(title: str, sections: Sequence[Section]) -> str:
    """The same for those who read in a terminal or on a code host."""
    blocks = [f"# {title}"]
    for section in sections:
        blocks += [f"## {section.title}", section.text]
        blocks += [block(part) for part in section.parts]
    return "\n\n".join(block for block in blocks if block) + "\n"


def block(part: Table | Picture) -> str:
    """A table or a picture in Markdown."""
    if isinstance(part, Picture):
        return f"![{part.says}]({PICTURES}/{part.name}.svg)"
    rows = [part.head, ("---",) * len(part.head), *part.rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)
