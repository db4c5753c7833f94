"""Pages out of the templates."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
from pydantic_core import to_json

STEPS = (".", "..")
"""Ids of users that a browser takes for steps in a path, encoded or not: no link leads to them."""


def rendered(template: str, **values: Any) -> str:
    """A page as HTML; whatever the values hold is text."""
    return _templates().get_template(template).render(**values)


@cache
def _templates() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        # User ids come from the log: whatever they hold is text.
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # As text of an attribute: a page holds no script of its own, which its policy would refuse.
    made.filters["json"] = lambda value: to_json(value).decode()
    made.globals["STEPS"] = STEPS
    made.filters["segment"] = lambda user_id: quote(user_id, safe="")
    return made
