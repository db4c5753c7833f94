from __future__ import annotations

import json
from pathlib import Path

import pytest

from churn.errors import ChurnError
from streaming import checkpoint


def test_a_checkpoint_keeps_its_epoch_and_a_new_one_starts_a_larger(tmp_path: Path) -> None:
    assert checkpoint.epoch(tmp_path / "a", 1000) == 1000
    assert checkpoint.epoch(tmp_path / "a", 2000) == 1000
    assert checkpoint.epoch(tmp_path / "b", 2000) == 2000


def test_a_checkpoint_of_another_feature_table_is_refused(tmp_path: Path) -> None:
    checkpoint.epoch(tmp_path, 1000)
    file = tmp_path / checkpoint.FACTS
    file.write_text(json.dumps(json.loads(file.read_text()) | {"features": "another"}))
    with pytest.raises(ChurnError, match="another feature table"):
        checkpoint.epoch(tmp_path, 2000)


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letters").write_text("dear")
    with pytest.raises(ChurnError):
        checkpoint.epoch(tmp_path, 1000)
    assert [file.name for file in tmp_path.iterdir()] == ["letters"]
