from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from churn.errors import ChurnError
from churn.settings import PROJECT, Settings, load


@pytest.fixture(autouse=True)
def no_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "empty.toml").write_text("")
    monkeypatch.setenv("CHURN_CONFIG", str(tmp_path / "empty.toml"))


def without_none(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: without_none(value) if isinstance(value, dict) else value
        for name, value in values.items()
        if value is not None
    }


def test_the_file_of_the_project_holds_exactly_the_defaults() -> None:
    file = tomllib.loads((PROJECT / "conf" / "churn.toml").read_text())
    assert file == without_none(load().model_dump(mode="json"))


def test_a_variable_overrides_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text('[kafka]\nbootstrap = "file:1"\npartitions = 7\n')
    monkeypatch.setenv("CHURN_CONFIG", str(file))
    monkeypatch.setenv("CHURN_KAFKA__BOOTSTRAP", "variable:1")
    assert (load().kafka.bootstrap, load().kafka.partitions) == ("variable:1", 7)
    assert load(var=tmp_path).var == tmp_path


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("CHURN_API__PORT", "http", "api.port is not right"),
        ("CHURN_API__PROT", "80", "api.prot is not right"),
        ("CHURN_KAFAK__BOOTSTRAP", "x:1", "CHURN_KAFAK__BOOTSTRAP names no setting"),
        ("CHURN_STREAM__MODE", "batch", "stream.mode is not right"),
        ("CHURN_STREAM__DRIVER_MEMORY", "2 GB", "stream.driver_memory is not right"),
        ("CHURN_STREAM__DRIVER_MEMORY", "0g", "stream.driver_memory is not right"),
        ("CHURN_STREAM__REALTIME_BATCH", "soon", "stream.realtime_batch is not right"),
        ("CHURN_STREAM__REALTIME_BATCH", "4 seconds", "stream.realtime_batch is not right"),
        ("CHURN_STREAM__REALTIME_BATCH", "-5 minutes", "stream.realtime_batch is not right"),
        ("CHURN_CONFIG", "/nowhere.toml", "which is not a file"),
    ],
)
def test_a_slip_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ChurnError, match=words):
        load()


@pytest.mark.parametrize("interval", ["5 seconds", "10 seconds", "90 seconds", "1 minute", "30 minutes", "2 hours"])
def test_intervals_as_spark_writes_them(monkeypatch: pytest.MonkeyPatch, interval: str) -> None:
    monkeypatch.setenv("CHURN_STREAM__REALTIME_BATCH", interval)
    assert load().stream.realtime_batch == interval


def test_settings_are_frozen() -> None:
    kafka: BaseModel = load().kafka
    with pytest.raises(ValidationError):
        kafka.bootstrap = "x"  # type: ignore[attr-defined]
    assert isinstance(load(), Settings)


def defaults() -> dict[str, Any]:
    """Default by dotted name, as JSON has it."""

    def walk(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, Any]]:
        for name, field in model.model_fields.items():
            if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
                yield from walk(field.annotation, f"{prefix}{name}.")
            else:
                yield prefix + name, str(field.default) if isinstance(field.default, Path) else field.default

    return dict(walk(Settings, ""))


def meanings() -> dict[str, str]:
    """The comment above each setting of the file, by dotted name; a setting without a default is a comment itself."""
    found: dict[str, str] = {}
    section, above = "", list[str]()
    for line in (PROJECT / "conf" / "churn.toml").read_text().splitlines():
        setting = re.match(r"(?:# )?([a-z_]+) = \S", line)
        if header := re.fullmatch(r"\[(\w+)\]", line):
            section = f"{header[1]}."
        elif setting:
            found[section + setting[1]] = " ".join(above)
        above = [*above, line.removeprefix("# ")] if line.startswith("# ") and not setting else []
    return found


def test_every_setting_stands_in_the_file_with_a_sentence_and_those_without_default_as_an_example() -> None:
    assert list(meanings()) == list(defaults())
    assert [name for name, text in meanings().items() if not text.endswith(".")] == []


def test_the_examples_are_valid(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = (PROJECT / "conf" / "churn.toml").read_text()
    examples = re.sub(r"^# ([a-z_]+ = )", r"\1", text, flags=re.MULTILINE)
    # A password and its file are two ways of one thing; some examples stand for a connection with TLS.
    examples = re.sub(r"^((sasl_)?password|key) = .*\n", "", examples, flags=re.MULTILINE)
    examples = examples.replace('"PLAINTEXT"\n', '"SASL_SSL"\n').replace('"redis://', '"rediss://')
    (tmp_path / "all.toml").write_text(examples)
    monkeypatch.setenv("CHURN_CONFIG", str(tmp_path / "all.toml"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secrets").mkdir()
    for name in re.findall(r'"(secrets/.+)"', examples):
        (tmp_path / name).write_text(f"-----BEGIN {'PRIVATE KEY' if name.endswith('.key') else 'CERTIFICATE'}-----\n")
    settings = load()
    assert None not in (settings.policy.medium, settings.policy.high)
    assert settings.kafka.sasl_password_file is not None
    assert settings.redis.password_file is not None


def test_every_setting_is_documented_as_it_is() -> None:
    rows = [line for line in (PROJECT / "docs" / "settings.md").read_text().splitlines() if line.startswith("| `")]
    told = meanings()
    table = []
    for name, value in defaults().items():
        default = "unset" if value is None else f"`{json.dumps(value)}`"
        table.append(f"| `{name}` | {default} | {told.get(name)} |")
    assert rows == table, "docs/settings.md must hold these rows:\n" + "\n".join(table)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("speed = 3\n", "Setting speed "),
        ("[api]\nprot = 3\n", "Setting api.prot "),
        ("[api]\nport = 70000\n", "Setting api.port "),
        ("[api\n", "The settings cannot be read"),
    ],
)
def test_a_slip_in_the_file_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "own.toml").write_text(text)
    monkeypatch.setenv("CHURN_CONFIG", str(tmp_path / "own.toml"))
    with pytest.raises(ChurnError, match=words) as caught:
        load()
    assert str(tmp_path / "own.toml") in caught.value.remedy


def test_a_section_that_is_no_section_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHURN_KAFKA", "not json")
    with pytest.raises(ChurnError, match="kafka"):
        load()


def test_the_settings_themselves_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load().var = Path("x")  # type: ignore[misc]
