"""Latency of a live stream at some 200 events a second: from the broker's stamp to readable in Redis.

Runs the demo several times in real-time mode, each on fresh servers, and prints the figures of every run.
Keep the machine quiet meanwhile.  Example: python benchmarks/latency.py --runs 3
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile


def main() -> None:
    """Prints one line per run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=210, help="of each run, training included")
    parser.add_argument("--speed", type=float, default=3900, help="event seconds per second; 300 listeners")
    options = parser.parse_args()
    for run in range(1, options.runs + 1):
        figures = demo(options.seconds, options.speed)
        latency = " / ".join(f"{value:.0f}" for value in figures["latency_ms"].values())
        scored, users = figures["events_scored"], figures["users_scored"]
        print(f"run {run}: {scored:,} events of {users} users, p50 / p90 / p99 {latency} ms", flush=True)


def demo(seconds: int, speed: float) -> dict[str, dict[str, float]]:
    """The closing figures of one demo."""
    with tempfile.TemporaryDirectory() as var:
        command = [sys.executable, "-m", "churn.cli", "demo", "--json", "--var", var]
        command += ["--seconds", str(seconds), "--speed", str(speed), "--mode", "realtime"]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return dict(json.loads(done.stdout))


if __name__ == "__main__":
    main()
