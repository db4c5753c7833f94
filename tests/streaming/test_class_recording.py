from __future__ import annotations

import contextlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from churn import class_archive
from streaming import class_recording

WRITES = """#!/bin/sh
shift 4
for file; do echo classes > "$file"; done
"""
WRITES_NOTHING = """#!/bin/sh
echo this Java cannot
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> class_archive.Archive:
    """Where the archive goes; with a broker that is played. A real recording is made by every set-up."""
    archive = class_archive.Archive(tmp_path / "java-new.jsa", tmp_path / "spark-new.jsa")
    monkeypatch.setattr(class_archive, "archive", lambda _: archive)
    broker = SimpleNamespace(bootstrap="127.0.0.1:1")
    monkeypatch.setattr(class_recording, "Broker", lambda *_: contextlib.nullcontext(broker))
    return archive


def held(place: class_archive.Archive) -> list[str]:
    return sorted(file.name for file in place.spark.parent.glob("*.jsa"))


def record(script: str, place: class_archive.Archive, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Records with a program of its own in the place of Python. Returns what is said."""
    program = place.spark.parent / "program"
    program.write_text(script)
    program.chmod(0o755)
    monkeypatch.setattr(class_recording, "sys", SimpleNamespace(executable=str(program)))
    monkeypatch.setattr(class_recording.subprocess, "run", lambda *_, **__: None)  # Java's own archive
    said: list[str] = []
    class_recording.ensure(cast(Any, None), place.spark.parent, said.append)
    return said


def test_a_new_archive_takes_the_place_of_older_ones(
    place: class_archive.Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place.spark.parent / "spark-old.jsa").touch()
    record(WRITES, place, monkeypatch)
    assert held(place) == ["java-new.jsa", "spark-new.jsa"]


def test_one_that_is_there_is_left_alone(place: class_archive.Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    for file in (place.java, place.spark):
        file.write_text("as it was")
    assert record(WRITES, place, monkeypatch) == []
    assert place.spark.read_text() == "as it was"


def test_a_java_that_makes_none_is_no_failure(place: class_archive.Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "this Java cannot" in record(WRITES_NOTHING, place, monkeypatch)[-1]
    assert held(place) == []
