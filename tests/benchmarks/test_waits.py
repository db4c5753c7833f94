"""How long events waited, out of when they were due and what could be read when."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.waits import Ordinals, Readings, figures, in_pause, waited


def readings(folder: Path, *seen: tuple[str, int, float]) -> Readings:
    users, versions, moments = zip(*seen, strict=True)
    np.savez(folder / "seen.npz", users=np.array(users), versions=np.array(versions), moments=np.array(moments))
    return Readings(folder / "seen.npz")


def test_an_event_waits_until_its_version_or_a_later_one_can_be_read(tmp_path: Path) -> None:
    seen = readings(tmp_path, ("a", 1, 10.5), ("b", 1, 11.25), ("a", 3, 13.0))
    due, waits = waited(seen, [("a", 1), ("b", 1), ("a", 2), ("a", 3), ("a", 4)], start=10.0, rate=1.0)
    assert due.tolist() == [10, 11, 12, 13, 14]
    assert waits.tolist() == [0.5, 0.25, 1.0, 0.0, np.inf]


def test_a_version_that_is_seen_again_was_readable_before(tmp_path: Path) -> None:
    seen = readings(tmp_path, ("a", 2, 1.0), ("a", 2, 5.0), ("a", 1, 6.0), ("a", 3, 7.0))
    assert [seen.of("a", version) for version in (1, 2, 3)] == [1.0, 1.0, 7.0]


def test_versions_count_from_what_a_user_had_before() -> None:
    ordinals = Ordinals(before=1)
    assert [ordinals.next(user) for user in "aba"] == [2, 2, 3]


def test_who_was_due_while_nothing_could_be_read_met_a_pause(tmp_path: Path) -> None:
    moments = [0.1, 0.2, 0.3, 0.9, 1.0]
    seen = readings(tmp_path, *(("a", place, moment) for place, moment in enumerate(moments)))
    due = np.array([0.05, 0.25, 0.35, 0.85, 0.95])
    assert in_pause(seen, due).tolist() == [False, False, True, True, False]


def test_quantiles_are_of_the_nearest_rank() -> None:
    found = figures(np.arange(1, 1001) / 1000)
    assert found == {"p50": 500.0, "p90": 900.0, "p99": 990.0, "p999": 999.0, "max": 1000.0}
    assert figures(np.array([0.002])) == dict.fromkeys(found, 2.0)
    assert figures(np.array([0.001, np.inf]))["max"] == pytest.approx(np.inf)
