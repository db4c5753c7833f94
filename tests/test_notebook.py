"""The notebook was run to its end, and what it imports is still there."""

from __future__ import annotations

import ast
import importlib
import json
from typing import Any

import pytest

from churn.settings import PROJECT

NOTEBOOK = PROJECT / "docs" / "sparkify.ipynb"


@pytest.fixture(scope="module")
def cells() -> list[dict[str, Any]]:
    return [cell for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == "code"]


def test_every_cell_was_run_in_order_and_none_failed(cells: list[dict[str, Any]]) -> None:
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    kinds = [output["output_type"] for cell in cells for output in cell["outputs"]]
    assert "error" not in kinds
    assert kinds.count("execute_result") + kinds.count("display_data") >= 10


def test_what_it_imports_is_there(cells: list[dict[str, Any]]) -> None:
    trees = [ast.parse("".join(cell["source"])) for cell in cells]
    imports = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    ours = [node for node in imports if node.module and node.module.split(".")[0] in {"churn", "training"}]
    assert len(ours) > 8
    for node in ours:
        module = importlib.import_module(str(node.module))
        for alias in node.names:
            if not hasattr(module, alias.name):
                importlib.import_module(f"{node.module}.{alias.name}")


def test_it_holds_no_path_of_the_machine_it_was_run_on() -> None:
    text = NOTEBOOK.read_text()
    for mark in ("/home/", "/tmp/", "/work/", "/Users/"):  # noqa: S108 (looked for, not used)
        assert mark not in text
