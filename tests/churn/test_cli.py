"""The command line: its help, and what it says when a person got something wrong. No server and no JVM is started."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from churn import cli, doctor, letter_commands, model_commands
from churn.demo import SIMULATED_SPEED
from churn.doctor import Finding
from churn.settings import PROJECT

COMMANDS = [command.callback.__name__ for command in cli.app.registered_commands if command.callback]


@pytest.fixture(autouse=True)
def nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """No broker is there, none is waited for; the log and the signals stay as they are for other tests."""
    monkeypatch.setenv("CHURN_KAFKA__BOOTSTRAP", "127.0.0.1:1")
    monkeypatch.setattr("churn.topics.BOOTSTRAP_TIMEOUT_MS", 100)
    monkeypatch.setattr("churn.topics.connect.__defaults__", (100,))
    monkeypatch.setattr("structlog.configure", lambda **_: None)
    monkeypatch.setattr("signal.signal", lambda *_: None)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["churn", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def test_all_commands_are_known() -> None:
    assert {"setup", "train", "bootstrap", "stream", "publish", "serve", "replay", "doctor", "demo"} <= set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_every_command_has_an_example(command: str) -> None:
    said = CliRunner().invoke(cli.app, [command, "--help"], terminal_width=200)
    assert said.exit_code == 0
    assert re.search(rf"Examples?: .*churn {command}\b", said.output), said.output


def test_the_help_of_a_demo_tells_the_speed_it_takes_by_default() -> None:
    said = CliRunner().invoke(cli.app, ["demo", "--help"], terminal_width=200)
    assert f"by default {SIMULATED_SPEED:.0f}" in " ".join(said.output.split())


GROUPED = [
    (group, command.name or command.callback.__name__)
    for group, module in (("models", model_commands), ("dead-letters", letter_commands))
    for command in module.app.registered_commands
    if command.callback
]


@pytest.mark.parametrize(("group", "command"), GROUPED)
def test_the_help_of_every_grouped_command_has_an_example(group: str, command: str) -> None:
    said = CliRunner().invoke(cli.app, [group, command, "--help"], terminal_width=200)
    assert re.search(rf"Examples?: churn {group} {command}\b", said.output), said.output


def test_no_command_is_help() -> None:
    said = CliRunner().invoke(cli.app, [])
    assert all(command in said.output for command in COMMANDS)


@pytest.fixture
def log_file(tmp_path: Path) -> str:
    (tmp_path / "log.json").write_text(json.dumps({"ts": 1_541_000_000_000, "userId": "7"}))
    return str(tmp_path / "log.json")


WRONG = [
    (["replay", "LOG", "--speed", "fast"], "fast is not a speed."),
    (["replay", "LOG", "--speed", "0"], "0 is not a speed."),
    (["replay", "LOG", "--speed", "nan"], "nan is not a speed."),
    (["replay", "LOG", "--after", "yesterday"], "yesterday is not a time."),
    (["replay", "none.json"], "There is no file none.json."),
    (["replay", "LOG"], "Kafka does not answer at 127.0.0.1:1"),
    (["bootstrap", "LOG", "--until", "soon"], "soon is not a time."),
    (["bootstrap", "none.json", "--until", "2018-11-12"], "There is no file none.json."),
    (["train", "--events", "none.json"], "There is no file none.json."),
    (["train", "--events", "log.csv"], "log.csv is not a kind of log we read."),
    (["train", "--events", "LOG", "--until", "2018-13-01"], "2018-13-01 is not a time."),
    (["train", "--events", "LOG", "--openings"], "Opening balances need a cut."),
    (["stream", "--mode", "warp"], "warp is not a mode."),
    (["stream"], "There is no model in models/current."),
    (["publish"], "There is no model in models/current."),
    (["demo", "--mode", "warp"], "warp is not a mode."),
    (["demo", "--speed", "-1"], "-1 is not a speed."),
    (["simulate", "--start", "noon"], "noon is not a time."),
    (["simulate", "--out", "none/log.json"], "No such file or directory: none/log.json."),
]


@pytest.mark.parametrize(("arguments", "words"), WRONG, ids=[" ".join(arguments) for arguments, _ in WRONG])
def test_what_is_wrong_is_one_line_and_exit_code_1(
    arguments: list[str],
    words: str,
    log_file: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    code = run(monkeypatch, *(log_file if argument == "LOG" else argument for argument in arguments))
    said = capsys.readouterr()
    assert code == 1, said
    assert said.out == ""
    lines = [line for line in said.err.splitlines() if not line.startswith("Read ")]
    assert len(lines) == 1, said.err
    assert words in lines[0]


def test_a_wrong_setting_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("CHURN_API__PORT", "many")
    assert run(monkeypatch, "serve") == 1
    [line] = capsys.readouterr().err.splitlines()
    assert "Setting api.port is not right" in line


def test_the_module_is_the_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "churn.cli", "simulate", "--start", "noon"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    assert line.endswith("noon is not a time. Write it like 2018-11-12T00:00:00Z.")


def test_simulate_writes_events_to_standard_output() -> None:
    said = CliRunner().invoke(cli.app, ["simulate", "--users", "3", "--days", "2"])
    assert said.exit_code == 0
    events = [json.loads(line) for line in said.stdout.splitlines()]
    assert [event["ts"] for event in events] == sorted(event["ts"] for event in events)
    assert f"Simulated {len(events):,} events of 3 users." in said.stderr


@pytest.mark.parametrize("well", [True, False])
def test_the_doctor_prints_every_finding_and_ends_with_a_code(monkeypatch: pytest.MonkeyPatch, well: bool) -> None:
    found = [Finding("Java", True, "21"), Finding("Redis", well, "seen", "" if well else "Start it.")]
    monkeypatch.setattr(doctor, "examine", lambda settings: found)
    said = CliRunner().invoke(cli.app, ["doctor"])
    assert said.exit_code == (0 if well else 1)
    assert said.output.splitlines() == [
        "ok   Java: 21",
        *(["ok   Redis: seen"] if well else ["FAIL Redis: seen", "     Start it."]),
    ]
