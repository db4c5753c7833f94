"""Classes in the form in which a JVM maps them at its start, instead of reading and verifying them anew.

Every start of Spark is seconds shorter with it (docs/decisions/0014-class-archive.md). Java calls it application class
data sharing (https://openjdk.org/jeps/350). `churn setup` makes the archives; without them all works the same, slower.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from churn.ivy import pyspark_jars
from churn.jars import FOLDER


@dataclass(frozen=True)
class Archive:
    """Two files, one upon the other.

    Attributes:
        java: Java's own classes; the wheel's Java comes without.
        spark: those that a stream needs.
    """

    java: Path
    spark: Path

    @property
    def exists(self) -> bool:
        """Whether both are there."""
        return self.java.exists() and self.spark.exists()

    def options(self) -> list[str]:
        """What Java is told to use it; nothing where there is none."""
        return [f"-XX:SharedArchiveFile={self.java}:{self.spark}"] if self.exists else []

    def recording(self) -> list[str]:
        """What Java is told to write, at its orderly end, all the classes that it has loaded upon its own."""
        return [f"-XX:SharedArchiveFile={self.java}", f"-XX:ArchiveClassesAtExit={self.spark}"]


def archive(java_home: Path, folder: Path = FOLDER) -> Archive:
    """The archive for this Java and these jars of pyspark, whether it is there or not: beside our own jars.

    Java itself looks again whether an archive fits; another name keeps it from complaining of one that does not.
    """
    used = [java_home / "bin" / "java", pyspark_jars()]
    told = "".join(f"{each.resolve()} {int(each.stat().st_mtime)}\n" for each in used)
    name = hashlib.sha256(told.encode()).hexdigest()[:12]
    return Archive(folder / f"java-{name}.jsa", folder / f"spark-{name}.jsa")


def class_path(env: Mapping[str, str]) -> str:
    """Spark's jars as the archive wants them; Spark's own start script would name one of them twice, and a folder.

    Args:
        env: folders of Hadoop's settings that it names are read, too.
    """
    folders = (env.get(name) for name in ("HADOOP_CONF_DIR", "YARN_CONF_DIR"))
    return os.pathsep.join([f"{pyspark_jars()}/*", *filter(None, folders)])
