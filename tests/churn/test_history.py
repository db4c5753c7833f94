"""A log of whatever kind gives the same events, and one that cannot be read is told in a sentence."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from churn import history
from churn.errors import ChurnError
from churn.history import History, open_history

pytestmark = pytest.mark.spark


class NotStopped:
    """The session of all tests, which outlives a log."""

    def __init__(self, spark: SparkSession) -> None:
        self._spark = spark

    def __getattr__(self, name: str) -> object:
        return getattr(self._spark, name)

    def stop(self) -> None:
        """The other tests still need it."""


@pytest.fixture(autouse=True)
def _one_session(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history.session, "start", lambda *_, **__: NotStopped(spark))


def told(found: History) -> list[tuple[str, int, str]]:
    return sorted((row["user_id"], row["ts"], row["page"]) for row in found.events.collect())


def opened(path: Path, var: Path) -> list[tuple[str, int, str]]:
    with open_history(path, "test", var, lambda _: None) as found:
        return told(found)


@pytest.fixture(scope="module")
def lines(simulated_log: Path) -> list[bytes]:
    return simulated_log.read_bytes().splitlines(keepends=True)[:3000]


@pytest.fixture
def plain(tmp_path: Path, lines: list[bytes]) -> Path:
    path = tmp_path / "log.json"
    path.write_bytes(b"".join(lines))
    return path


def test_every_kind_of_log_gives_the_same_events(
    spark: SparkSession, plain: Path, tmp_path: Path, lines: list[bytes]
) -> None:
    wanted = opened(plain, tmp_path / "var")
    assert len(wanted) > 2500

    spark.read.json(str(plain)).write.parquet(str(tmp_path / "log.parquet"))
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    (mixed / "one.json").write_bytes(b"".join(lines[:1000]))
    (mixed / "two.json.gz").write_bytes(gzip.compress(b"".join(lines[1000:2000])))
    half = tmp_path / "rest.json"
    half.write_bytes(b"".join(lines[2000:]))
    spark.read.json(str(half)).write.parquet(str(mixed / "three.parquet"))

    for path in (tmp_path / "log.parquet", mixed):
        assert opened(path, tmp_path / "var") == wanted


def test_no_unpacked_file_is_left(plain: Path, tmp_path: Path) -> None:
    packed = tmp_path / "log.json.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert opened(packed, tmp_path / "var")
    assert not list((tmp_path / "var").glob("unpacked*"))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("log.csv", b"ts,userId", "not a kind of log"),
        ("log.json", b"", "no listening event"),
        ("log.json.gz", b"\x1f\x8b\x08\x00cut", "cannot be"),
        ("log.parquet", b"PAR1 cut", "damaged or cut short"),
    ],
)
def test_what_cannot_be_read_is_told(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ChurnError, match=words):
        opened(tmp_path / name, tmp_path / "var")


def test_a_folder_without_a_log(tmp_path: Path) -> None:
    with pytest.raises(ChurnError, match="holds no log"):
        opened(tmp_path, tmp_path / "var")


def test_parquet_of_something_else(spark: SparkSession, tmp_path: Path) -> None:
    spark.range(3).withColumnRenamed("id", "ts").write.parquet(str(tmp_path / "log.parquet"))
    with pytest.raises(ChurnError, match="no column userId"):
        opened(tmp_path / "log.parquet", tmp_path / "var")
