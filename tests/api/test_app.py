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


def _operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(path, operation) for path, methods in document["paths"].items() for operation in methods.values()]


def test_every_endpoint_is_there(document: dict[str, Any]) -> None:
    wanted = {"/v1/users", "/v1/users/{user_id}/risk", "/v1/alerts", "/healthz", "/readyz", "/metrics"}
    assert set(document["paths"]) == wanted


def test_every_answer_has_an_example_and_every_problem_is_documented(document: dict[str, Any]) -> None:
    for path, operation in _operations(document):
        assert operation["summary"], path
        for status, response in operation["responses"].items():
            kinds = response["content"]
            assert all(kind.get("example") for kind in kinds.values()), (path, status)
            if status != "200":
                assert set(kinds) == {"application/problem+json"}, (path, status)
        assert {"200", "500"} <= set(operation["responses"]), path


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
    names = {reference.removeprefix("#/components/schemas/") for reference in found}
    assert names <= set(document["components"]["schemas"])


def test_nothing_is_loaded_from_elsewhere(document: dict[str, Any]) -> None:
    routes = {getattr(route, "path", "") for route in create_app(Settings(), lambda: 0).routes}
    assert not routes & {"/docs", "/redoc", "/docs/oauth2-redirect"}


def test_an_address_that_is_none_is_refused_at_once_without_its_password() -> None:
    with pytest.raises(ChurnError, match=r"redis\.url") as caught:
        create_app(Settings(redis={"url": "http://:hunter2@host"}), lambda: 0)
    assert "hunter2" not in str(caught.value)
