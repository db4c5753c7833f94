"""The set-up: it keeps an environment that is of use, and tells the right reason when something is in the way."""

from __future__ import annotations

import errno
import importlib.util
import shutil
import subprocess
import sys
import venv
from collections import namedtuple
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from churn.settings import PROJECT

OFFLINE = """\
WARNING: Retrying (Retry(total=0, connect=None)) after connection broken by 'NewConnectionError('Name or service not \
known')': /simple/stamina/
ERROR: Could not find a version that satisfies the requirement stamina==25.1.0 (from versions: none)
ERROR: No matching distribution found for stamina==25.1.0"""
NO_WHEEL = """\
ERROR: Could not find a version that satisfies the requirement onnxruntime==1.32.0 (from versions: none)
ERROR: No matching distribution found for onnxruntime==1.32.0"""
OTHER = """\
Collecting stamina
ERROR: something else is wrong
[notice] A new release of pip is available: 23.2.1 -> 26.0
[notice] To update, run: pip install --upgrade pip"""


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module, for an environment in a folder of the test."""
    spec = importlib.util.spec_from_file_location("project_setup", PROJECT / "conf" / "setup.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ENVIRONMENT", tmp_path / ".venv")
    return module


def steps(setup: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the set-up does, without doing it."""
    done: list[str] = []
    monkeypatch.setattr(venv, "create", lambda *_, clear, **__: done.append(f"create, clear={clear}"))
    monkeypatch.setattr(setup, "install", lambda *arguments: done.append("install"))
    monkeypatch.setattr(subprocess, "call", lambda command: done.append(command[-1]) or 0)
    setup.main()
    return done


def make(setup: ModuleType, pip: bool = True) -> None:
    """An environment; what is taken for its pip need not work."""
    venv.create(setup.ENVIRONMENT, with_pip=False)
    if pip:
        [packages] = setup.ENVIRONMENT.glob("lib/python*/site-packages")
        (packages / "pip.py").touch()


def test_an_environment_of_this_python_is_kept(setup: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    make(setup)
    (setup.ENVIRONMENT / "kept").touch()
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**12, 10**12, 0))  # it is there: no room is needed
    assert steps(setup, monkeypatch) == ["install", "install", "setup"]
    assert (setup.ENVIRONMENT / "kept").exists()


@pytest.mark.parametrize("harm", ["it is missing", "no pip", "another version", "not an environment"])
def test_one_that_is_of_no_use_is_made_anew(setup: ModuleType, harm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    python = setup.ENVIRONMENT / "bin" / "python"
    if harm != "it is missing":
        make(setup, pip=harm != "no pip")
    if harm == "another version":
        python.unlink()
        python.write_text("#!/bin/sh\necho False\n")
        python.chmod(0o755)
    if harm == "not an environment":
        (setup.ENVIRONMENT / "pyvenv.cfg").unlink()
    assert steps(setup, monkeypatch)[0] == "create, clear=True"


def test_it_asks_for_the_version_that_it_runs_on(setup: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    make(setup)
    assert setup.usable()
    info = namedtuple("info", "major minor micro")
    monkeypatch.setattr(sys, "version_info", info(3, 99, 0))
    assert not setup.usable()


def test_too_small_a_disk_is_told_before_anything_is_made(
    setup: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**12, 0, 2_999_999_999))
    with pytest.raises(SystemExit):
        steps(setup, monkeypatch)
    assert "3 GB are needed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "The disk is full."),
        (subprocess.CalledProcessError(1, "ensurepip", b"OSError: No space left on device"), "The disk is full."),
        (PermissionError(errno.EACCES, "Permission denied"), ".venv may not be written."),
        (OSError(errno.EROFS, "Read-only file system"), ".venv may not be written."),
        (OSError(errno.EIO, "Input/output error"), ".venv could not be made: Input/output error."),
        (subprocess.CalledProcessError(1, "ensurepip", b"No module named ensurepip"), "apt install python3-venv"),
        (subprocess.CalledProcessError(1, "ensurepip"), "apt install python3-venv"),
    ],
)
def test_why_there_is_no_environment(
    setup: ModuleType,
    error: Exception,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(venv, "create", fail)
    with pytest.raises(SystemExit):
        setup.make_environment()
    [line] = capsys.readouterr().err.splitlines()
    assert words in line


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("ERROR: Could not install packages: [Errno 28] No space left on device", "The disk is full."),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "Do not use it"),
        (OFFLINE, "The first set-up needs the network"),
        ("ReadTimeoutError(HTTPSConnectionPool(host='mirror', port=443): Read timed out.", "needs the network"),
        (NO_WHEEL, "onnxruntime==1.32.0 has no package for Python {}.{} on ".format(*sys.version_info)),
        (NO_WHEEL, "Use 3.11 to 3.14, as in: make PYTHON=python3.12"),
        (OTHER, "pip failed: ERROR: something else is wrong"),
        ("error: metadata-generation-failed\n", "pip failed: error: metadata-generation-failed"),
        ("Killed", "pip failed: Killed"),
        ("", "pip failed: without a word"),
    ],
)
def test_why_pip_failed(setup: ModuleType, said: str, words: str) -> None:
    assert words in setup.reason(said)
