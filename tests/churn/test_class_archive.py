from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from churn import class_archive


def a_java(folder: Path) -> Path:
    java = folder / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.touch()
    return folder


def test_there_is_one_for_each_java(tmp_path: Path) -> None:
    one, other = a_java(tmp_path / "one"), a_java(tmp_path / "other")
    before = class_archive.archive(one, tmp_path)
    assert before != class_archive.archive(other, tmp_path)
    os.utime(one / "bin" / "java", (0, 0))
    assert before != class_archive.archive(one, tmp_path)


def test_java_is_told_only_of_one_that_is_there(tmp_path: Path) -> None:
    archive = class_archive.archive(a_java(tmp_path / "one"), tmp_path)
    archive.java.touch()
    assert archive.options() == []
    archive.spark.touch()
    assert archive.options() == [f"-XX:SharedArchiveFile={archive.java}:{archive.spark}"]


@pytest.mark.spark
def test_sparks_java_maps_the_archive_that_set_up_has_made(spark: SparkSession, java_home: Path) -> None:
    archive = class_archive.archive(java_home)
    if not archive.exists:
        pytest.skip("this Java made no archive at set-up")
    gateway: Any = spark.sparkContext._gateway
    assert str(archive.spark) in Path(f"/proc/{gateway.proc.pid}/maps").read_text()
