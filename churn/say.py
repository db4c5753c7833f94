"""What a program says to people while it works."""

from __future__ import annotations

import sys


def say(line: str) -> None:
    """Progress and errors go to standard error, marked apart from logs; standard output is for results."""
    print(f"churn: {line}", file=sys.stderr, flush=True)  # noqa: T201 (this is the command line)
