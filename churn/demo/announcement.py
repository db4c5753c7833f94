"""Where a running demo is, for scripts and commands: `demo.json`, and the settings that lead to it in `demo.env`, for a
shell to read. For their owner alone."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


def announcement(var: Path) -> Path:
    """The file of the demo whose data are in `var`."""
    return var / "demo.json"


def retract(var: Path) -> None:
    """Removes both files, also those of a demo that was killed."""
    announcement(var).unlink(missing_ok=True)
    _environment(var).unlink(missing_ok=True)


@contextmanager
def announced(var: Path, url: str, api_key: str, variables: Mapping[str, str]) -> Iterator[None]:
    """Keeps both files while the demo runs.

    Args:
        var: of the demo.
        url: of its API.
        api_key: for everything.
        variables: by which commands find its servers and folders.
    """
    facts = {
        "url": url,
        "api_key": api_key,
        "pid": os.getpid(),
        "kafka": variables["CHURN_KAFKA__BOOTSTRAP"],
        "redis": variables["CHURN_REDIS__URL"],
    }
    try:
        _write(_environment(var), "".join(f"{name}={shlex.quote(value)}\n" for name, value in variables.items()))
        _write(announcement(var), json.dumps(facts, indent=2) + "\n")  # last: whoever waits waits for it
        yield
    finally:
        retract(var)


def _environment(var: Path) -> Path:
    return var / "demo.env"


def _write(file: Path, text: str) -> None:
    part = file.with_suffix(f"{file.suffix}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)
    part.replace(file)
