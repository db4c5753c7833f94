"""Every key is declared, documented, and brought back by what its entry says."""

from __future__ import annotations

import re

import pytest

from churn.redis_keys import KEYS, declared
from churn.settings import PROJECT


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("churn:user:7", "churn:user:*"),
        ("churn:ranking", "churn:ranking"),
        ("churn:ranking:high", "churn:ranking:*"),
        ("churn:policy-chosen", "churn:policy-chosen"),
        ("churn:policy:m1", "churn:policy:*"),
        ("churn:marks:sequence", "churn:marks:*"),
        ("churn:marks-sequence", "churn:marks-sequence"),
        ("churn:deliveries:place", "churn:deliveries:place"),
        ("churn:deliveries:of:alert_1", "churn:deliveries:of:*"),
        ("churn:deliveries:ep_1", "churn:deliveries:*"),
        ("churn:alerts:of:7", "churn:alerts:of:*"),
        ("churn:user:a*[b]", "churn:user:*"),
    ],
)
def test_the_most_particular_entry_counts(name: str, pattern: str) -> None:
    entry = declared(name)
    assert entry is not None
    assert entry.pattern == pattern


def test_what_nobody_declared_is_none() -> None:
    assert declared("churn:weather") is None
    assert declared("other") is None


def test_the_manual_has_the_same_table() -> None:
    section = (PROJECT / "docs" / "operations.md").read_text().split("## What Redis holds")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `churn:")]
    words = {"scores": "`churn rebuild`", "programs": "the programs", "backup": "a backup", "nothing": "nothing"}
    assert rows == [f"| `{key.pattern}` | {key.kept} | {words[key.origin]} |" for key in KEYS]


def test_every_key_that_a_module_names_is_declared() -> None:
    for folder in ("churn", "api", "streaming"):
        for file in (PROJECT / folder).rglob("*"):
            if file.suffix in (".py", ".lua"):
                for name in re.findall(r"""['"`](churn:[a-z:-]+)""", file.read_text()):
                    if name not in ("churn:alerted", "churn:last-seen"):  # a channel, and a key of layout 1
                        assert declared(name) or declared(f"{name}x") or declared(name.rstrip(":")), (file.name, name)
