"""Time and memory of `churn train` by the size of the log: a log as it is, and many differently numbered copies of it.

Copies are written into a temporary folder as plain JSON, one file each, and are gone afterwards. One line per size.

Examples: python benchmarks/training_size.py mini.json.zst x10.json.zst
          python benchmarks/training_size.py x10.json.zst --copies 10 --memory 6g
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

from churn import event_log
from churn.settings import PROJECT

USER = re.compile(rb'"userId": ?"([^"]+)"')
EVERY_S = 1.0


def main() -> None:
    """Prints one line per log."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("logs", type=Path, nargs="+")
    parser.add_argument("--copies", type=int, default=1)
    parser.add_argument("--memory", default="6g", help="heap of Spark's driver")
    parser.add_argument("--folder", type=Path, help="where copies and Spark's files go; needs several times their size")
    options = parser.parse_args()
    for log in options.logs:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            events = log if options.copies == 1 else copied(log, options.copies, Path(folder) / "log")
            took_s, peak = measure(events, options.memory, Path(folder))
        print(f"{log.name} x {options.copies}: {took_s / 60:.1f} min, {peak / 2**30:.1f} GiB at most", flush=True)


def copied(log: Path, copies: int, folder: Path) -> Path:
    """Writes copies whose users are all different people; those who are logged out stay so."""
    folder.mkdir()
    with event_log.plain(log, folder) as plain:
        for number in range(copies):
            began_s = time.monotonic()
            with plain.open("rb") as source, (folder / f"copy-{number}.json").open("wb") as out:
                while lines := source.readlines(1 << 26):
                    out.write(USER.sub(rb'"userId":"\1-%d"' % number, b"".join(lines)))
            print(f"copy {number + 1} of {copies}: {time.monotonic() - began_s:.0f} s", file=sys.stderr, flush=True)
    return folder


def measure(events: Path, memory: str, folder: Path) -> tuple[float, int]:
    """Seconds, and bytes that the program and Spark held at most together, by their resident sets.

    Raises:
        subprocess.CalledProcessError: training failed.
    """
    command = [sys.executable, "-c", "from churn.cli import main; main()", "train", "--memory", memory]
    # Copies of one person fall into several folds, which is a leak: the figures are of no interest here.
    command += ["--events", str(events), "--out", str(folder / "models"), "--accept-suspicious-auc"]
    began_s, peak = time.monotonic(), 0
    process = subprocess.Popen(command, cwd=PROJECT, env=_environment(folder))
    stopped = threading.Event()
    while process.poll() is None:
        peak = max(peak, _resident(process.pid))
        stopped.wait(EVERY_S)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return time.monotonic() - began_s, peak


def _environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "CHURN_VAR": str(folder / "var")}


def _resident(pid: int) -> int:
    total = 0
    try:
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            total += process.memory_info().rss
    except psutil.NoSuchProcess:
        pass
    return total


if __name__ == "__main__":
    main()
