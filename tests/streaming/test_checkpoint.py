from __future__ import annotations

import json
from pathlib import Path

import pytest

from churn.errors import ChurnError
from churn.features import table_hash
from streaming import checkpoint
from streaming.checkpoint import FACTS


def test_a_new_checkpoint_starts_an_epoch_and_keeps_it(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "checkpoint"
    assert checkpoint.epoch(folder, 2, lambda: 100) == 100
    assert checkpoint.epoch(folder, 2, lambda: 200) == 100
    assert [file.name for file in folder.iterdir()] == [FACTS]
    assert checkpoint.epoch(tmp_path / "other", 2, lambda: 200) == 200


def test_an_empty_folder_is_a_new_checkpoint(tmp_path: Path) -> None:
    assert checkpoint.epoch(tmp_path, 2, lambda: 3) == 3


def test_reading_writes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoint"
    assert checkpoint.read(folder, 2) is None
    assert not folder.exists()
    checkpoint.epoch(folder, 2, lambda: 7)
    assert checkpoint.read(folder, 2) == 7


def test_a_program_killed_while_it_wrote_the_facts_can_start_again(tmp_path: Path) -> None:
    (tmp_path / "epoch.4711").write_text('{"epo')
    assert checkpoint.epoch(tmp_path, 2, lambda: 8) == 8
    assert checkpoint.epoch(tmp_path, 2, lambda: 9) == 8


def test_another_feature_table_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint.epoch(tmp_path, 2, lambda: 1)
    monkeypatch.setattr(checkpoint, "table_hash", lambda: "another")
    with pytest.raises(ChurnError, match=r"was made for another feature table\. .*stream\.checkpoint"):
        checkpoint.epoch(tmp_path, 2, lambda: 2)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"features": "x"}', '{"epoch": "x", "features": "y"}'])
def test_facts_that_cannot_be_read_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / FACTS).write_text(text)
    for look in (lambda folder: checkpoint.read(folder, 2), lambda folder: checkpoint.epoch(folder, 2, lambda: 1)):
        with pytest.raises(ChurnError, match="cannot be read"):
            look(tmp_path)
    assert (tmp_path / FACTS).read_text() == text


@pytest.mark.parametrize("address", ["s3a://bucket/checkpoint", "hdfs://host:8020/checkpoint", "file:///checkpoint"])
def test_an_address_is_no_folder(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ChurnError, match=r"stream\.checkpoint is an address"):
        checkpoint.epoch(Path(address), 2, lambda: 1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("what", ["folder", "file"])
def test_what_is_not_a_checkpoint_is_left_alone(tmp_path: Path, what: str) -> None:
    place = tmp_path / "precious"
    if what == "file":
        place.write_text("a letter")
    else:
        place.mkdir()
        (place / "letter").write_text("a letter")
    with pytest.raises(ChurnError, match="is not a checkpoint of churn stream"):
        checkpoint.epoch(place, 2, lambda: 1)
    assert not (place / FACTS).exists()


def test_the_facts_name_the_feature_table(tmp_path: Path) -> None:
    checkpoint.epoch(tmp_path, 2, lambda: 1)
    assert json.loads((tmp_path / FACTS).read_text()) == {
        "epoch": 1,
        "features": table_hash(),
        "shuffle_partitions": 2,
        "layout": checkpoint.LAYOUT,
    }


def test_the_state_of_an_earlier_release_is_refused(tmp_path: Path) -> None:
    (tmp_path / FACTS).write_text(json.dumps({"epoch": 1, "features": table_hash()}))
    with pytest.raises(ChurnError, match=r"has layout 1; this release reads 2\. Start a new epoch"):
        checkpoint.epoch(tmp_path, 2, lambda: 2)


def test_another_number_of_shuffle_partitions_is_refused(tmp_path: Path) -> None:
    checkpoint.epoch(tmp_path, 2, lambda: 1)
    with pytest.raises(ChurnError, match=r"made with 2 shuffle partitions, not 3\. Set .* back to 2"):
        checkpoint.epoch(tmp_path, 3, lambda: 2)
    assert checkpoint.epoch(tmp_path, 2, lambda: 2) == 1


def batch(query: Path, number: int, offsets: str, committed: bool = True) -> None:
    (query / "offsets").mkdir(parents=True, exist_ok=True)
    (query / "commits").mkdir(exist_ok=True)
    (query / "offsets" / str(number)).write_text(f'v1\n{{"batchWatermarkMs":0}}\n{offsets}')
    (query / "offsets" / f".{number}.crc").write_text("")
    if committed:
        (query / "commits" / str(number)).write_text('v1\n{"nextBatchWatermarkMs":0}')


def test_the_position_is_that_of_the_last_committed_batch(tmp_path: Path) -> None:
    assert checkpoint.position(tmp_path, "events") == {}
    for number in (8, 9, 10):
        batch(tmp_path, number, f'{{"events":{{"0":{number},"1":{2 * number}}}}}', committed=number < 10)
    assert checkpoint.position(tmp_path, "events") == {0: 9, 1: 18}
    batch(tmp_path, 10, '{"events":{"0":10,"1":20}}')
    assert checkpoint.position(tmp_path, "events") == {0: 10, 1: 20}
    assert checkpoint.position(tmp_path, "another") == {}


@pytest.mark.parametrize("offsets", ["", "{", "-"])
def test_a_position_that_cannot_be_read_is_none(tmp_path: Path, offsets: str) -> None:
    batch(tmp_path, 0, offsets)
    assert checkpoint.position(tmp_path, "events") == {}


@pytest.mark.parametrize("committed", [False, True])
def test_what_was_never_committed_is_taken_away(tmp_path: Path, committed: bool) -> None:
    checkpoint.clear_uncommitted(tmp_path / "not there yet")
    batch(tmp_path, 0, '{"events":{"0":1}}', committed)
    (tmp_path / "state" / "0").mkdir(parents=True)
    (tmp_path / "metadata").write_text("{}")
    checkpoint.clear_uncommitted(tmp_path)
    assert [(tmp_path / name).exists() for name in ("state", "offsets", "metadata")] == [committed, committed, True]
