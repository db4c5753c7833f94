"""Measures everything and writes `benchmarks/results.md` and `results.json`: `make bench`.

A wrong system is not timed: first the whole of it is held against the oracle. Keep the machine quiet meanwhile.

Examples: python -m benchmarks                       everything, two hours
          python -m benchmarks --quick               a small version, ten minutes
          python -m benchmarks --only backlog        one part; the others stay as they were
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import api, backlog, deliveries, filled_view, growth, latency, recovery, workload
from benchmarks.contestants import BACKLOG, LIVE, Contestant, product
from benchmarks.results import FOLDER, Results
from benchmarks.stand import Stand, train
from churn.errors import ChurnError
from churn.settings import PROJECT
from streaming.pace import Pace
from streaming.replay import Sent, replay

GATE = ("tests/e2e/test_exactness.py", "tests/e2e/test_restarts.py", "tests/benchmarks/peers")


@dataclass(frozen=True)
class Size:
    """How much is measured.

    Attributes:
        runs: of latency and backlog, each on fresh programs.
        rates: for latency, events a second.
        window_s: of each rate.
        long_s: of real-time mode at 500 events a second, once.
        warm_s: before the first window.
        backlog: events.
        users: steps of growth.
        growth_s: how long each step is sent to.
        kills: for recovery.
        after_s: each of them.
    """

    runs: int = 3
    rates: tuple[float, ...] = (100.0, 500.0, 1000.0, 2000.0)
    window_s: float = 40.0
    long_s: float = 1200.0
    warm_s: float = 30.0
    backlog: int = 2_000_000
    users: tuple[int, ...] = (1_000, 10_000, 100_000, 1_000_000)
    growth_s: float = 90.0
    kills: int = 5
    after_s: float = 60.0


QUICK = Size(
    runs=1,
    rates=(500.0,),
    window_s=10.0,
    long_s=0.0,
    warm_s=5.0,
    backlog=500_000,
    users=(1_000,),
    growth_s=15.0,
    kills=1,
    after_s=30.0,
)


def main() -> int:
    """Measures and writes; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a small version, in ten minutes")
    parser.add_argument("--only", action="append", choices=sorted(PARTS), help="a part; may be given several times")
    parser.add_argument("--who", action="append", help="a contestant; may be given several times")
    parser.add_argument("--runs", type=int, help="of latency and backlog")
    parser.add_argument("--no-gate", action="store_true", help="do not check first: for trying things out; not noted")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder of the results")
    options = parser.parse_args()
    size = QUICK if options.quick else Size()
    if options.runs:
        size = Size(**{**asdict(size), "runs": options.runs})
    if not options.no_gate and not gate(options.quick):
        print("The system is wrong, so it is not timed. Look at the test above.", file=sys.stderr)
        return 1
    try:
        measure(options.only or sorted(PARTS), size, options.who, Results(options.out))
    except ChurnError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


def gate(quick: bool) -> bool:
    """Whether every feature and score is exact, after a disturbed log and after restarts; the peers' as well."""
    say("First: is it right?")
    chosen = [*GATE[:1], "-k", "simulated and realtime"] if quick else GATE
    command = [sys.executable, "-m", "pytest", "-q", "-m", "not cluster", *chosen]
    return subprocess.run(command, cwd=PROJECT, check=False).returncode == 0


def measure(parts: list[str], size: Size, who: list[str] | None, results: Results) -> None:
    """Measures some parts, and writes the results after each."""
    with tempfile.TemporaryDirectory(prefix="churn-bench-") as folder:
        log, small = Path(folder) / "log.json", Path(folder) / "small.json"
        say("Simulating listeners and training a model of some of them.")
        workload.write(small, users=200, days=42)
        models = train(Path(folder), small)
        workload.write(log, users=2700, days=42, most=size.backlog)
        for part in parts:
            PARTS[part](Bench(models, log, size, who, results))
            results.write()


@dataclass(frozen=True)
class Bench:
    """What every part needs."""

    models: Path
    log: Path
    size: Size
    who: list[str] | None
    results: Results

    def among(self, contestants: tuple[Contestant, ...]) -> list[Contestant]:
        """Those that were asked for."""
        return [each for each in contestants if not self.who or each.name in self.who]


def measure_latency(bench: Bench) -> None:
    """`latency_ms.<mode>.<rate>.<figure>`, and a long run at 500 events a second."""
    size, results = bench.size, bench.results
    protocol = (
        f"Open loop, from the moment an event was due to its score being readable by a client of Redis; windows of "
        f"{size.window_s:.0f} s, after {size.warm_s:.0f} s of warming. A pause: nothing readable for 250 ms."
    )
    results.begin("latency_ms", protocol, keep=bool(bench.who))
    for contestant in bench.among(LIVE):
        runs = [_live(bench, contestant, [(rate, size.window_s) for rate in size.rates]) for _ in range(size.runs)]
        for number, rate in enumerate(size.rates):
            _note(results, f"latency_ms.{contestant.name}.{rate:.0f}", [run[number] for run in runs])
        results.write()
    if size.long_s and not bench.who:
        (window,) = _live(bench, product("realtime"), [(500.0, size.long_s)])
        _note(results, "latency_ms.realtime_long.500", [window])


