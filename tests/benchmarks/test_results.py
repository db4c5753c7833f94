"""What `make bench` leaves behind."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.results import Results


def test_figures_stand_under_their_names_with_their_runs(tmp_path: Path) -> None:
    results = Results(tmp_path)
    results.begin("latency_ms", "Open loop.")
    windows = [{"p50": p50, "p90": 9.0, "p99": 20.0, "p999": 30.0, "max": 40.0} for p50 in (7.0, 5.0, 9.0)]
    results.note_all("latency_ms.realtime.500", windows)
    results.write()
    held = json.loads((tmp_path / "results.json").read_text())
    assert held["latency_ms"]["realtime"]["500"]["p50"] == 7
    assert held["runs"]["latency_ms.realtime.500.p50"] == [7, 5, 9]
    assert held["about"]["latency_ms"]["versions"]["pyspark"]
    assert "| realtime | 500 | 7 (5-9) | 9 (9-9) | 20 (20-20) |" in (tmp_path / "results.md").read_text()


def test_a_part_that_is_measured_again_leaves_the_others_as_they_were(tmp_path: Path) -> None:
    for part, name in (("backlog_events_per_s", "quix"), ("recovery_s", ""), ("backlog_events_per_s", "realtime")):
        results = Results(tmp_path)
        results.begin(part, "Anew.")
        results.note(f"{part}.{name}".rstrip("."), [1.0, 3.0])
        results.write()
    held = json.loads((tmp_path / "results.json").read_text())
    assert (held["backlog_events_per_s"], held["recovery_s"]) == ({"realtime": 2}, 2)
    assert set(held["runs"]) == {"backlog_events_per_s.realtime", "recovery_s"}
    text = (tmp_path / "results.md").read_text()
    assert "| realtime | 2 (1-3) | - | - | 2 |" in text
    assert "To the next score 2.0 (1.0-3.0)" in text


def test_rows_stay_in_the_order_in_which_they_were_measured(tmp_path: Path) -> None:
    results = Results(tmp_path)
    results.begin("backlog_events_per_s", "Once.")
    for name in ("realtime", "quix"):
        results.note(f"backlog_events_per_s.{name}", [1.0])
    results.write()
    again = Results(tmp_path)
    again.begin("recovery_s", "Later.")
    again.note("recovery_s", [1.0])
    again.write()
    text = (tmp_path / "results.md").read_text()
    assert text.index("| realtime |") < text.index("| quix |")
