"""Pages out of the templates."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import jinja2


def rendered(template: str, **values: Any) -> str:
    """A page as HTML; whatever the values hold is text."""
    return _templates().get_template(template).render(**values)


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        # User ids come from the log: whatever they hold is text.
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