def _live(bench: Bench, contestant: Contestant, windows: list[tuple[float, float]]) -> list[latency.Window]:
    with Stand(bench.models) as stand:
        found = latency.measure(stand, contestant, bench.log, windows, bench.size.warm_s)
    for window in found:
        say(f"{contestant.name}, {window.rate:.0f}/s: {window.waits_ms}, sender behind {window.behind_ms} ms")
    return found


def _note(results: Results, name: str, windows: list[latency.Window]) -> None:
    results.note_all(name, [window.waits_ms for window in windows])
    if all(window.calm_ms for window in windows) and "microbatch" not in name:
        results.note(f"{name}.calm_p99", [window.calm_ms["p99"] for window in windows])
        results.note(f"{name}.paused_share", [window.paused for window in windows])


def measure_backlog(bench: Bench) -> None:
    """`backlog_events_per_s.<who>`."""
    size, results = bench.size, bench.results
    protocol = f"{size.backlog:,} events wait; events a second over the last {1 - backlog.WARM:.0%} of them."
    results.begin("backlog_events_per_s", protocol, keep=bool(bench.who))
    with Stand(bench.models) as stand:
        kafka, sent = stand.topics(), Sent()
        say(f"Filling a topic with {size.backlog:,} events.")
        with bench.log.open("rb") as file:
            lines = (line for _, line in zip(range(size.backlog), file, strict=False))
            replay(lines, kafka, Pace(None, time.time), sent, threading.Event())
        for contestant in bench.among(BACKLOG):
            runs = [backlog.measure(stand, contestant, kafka.events_topic, sent.events) for _ in range(size.runs)]
            say(f"{contestant.name}: {[round(run.warm_per_s) for run in runs]} events/s, {runs[0]}")
            results.note(f"backlog_events_per_s.{contestant.name}", [run.warm_per_s for run in runs])
            results.note(f"backlog_first_s.{contestant.name}", [run.first_s for run in runs])
            results.note(f"backlog_all_s.{contestant.name}", [run.all_s for run in runs])
            results.write()


def measure_growth(bench: Bench) -> None:
    """`growth.<users>.<figure>`."""
    protocol = (
        f"Everybody is opened, then random ones send {growth.RATE:.0f} events a second for {bench.size.growth_s:.0f} s "
        f"in real-time batches of 20 s; pauses are in the latency."
    )
    bench.results.begin("growth", protocol)
    for users in bench.size.users:
        with Stand(bench.models) as stand:
            found = asdict(growth.measure(stand, users, bench.size.growth_s))
        say(f"{users:,} users: {found}")
        bench.results.note_all(f"growth.{users}", [{**found.pop("waits_ms"), **found}])
        bench.results.write()


def measure_recovery(bench: Bench) -> None:
    """`recovery_s`."""
    size = bench.size
    bench.results.begin("recovery_s", f"`churn stream`, live, at {recovery.RATE:.0f} events a second.")
    with Stand(bench.models) as stand:
        found = recovery.measure(stand, product("auto"), bench.log, size.warm_s, size.kills, size.after_s)
    say(f"recovery: {found}")
    bench.results.note("recovery_s", found["next_score"])
    bench.results.note("recovery_no_lag_s", found["no_lag"])


def measure_api(bench: Bench) -> None:
    """`api.<figure>`."""
    protocol = (
        f"One `churn serve`, one `churn deliver`, {filled_view.USERS:,} users; clients and receivers beside them. "
        f"An open loop at 500 requests a second, and for deliveries at {deliveries.RATE:.0f} alerts a second to "
        f"{deliveries.HEALTHY} endpoints."
    )
    bench.results.begin("api", protocol)
    runs = []
    for _ in range(bench.size.runs):
        with Stand(bench.models) as stand:
            view = filled_view.fill(stand)
            found = api.measure_requests(view) | api.measure_listeners(view)
            found |= deliveries.measure(view) | api.measure_outage(view)
        say(f"API: { {name: round(value, 1) for name, value in found.items()} }")
        runs.append(found)
    bench.results.note_all("api", runs)


def say(text: str) -> None:
    """To whoever waits."""
    print(time.strftime("%H:%M:%S"), text, flush=True)


PARTS: dict[str, Callable[[Bench], None]] = {
    "api": measure_api,
    "backlog": measure_backlog,
    "growth": measure_growth,
    "latency": measure_latency,
    "recovery": measure_recovery,
}

if __name__ == "__main__":
    sys.exit(main())
