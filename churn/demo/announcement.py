"""`demo.json`: where a running demo is, for scripts and tests."""

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
def announced(var: Path, port: int, bootstrap: str, redis_url: str) -> Iterator[str]:
    """Keeps the file while the demo runs, and gives the address of its page."""
    file, url = announcement(var), f"http://127.0.0.1:{port}/"
    facts = {"url": url, "pid": os.getpid(), "kafka": bootstrap, "redis": redis_url}
    part = file.with_suffix(".part")
    part.write_text(json.dumps(facts, indent=2) + "\n")
    part.replace(file)
    try:
        yield url
    finally:
        file.unlink(missing_ok=True)
