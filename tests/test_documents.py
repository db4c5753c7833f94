"""What is not documented does not pass: metrics, features and routes are named where people look for them."""

from __future__ import annotations

import re
from itertools import chain

from starlette.routing import Route

from api.app import create_app
from churn.features import NAMES
from churn.settings import PROJECT, Settings
from streaming.letter import FIELDS
from tests.test_monitoring import declared


def document(name: str) -> str:
    return (PROJECT / "docs" / name).read_text()


def test_every_metric_is_in_the_operations_manual_and_no_other() -> None:
    assert len(declared()) > 10
    named = set(re.findall(r"`(churn_\w+)(?:\{[\w,]+\})?`", document("operations.md")))
    assert named == declared()
    assert set(re.findall(r"`(churn_api_\w+)`", document("api.md"))) == {
        n for n in declared() if n.startswith("churn_api")
    }


def test_every_field_of_a_dead_letter_is_in_the_operations_manual() -> None:
    section = document("operations.md").split("## Dead letters")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    assert [name for row in rows for name in re.findall(r"`(\w+)`", row)] == list(FIELDS)


def test_every_feature_is_in_the_list_of_features() -> None:
    rows = [line for line in document("features.md").splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert named == set(NAMES)


def test_every_route_is_in_the_manual_of_the_api_or_of_the_console_and_no_other() -> None:
    parts = create_app(Settings(), lambda: 0).routes
    routers = [part.original_router for part in parts if hasattr(part, "original_router")]
    routes = [route for route in chain(parts, *(router.routes for router in routers)) if isinstance(route, Route)]
    served = {f"{method} {route.path_format}" for route in routes for method in (route.methods or set()) - {"HEAD"}}
    assert served >= {"GET /v1/users/{user_id}/risk", "GET /openapi.json", "GET /"}
    manuals = document("api.md") + document("console.md")
    named = re.findall(r"^\| `([A-Z]+ /[^`?]*)", manuals, flags=re.MULTILINE)
    assert set(named) == served
