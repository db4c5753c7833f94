"""Balances that are kept on disk, on a real broker: all are sent, once or again, and a run that stopped goes on."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from churn import events
from churn.errors import ChurnError
from churn.features import SUM_NAMES
from churn.settings import Kafka
from streaming import open_balances as job
from streaming.bootstrap import DONE, is_kept, keep, kept_folder
from streaming.open_balances import Opened, open_balances
from tests.topic import everything

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CUT_MS = 1_541_000_000_000


def balance(user: int) -> bytes:
    sums = dict.fromkeys(SUM_NAMES, 0.0)
    facts = {
        "events": user,
        "last_event": CUT_MS,
        "cancelled_at": None,
        "level": None,
        "registration": None,
        "sums": sums,
    }
    return events.encode(events.opening(f"u{user}", CUT_MS, facts))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twenty-five balances in two parts."""
    found = tmp_path / "bootstrap-x"
    found.mkdir()
    for part, users in enumerate((range(10), range(10, 25))):
        with gzip.open(found / f"part-{part:05}.txt.gz", "wb") as file:
            file.write(b"".join(balance(user) + b"\n" for user in users))
    (found / DONE).touch()
    return found


def arrived(kafka: Kafka) -> list[str]:
    return [events.decode(message.value, None).user_id for message in everything(kafka, kafka.events_topic)]


def say(_: str) -> None:
    """Says nothing."""


@pytest.mark.servers
def test_all_are_sent_and_the_folder_goes(folder: Path, kafka: Kafka) -> None:
    assert open_balances(folder, kafka, say, lambda: False) == Opened(25, sum(range(25)))
    assert sorted(arrived(kafka)) == sorted(f"u{user}" for user in range(25))
    assert not folder.exists()


@pytest.mark.servers
def test_one_that_was_stopped_goes_on_where_it_was(folder: Path, kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "STRIDE", 10)
    said: list[str] = []
    assert open_balances(folder, kafka, said.append, lambda: True).users == 10
    assert is_kept(folder)
    assert open_balances(folder, kafka, said.append, lambda: False) == Opened(25, sum(range(25)))
    assert sorted(arrived(kafka)) == sorted(f"u{user}" for user in range(25))
    assert said[0].startswith("Opened 10 of 25 balances; about ")
    assert said[1] == "Going on after 10 of 25 balances."


@pytest.mark.servers
def test_a_broker_that_is_not_there_loses_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("churn.topics.BOOTSTRAP_TIMEOUT_MS", 200)
    with pytest.raises(ChurnError, match="Kafka does not answer"):
        open_balances(folder, Kafka(bootstrap="127.0.0.1:1"), say, lambda: False)
    assert is_kept(folder)


def test_the_folder_is_of_these_files_and_this_cut(tmp_path: Path) -> None:
    one, two = tmp_path / "one.json", tmp_path / "two.json"
    for file in (one, two):
        file.write_text("{}")
    folder = kept_folder(tmp_path, [one, two], CUT_MS)
    assert folder == kept_folder(tmp_path, [two, one], CUT_MS)
    one.write_text("{ }")
    others = {kept_folder(tmp_path, files, cut) for files, cut in (([one, two], CUT_MS), ([two], CUT_MS), ([two], 1))}
    assert len(others | {folder}) == 4
    assert not is_kept(folder)


@pytest.mark.spark
def test_what_spark_keeps_are_openings(spark: SparkSession, tmp_path: Path) -> None:
    from churn.parsing import read_log  # noqa: PLC0415 (brings pyspark)

    row = {"ts": CUT_MS - 5, "userId": "ключ", "sessionId": 1, "itemInSession": 1, "page": "Home", "level": "free"}
    rows = [row, {**row, "ts": CUT_MS, "itemInSession": 2}, {**row, "ts": CUT_MS + 1, "itemInSession": 3}]
    (tmp_path / "log.json").write_text("\n".join(map(json.dumps, rows)))
    folder = tmp_path / "kept"
    folder.mkdir()
    (folder / "part-00000-half.txt.gz").write_bytes(b"half-written")
    keep(read_log(spark.read.text(str(tmp_path / "log.json"))), CUT_MS, folder)
    assert is_kept(folder)
    [line] = job._lines(folder)
    found = events.decode(line, None)
    assert (found.user_id, found.ts, found.page) == ("ключ", CUT_MS, events.OPENING)
    assert found.opening is not None
    assert found.opening["events"] == 2
