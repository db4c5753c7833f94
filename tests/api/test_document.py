"""The contract: whole, with examples that are true to it, and the one in the repository is current."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from api.app import create_app
from api.problem_types import TYPES, URN
from churn.settings import PROJECT, Settings

FILE = PROJECT / "docs" / "openapi.json"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_app(Settings(), lambda: 0).openapi()


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Every operation by its name, with the answers that it refers to."""
    shared = document["components"]["responses"]

    def whole(answer: dict[str, Any]) -> Any:
        return shared[answer["$ref"].rpartition("/")[2]] if "$ref" in answer else answer

    return [
        (
            f"{method.upper()} {path}",
            {**operation, "responses": {status: whole(answer) for status, answer in operation["responses"].items()}},
        )
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_the_one_in_the_repository_is_current(document: dict[str, Any]) -> None:
    current = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    assert FILE.read_text() == current, f"write it anew: python -m api.document > {FILE.relative_to(PROJECT)}"


def test_every_answer_has_an_example_that_is_true_to_its_schema(document: dict[str, Any]) -> None:
    registry = Registry().with_resource("urn:document", Resource(contents=document, specification=DRAFT202012))
    for name, operation in operations(document):
        for status, answer in operation["responses"].items():
            if status in ("204", "304"):
                continue
            for media_type, media in answer["content"].items():
                examples = [each["value"] for each in media.get("examples", {}).values()]
                examples += [media["example"]] if "example" in media else []
                assert examples, f"{name} {status} {media_type}"
                if "json" in media_type:
                    schema = _within(media["schema"])
                    for example in examples:
                        Draft202012Validator(schema, registry=registry).validate(example)


def _within(schema: Any) -> Any:
    """References of the document as those of a schema outside of it."""
    if isinstance(schema, dict):
        return {name: f"urn:document{value}" if name == "$ref" else _within(value) for name, value in schema.items()}
    return [_within(each) for each in schema] if isinstance(schema, list) else schema


def test_every_answer_that_is_none_is_a_problem(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                assert set(answer["content"]) == {"application/problem+json"}, f"{name} {status}"
        assert "500" in operation["responses"], name


def test_every_parameter_and_operation_says_what_it_is(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        assert operation["summary"], name
        assert operation["description"], name
        for parameter in operation.get("parameters", []):
            if parameter["name"] not in ("alert_id", "endpoint_id", "delivery_id", "key_id"):
                assert parameter.get("description"), f"{name} {parameter['name']}"


def test_whoever_needs_a_key_is_told_so(document: dict[str, Any]) -> None:
    def is_open(operation: dict[str, Any]) -> bool:
        return {} in operation.get("security", [{}])

    assert {name for name, each in operations(document) if is_open(each)} == {
        "GET /healthz", "GET /readyz", "GET /metrics"
    }  # fmt: skip


def test_every_type_of_problem_is_in_the_manual_and_no_other() -> None:
    rows = [
        line.split(" | ") for line in (PROJECT / "docs" / "api.md").read_text().splitlines() if line.startswith("| `")
    ]
    listed = {row[0].strip("|` "): int(row[1]) for row in rows if len(row) == 3 and row[1].strip().isdecimal()}
    assert listed == {name: kind.status for name, kind in TYPES.items()}
    assert URN in (PROJECT / "docs" / "api.md").read_text()
