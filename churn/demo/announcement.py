"""`demo.json`: where a running demo is and by which key it is asked, for scripts and tests. For its owner alone."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def announcement(var: Path) -> Path:
    """The file of the demo whose data are in `var`."""
    return var / "demo.json"


@contextmanager
def announced(var: Path, url: str, api_key: str, bootstrap: str, redis_url: str) -> Iterator[None]:
    """Keeps the file while the demo runs."""
    file = announcement(var)
    facts = {"url": url, "api_key": api_key, "pid": os.getpid(), "kafka": bootstrap, "redis": redis_url}
    part = file.with_suffix(".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(json.dumps(facts, indent=2) + "\n")
    part.replace(file)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)
