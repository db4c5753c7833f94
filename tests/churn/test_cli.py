"""The command line: help with examples, and one sentence for what a person can mend."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from churn.embedded import free_port


def churn(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "churn.cli", *arguments]
    given = None if env is None else {"PATH": "/usr/bin:/bin", **env}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=given, timeout=60)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["replay", "/nowhere.json"], "There is no file /nowhere.json"),
        (["replay", "/nowhere.json", "--speed", "fast"], "fast is not a speed"),
        (["stream", "--mode", "batch"], "batch is not a mode"),
        (["bootstrap", "/nowhere.json", "--until", "noon"], "There is no file"),
        (["train", "--events", "/nowhere.json", "--openings"], "Opening balances need a cut"),
        (["demo", "--speed", "-1"], "-1 is not a speed"),
        (["stream"], "There is no model"),
        (["publish"], "There is no model"),
    ],
)
def test_what_a_person_can_mend_is_one_line(tmp_path: Path, arguments: list[str], words: str) -> None:
    env = {
        "CHURN_MODELS": str(tmp_path),
        "CHURN_VAR": str(tmp_path),
        "CHURN_KAFKA__BOOTSTRAP": f"127.0.0.1:{free_port()}",
    }
    done = churn(*arguments, env=env)
    assert done.returncode == 1
    assert done.stdout == ""
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr


def test_simulated_events_go_to_standard_output() -> None:
    done = churn("simulate", "--users", "3", "--days", "1")
    assert done.returncode == 0
    assert all(json.loads(line)["ts"] for line in done.stdout.splitlines())
    assert done.stdout == churn("simulate", "--users", "3", "--days", "1").stdout


def test_the_doctor_names_everything_that_is_missing(tmp_path: Path) -> None:
    env = {
        "CHURN_MODELS": str(tmp_path / "models"),
        "CHURN_VAR": str(tmp_path),
        "CHURN_KAFKA__BOOTSTRAP": f"127.0.0.1:{free_port()}",
        "CHURN_REDIS__URL": f"redis://127.0.0.1:{free_port()}/0",
        "CHURN_STREAM__CHECKPOINT": str(tmp_path / "checkpoint"),
    }
    done = churn("doctor", env=env)
    assert done.returncode == 1
    failed = [line.split(":")[0].removeprefix("FAIL ") for line in done.stdout.splitlines() if line.startswith("FAIL")]
    assert {"Kafka", "Redis", "model"} <= set(failed), done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []
