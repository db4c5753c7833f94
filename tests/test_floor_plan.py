"""Who may import whom, and who may read the environment."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from churn.settings import PROJECT

PROGRAMS = ("churn", "training", "streaming", "api")
LINT = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
READS_THE_ENVIRONMENT = {"churn/settings.py", "churn/java.py", "churn/child.py", "churn/session.py", "churn/jars.py"}
"""The settings; and those that hand the system's own variables (PATH, JAVA_HOME) on to what they start."""


def lint(folder: Path) -> tuple[int, str]:
    environment = {**os.environ, "COLUMNS": "300"}
    done = subprocess.run(LINT, cwd=folder, capture_output=True, text=True, check=False, env=environment)
    return done.returncode, " ".join((done.stdout + done.stderr).split())


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    for program in PROGRAMS:
        skip = shutil.ignore_patterns("__pycache__", "static", "templates")
        shutil.copytree(PROJECT / program, tmp_path / program, ignore=skip)
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_floor_plan_holds() -> None:
    code, said = lint(PROJECT)
    assert code == 0, said


THE_PROGRAMS = "only the command line, the doctor and the demonstration know the programs BROKEN"
THE_TOP = "only the command line knows the doctor and the demonstration BROKEN"
THE_COMMANDS = "only the command line knows its commands BROKEN"
THE_COMMAND = "nothing imports the command line BROKEN"
NO_SPARK = "never reach pyspark BROKEN"


def test_what_breaks_it_is_named(copied: Path) -> None:
    """All at once, because each run takes a second; the messages tell them apart."""
    additions = {
        "api/app.py": "import pyspark",
        "churn/outcomes.py": "import pyspark.sql",  # reached by the API through the vocabulary
        "streaming/pace.py": "import training",
        "churn/simulated_pages.py": "from api import app",
        "churn/new_module.py": "import streaming.pace",  # nobody listed it anywhere
        "churn/scores.py": "import churn.cli",
        "training/pipeline.py": "import churn.demo",
        "churn/arguments.py": "import churn.log_commands",
    }
    for name, line in additions.items():
        with (copied / name).open("a") as file:
            file.write(f"\n{line}\n")
    code, said = lint(copied)
    assert code == 1
    assert all(broken in said for broken in (THE_PROGRAMS, THE_TOP, THE_COMMANDS, THE_COMMAND, NO_SPARK)), said
    for edge in (
        "streaming.pace -> training",
        "churn.simulated_pages -> api",
        "churn.new_module -> streaming.pace",
        "churn.scores -> churn.cli",
        "training.pipeline -> churn.demo",
        "churn.arguments -> churn.log_commands",
        "api.app -> pyspark",
        "churn.outcomes -> pyspark",
    ):
        assert edge in said, said


def test_the_copy_alone_is_whole(copied: Path) -> None:
    code, said = lint(copied)
    assert code == 0, said


def test_the_api_and_the_doctor_start_no_spark() -> None:
    code = """
import sys
import api.server
import churn.cli
import churn.doctor
sys.argv = ["churn", "serve", "--help"]
try:
    churn.cli.main()
except SystemExit as ended:
    assert ended.code == 0, ended.code
assert "pyspark" not in sys.modules and "py4j" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=PROJECT)
    assert done.returncode == 0, done.stderr
    assert "Example" in done.stdout


def environment_readers(tree: ast.AST) -> list[int]:
    """Lines that touch `os.environ` or `os.getenv`, however they were imported."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr in ("environ", "environb", "getenv"))
        or (
            isinstance(node, ast.ImportFrom)
            and node.module == "os"
            and any(alias.name in ("environ", "environb", "getenv") for alias in node.names)
        )
    ]


@pytest.mark.parametrize(
    ("line", "reads"),
    [("import os; os.environ['A']", True), ("from os import getenv as g", True), ("os.path.join('environ')", False)],
)
def test_a_reader_of_the_environment_is_recognised(line: str, reads: bool) -> None:
    assert bool(environment_readers(ast.parse(line))) is reads


def test_only_the_settings_read_the_environment() -> None:
    readers = {
        f"{path.relative_to(PROJECT)}:{line}"
        for program in PROGRAMS
        for path in (PROJECT / program).rglob("*.py")
        if str(path.relative_to(PROJECT)) not in READS_THE_ENVIRONMENT
        for line in environment_readers(ast.parse(path.read_text()))
    }
    assert readers == set()
