"""Prints how near the simulator comes to the real log, and how fast it is.

    python benchmarks/simulator_likeness.py [--users 600] [--seed 7]
    python benchmarks/simulator_likeness.py --make real_user_features.parquet

The second form makes `churn/simulator_quantiles.json` anew from a Parquet file with one row per user of
the real log.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from churn import simulated_likeness as likeness
from churn.errors import ChurnError
from churn.settings import DAY_MS
from churn.simulator import Simulation

START_MS = 1_538_352_000_000  # 1 October 2018, where the real log begins
DAYS = 61
LOGGED_OUT = "1261737"  # the real table's one row for everybody without a user


def make(parquet: Path) -> None:
    """Writes the table of quantiles."""
    import pandas as pd  # noqa: PLC0415 (only this form of the command needs it)

    try:
        users: Any = pd.read_parquet(parquet)
    except ImportError:
        raise ChurnError(
            "Reading Parquet needs pyarrow, which is not installed.",
            "Run this command in an environment that has pandas and pyarrow.",
        ) from None
    users = users.set_index("userId") if "userId" in users.columns else users
    users = users[users.index.astype(str) != LOGGED_OUT]
    columns = {name: users[name].astype(float).tolist() for name in (*likeness.TOTALS, *likeness.SHARES)}
    table = {"source": f"{len(users)} users of the Sparkify log, {DAYS} days", **likeness.table(columns)}
    likeness.TABLE.write_text(_by_line(table))
    print(f"{likeness.TABLE.name}: {len(likeness.TOTALS)} totals of {len(users)} users")


def _by_line(table: dict[str, Any]) -> str:
    """JSON with one total a line, so that a change can be read."""
    totals = ",\n".join(f"    {json.dumps(name)}: {json.dumps(rows)}" for name, rows in table["totals"].items())
    source, shares = json.dumps(table["source"]), json.dumps(table["shares"])
    return f'{{\n  "source": {source},\n  "totals": {{\n{totals}\n  }},\n  "shares": {shares}\n}}\n'


def compare(users: int, seed: int) -> None:
    """Simulates two months and prints a distance per total, the worst first."""
    began = time.perf_counter()
    events = list(Simulation(users, START_MS, START_MS + DAYS * DAY_MS, seed).events())
    took_s = time.perf_counter() - began
    real = likeness.load()
    simulated = likeness.totals(events)
    found = likeness.distances(simulated, real)
    for name, distance in sorted(found.items(), key=lambda item: -item[1]):
        print(f"{name:26} {distance:.3f}  {_detail(name, simulated, real)}")
    by_total = [found[total] for total in likeness.TOTALS]
    print(f"worst {max(by_total):.3f}  median {statistics.median(by_total):.3f}  ({len(simulated)} users seen)")
    logged_out = sum(1 for event in events if not event["userId"]) / len(events)
    print(f"logged out {logged_out:.3f} of {len(events)} events; {len(events) / took_s:,.0f} events/s")


def _detail(name: str, simulated: list[dict[str, float]], real: dict[str, Any]) -> str:
    column = [user[name] for user in simulated]
    if name in likeness.SHARES:
        return f"{statistics.mean(column):.3f}, really {real['shares'][name]:.3f}"
    return " ".join(
        f"{value:g}:{sum(1 for x in column if x <= value) / len(column) - share:+.3f}"
        for value, share in real["totals"][name]
    )


def main() -> int:
    """Reads the arguments and runs one of the two forms."""
    parser = argparse.ArgumentParser(description="How near the simulator comes to the real log.")
    parser.add_argument("--make", type=Path, metavar="PATH", help="make the table of quantiles from this Parquet file")
    parser.add_argument("--users", type=int, default=600)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    try:
        if arguments.make:
            make(arguments.make)
        else:
            compare(arguments.users, arguments.seed)
    except ChurnError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
