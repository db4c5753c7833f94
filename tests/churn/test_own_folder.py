"""A folder of a run's own: gone with the run, swept after one that was killed, and never while one lives."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from churn import own_folder as module
from churn.own_folder import own_folder

HOLDER = """
import sys, time
from pathlib import Path
from churn.own_folder import own_folder
with own_folder(Path(sys.argv[1]), "run-") as own:
    (own / "deep").mkdir()
    (own / "deep" / "file").write_text("x")
    print(own, flush=True)
    time.sleep(60)
"""


def names(parent: Path) -> list[str]:
    return sorted(path.name for path in parent.iterdir())


def test_a_folder_is_gone_with_its_run(tmp_path: Path) -> None:
    parent = tmp_path / "new" / "var"
    with own_folder(parent, "run-") as own:
        (own / "file").write_text("x")
        with own_folder(parent, "run-") as another:
            assert names(parent) == sorted([own.name, another.name])
    with pytest.raises(ZeroDivisionError), own_folder(parent, "run-"):
        raise ZeroDivisionError
    assert names(parent) == []


def test_what_a_killed_run_left_goes_and_what_a_living_one_has_stays(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, tmp_path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as living:
        assert living.stdout is not None
        kept = Path(living.stdout.readline().strip())
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as killed:
            assert killed.stdout is not None
            left = Path(killed.stdout.readline().strip())
            killed.kill()
        assert left.exists()
        with own_folder(tmp_path, "other-") as other:
            assert left.exists(), "it has another name"
            with own_folder(tmp_path, "run-") as own:
                assert names(tmp_path) == sorted([kept.name, other.name, own.name])
                assert (kept / "deep" / "file").exists()
        living.kill()


def test_what_was_not_made_so_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "run-x.bak").mkdir()
    (tmp_path / "run-file").write_text("x")
    with own_folder(tmp_path, "run-"):
        pass
    assert names(tmp_path) == ["run-file", "run-x.bak"]


def test_it_has_a_name_that_is_swept_only_once_it_is_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []

    def lock(_: object) -> bool:
        seen.append([name for name in names(tmp_path) if name.startswith("run-")])
        return True

    monkeypatch.setattr(module, "taken", lock)
    with own_folder(tmp_path, "run-"):
        assert seen == [[]]
