"""What is written here holds for every reader: no path of somebody's machine, no host of somebody's network."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from churn.settings import PROJECT

SKIPPED = {".git", ".venv", ".venv-bench", ".jars", "var", "models", "node_modules"}
# Put together from parts, so that this file itself passes.
FORBIDDEN = re.compile(
    "|".join(
        [
            rf"(?<![\w.~/<{{}}$-])/(?:{'work'}|{'home'}|{'root'}|{'Users'})/\w",
            rf"(?<![\w.-])/{'tmp'}/\w",
            rf"\b(?:{'py'}pi|files\.{'python'}hosted|{'repo1'}?\.{'maven'}|registry\.{'npm'}js|proxy\.{'gol'}ang)\.\w+",
            r"\b(?:artifactory|nexus)\.[a-z]",
            r"\b[\w-]+\.(?:internal|corp|intranet)\b(?!\()",
        ]
    )
)


def written() -> list[Path]:
    """Every text of the repository that people read or edit."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],  # noqa: S607 (whichever git there is)
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode == 0:
        found = [PROJECT / name for name in listed.stdout.splitlines()]
    else:  # an archive without its history
        found = [path for path in PROJECT.rglob("*") if not SKIPPED & set(path.relative_to(PROJECT).parts)]
    return [path for path in found if path.suffix in (".py", ".md", ".toml") and path.is_file()]


@pytest.mark.parametrize(
    ("text", "caught"),
    [
        ("see /" + "home/ann/x", True),
        ("in /" + "work/main", True),
        ('"/' + 'tmp/a"', True),
        ("https://py" + "pi.org/simple", True),
        ("mirror." + "internal/maven", True),
        ("docs/work/plan", False),
        ("http://localhost:8000/home/page", False),
        ("~/.cache/churn", False),
    ],
)
def test_the_pattern_catches_what_it_should(text: str, caught: bool) -> None:
    assert bool(FORBIDDEN.search(text)) is caught


def test_no_machine_and_no_registry_is_named() -> None:
    found = [
        f"{path.relative_to(PROJECT)}:{number}: {hit[0]}"
        for path in written()
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if (hit := FORBIDDEN.search(line))
    ]
    assert found == []
    assert PROJECT / "churn" / "settings.py" in written()


def commands(text: str) -> list[str]:
    """The lines of a document's shell fences."""
    fences = re.findall(r"^```(?:sh|bash|console)\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    return [line.strip() for fence in fences for line in fence.splitlines() if line.strip()]


def targets(makefile: str) -> set[str]:
    return set(re.findall(r"^([a-z][\w-]*):", makefile, flags=re.MULTILINE))


def test_every_make_command_of_the_documents_exists() -> None:
    documents = [path for path in written() if path.suffix == ".md"]
    named = {
        target
        for path in documents
        for line in commands(path.read_text())
        for target in re.findall(r"\bmake ([a-z][\w-]*)", line)
    }
    named |= set(re.findall(r"`make ([a-z][\w-]*)", (PROJECT / "README.md").read_text()))
    assert named >= {"demo", "test"}, "the README says how to try it and how to test it"
    assert named - targets((PROJECT / "Makefile").read_text()) == set()


def test_every_churn_command_of_the_documents_exists() -> None:
    from churn.cli import app  # noqa: PLC0415 (only here)

    known = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    known |= {str(group.name) for group in app.registered_groups}
    named = {
        name
        for path in written()
        if path.suffix == ".md"
        for name in re.findall(r"(?:`|bin/|^)churn ([a-z][a-z-]*)", path.read_text(), flags=re.MULTILINE)
    }
    assert named - known == set()
