"""The contract for programs: OpenAPI, with an example of every answer and every problem that it may be instead.

Run as a program it writes the document: python -m api.document > docs/openapi.json
"""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from starlette.responses import JSONResponse

from api import problems
from api.access import needs
from api.answers import as_given

router = APIRouter(include_in_schema=False, dependencies=[needs("read")])


@router.get("/openapi.json")
async def openapi_document(request: Request) -> JSONResponse:
    """The contract."""
    return JSONResponse(request.app.openapi())


def openapi(app: FastAPI) -> dict[str, Any]:
    """FastAPI's document with the schema of a problem, to which every documented problem refers."""
    if app.openapi_schema is None:
        document: dict[str, Any] = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        schema = problems.Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas = document["components"]["schemas"]
        schemas |= schema.pop("$defs") | {"Problem": schema}
        _drop_what_is_never_answered(document)
        app.openapi_schema = _with_shared_answers(as_given(document))
    return app.openapi_schema


def _with_shared_answers(document: dict[str, Any]) -> dict[str, Any]:
    """Names the answers that several endpoints have in common, and refers to them: most may answer 401, 403 or 429."""
    answers = [
        (responses, status, answer)
        for methods in document["paths"].values()
        for operation in methods.values()
        for responses in [operation["responses"]]
        for status, answer in responses.items()
        if int(status) >= 400
    ]
    names: dict[str, str] = {}
    for responses, status, answer in list(answers):
        text = json.dumps(answer, sort_keys=True)
        kinds = next(iter(answer["content"].values()))["examples"]
        name = names.setdefault(text, "-or-".join(kinds))
        document["components"].setdefault("responses", {})[name] = answer
        responses[status] = {"$ref": f"#/components/responses/{name}"}
    return document


def _drop_what_is_never_answered(document: dict[str, Any]) -> None:
    """FastAPI adds its own 422 to whatever takes a parameter; ours are problems."""
    for methods in document["paths"].values():
        for operation in methods.values():
            if "application/json" in operation["responses"].get("422", {}).get("content", {}):
                del operation["responses"]["422"]
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)


if __name__ == "__main__":
    import sys

    from api.app import create_app
    from churn.settings import Settings

    json.dump(create_app(Settings(), lambda: 0).openapi(), sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")
