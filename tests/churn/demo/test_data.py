"""What a demo may delete: its own data and nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from churn.demo import data
from churn.errors import ChurnError


def held(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_is_made_marked_and_emptied(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    data.require_own(folder)
    data.empty(folder)
    assert held(folder) == [data.MARKER]
    (folder / "kafka" / "deep").mkdir(parents=True)
    (folder / "history.json").write_text("{}")
    (folder / "link").symlink_to(tmp_path)
    data.empty(folder)
    assert held(folder) == [data.MARKER]
    assert folder.exists()


@pytest.mark.parametrize("names", [["photos"], ["logs"], ["models", "checkpoint"], ["logs-of-mine", "models"]])
def test_what_no_demo_made_is_refused_and_kept(tmp_path: Path, names: list[str]) -> None:
    folder = tmp_path / "demo"
    for name in names:
        (folder / name).mkdir(parents=True)
    (folder / "photo.jpg").write_text("x")
    for refuse in (data.require_own, data.empty):
        with pytest.raises(ChurnError, match=r"demo was not made by a demo, .* choose another folder with --var"):
            refuse(folder)
    assert held(folder) == sorted([*names, "photo.jpg"])


@pytest.mark.parametrize("name", ["checkpoint", "models"])
def test_the_data_of_a_demo_before_there_was_a_marker_are_taken_over(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "demo"
    for each in ("logs", name):
        (folder / each).mkdir(parents=True)
    data.empty(folder)
    assert held(folder) == [data.MARKER]


def test_an_empty_folder_may_be_taken(tmp_path: Path) -> None:
    data.empty(tmp_path)
    assert held(tmp_path) == [data.MARKER]


def test_a_removal_that_was_cut_short_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "demo"
    data.empty(folder)
    for name in ("a", "b", "c"):
        (folder / name).mkdir()
    removed: list[str] = []

    def killed(path: Path, ignore_errors: bool) -> None:
        if removed:
            raise KeyboardInterrupt
        removed.append(path.name)

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            data.empty(folder)
    data.empty(folder)
    assert held(folder) == [data.MARKER]
