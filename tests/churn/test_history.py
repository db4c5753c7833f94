"""A log of whatever kind gives the same events, and one that cannot be read is told in a sentence."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from py4j.protocol import Py4JError, Py4JNetworkError
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


def test_the_name_of_a_file_is_no_pattern(spark: SparkSession, tmp_path: Path, lines: list[bytes]) -> None:
    folder = tmp_path / "logs {2018,2019}"
    folder.mkdir()
    (folder / r"october [1] a*b? \{c}.json").write_bytes(b"".join(lines[:1000]))
    (tmp_path / "half.json").write_bytes(b"".join(lines[1000:2000]))
    spark.read.json(str(tmp_path / "half.json")).write.parquet(str(tmp_path / "half"))
    (tmp_path / "half").rename(folder / "november [1].parquet")
    (tmp_path / "both.json").write_bytes(b"".join(lines[:2000]))
    (folder / "october 1 axxby c.txt").write_text("no log, but of that pattern")
    assert opened(folder, tmp_path / "var") == opened(tmp_path / "both.json", tmp_path / "var")


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
        ("log.json.gz", b"\x1f\x8b\x08\x00cut", "is broken after line 0"),
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


@pytest.mark.parametrize("memory", ["6gb", "", "0g", "six"])
def test_a_heap_that_is_no_size(plain: Path, tmp_path: Path, memory: str) -> None:
    with pytest.raises(ChurnError, match="no size of a heap"), open_history(plain, "t", tmp_path, print, memory):
        pass


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("java.lang.OutOfMemoryError: Java heap space", "heap of 2g is too small"),
        ("[JAVA_GATEWAY_EXITED] Java gateway process exited", "did not start with a heap of 2g"),
        ("All masters are unresponsive! Giving up.", "spark://nowhere:7077 does not take the job"),
        ("No space left on device", "The disk is full"),
        ("Failed to connect to master nowhere:7077", "spark://nowhere:7077 does not take the job"),
    ],
)
def test_what_spark_fails_of_is_a_sentence(
    plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, words: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise Py4JError(said)

    monkeypatch.setattr(history.session, "start", fail)
    log = open_history(plain, "t", tmp_path, print, master="spark://nowhere:7077")
    with pytest.raises(ChurnError, match=words):
        log.__enter__()


def test_what_fails_on_a_cluster_is_not_always_the_cluster(plain: Path, tmp_path: Path) -> None:
    with (
        pytest.raises(Py4JError, match="Failed to rename"),
        open_history(plain, "t", tmp_path, print, master="spark://somewhere:7077"),
    ):
        raise Py4JError("Failed to rename a file.")


@pytest.mark.parametrize(
    "error", [ConnectionRefusedError(111, "Connection refused"), Py4JNetworkError("Answer from Java side is empty")]
)
def test_a_jvm_that_is_gone_is_told_as_that(
    plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def gone(*_: object) -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(NotStopped, "stop", gone)  # as everything that is asked of it
    with (
        pytest.raises(ChurnError, match=r"The JVM is gone: .* The machine may lack memory for a heap of 2g"),
        open_history(plain, "t", tmp_path, print),
    ):
        raise error


def test_a_call_that_a_dying_jvm_broke_off_is_told_so_too(
    plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = open_history(plain, "t", tmp_path, print)
    log.__enter__()
    dead = subprocess.Popen([sys.executable, "-c", ""])
    monkeypatch.setattr("pyspark.SparkContext._gateway", SimpleNamespace(proc=dead))
    error = Py4JError("An error occurred while calling o42.collectToPython")
    with pytest.raises(ChurnError, match="The JVM is gone"):
        log.__exit__(Py4JError, error, None)
