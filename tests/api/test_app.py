from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from api.app import create_app
from churn.errors import ChurnError
from churn.settings import Settings


@pytest.fixture
def document() -> dict[str, Any]:
    return create_app(Settings(), lambda: 0).openapi()


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    def references(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            if "$ref" in node:
                yield node["$ref"]
            for value in node.values():
                yield from references(value)
        elif isinstance(node, list):
            for value in node:
                yield from references(value)

    found = set(references(document))
    assert "#/components/schemas/Problem" in found
    for reference in found:
        _, _, kind, name = reference.split("/")
        assert name in document["components"][kind]


def test_nothing_is_loaded_from_elsewhere(document: dict[str, Any]) -> None:
    routes = {getattr(route, "path", "") for route in create_app(Settings(), lambda: 0).routes}
    assert not routes & {"/docs", "/redoc", "/docs/oauth2-redirect"}


def test_an_address_that_is_none_is_refused_at_once_without_its_password() -> None:
    with pytest.raises(ChurnError, match=r"redis\.url") as caught:
        create_app(Settings(redis={"url": "http://:hunter2@host"}), lambda: 0)
    assert "hunter2" not in str(caught.value)
