"""Several processes, each with a share of the partitions: Python's way to more than one core."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from churn import signals
from churn.child import Child


def add_options(parser: argparse.ArgumentParser) -> None:
    """`--processes`, and by which each of them knows itself."""
    parser.add_argument("--processes", type=int, default=1, help="between which the partitions are divided")
    parser.add_argument("--share", type=int, help=argparse.SUPPRESS)


def in_processes(count: int, name: str, var: Path, more: list[str]) -> int:
    """Runs this command several times, until SIGTERM or until one of them ends; none outlives this process.

    Args:
        count: of processes.
        name: of the module.
        var: below which each has its log, `logs/NAME-SHARE.log`.
        more: arguments beside those of this process.

    Returns:
        The exit code: 0 when all have ended well.
    """
    stopping = signals.until_signal()
    command = [sys.executable, "-m", f"benchmarks.peers.{name}", *sys.argv[1:], *more, "--share"]
    children = [Child(f"{name}-{share}", [*command, str(share)], var).start() for share in range(count)]
    while not stopping.wait(0.1) and all(child.alive for child in children):
        pass
    codes = [child.stop(15) for child in children]
    for child in children:
        print(child.tail(3 if stopping.is_set() else 30), flush=True)
    return max(abs(code or 0) for code in codes)
