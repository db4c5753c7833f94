"""Downloads jars with the Ivy that pyspark ships, so that setting up needs no Maven."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from churn.errors import ChurnError

Progress = Callable[[str], None]

_EVERY = 4


@dataclass(frozen=True)
class Ivy:
    """Ivy, ready to run.

    Attributes:
        java: the executable.
        cache: what has been downloaded once is kept here, with the log of the last run.
        progress: takes a line now and then.
    """

    java: Path
    cache: Path
    progress: Progress

    def fetch(self, coordinate: str, folder: Path, announcement: str) -> None:
        """Puts the jar `group:artifact:version` and all it depends on into `folder`, less what pyspark ships.

        Raises:
            ChurnError: they could not be downloaded.
            OSError: Java could not be started or a file not be written.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.cache.mkdir(parents=True, exist_ok=True)
        self.progress(f"{announcement} …")
        log = self.cache / f"{folder.name}.log"
        command = self._command(coordinate, folder)
        with (
            log.open("w") as out,
            subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
            ) as process,
        ):
            try:
                self._follow(process, out.write, announcement)
            except BaseException:  # an interrupt too: Ivy must not go on writing behind our back
                process.kill()
                raise
        if process.returncode != 0:
            raise _why(log)

    def forget(self, filename: str) -> None:
        """Drops a jar from the cache: a wrong one would be served from there for ever."""
        for cached in self.cache.rglob(filename):
            cached.unlink()

    def _command(self, coordinate: str, folder: Path) -> list[str]:
        group, artifact, version = coordinate.split(":")
        return [
            str(self.java),
            "-Dsun.net.client.defaultConnectTimeout=20000",  # ms; without these a silent network hangs Ivy
            "-Dsun.net.client.defaultReadTimeout=60000",
            f"-Divy.default.ivy.user.dir={self.cache}",  # else a repository in ~/.ivy2 comes before the public one
            "-jar",
            str(next(pyspark_jars().glob("ivy-*.jar"))),
            *("-cache", str(self.cache), "-confs", "default", "-dependency", group, artifact, version),
            *("-retrieve", f"{folder}/[artifact]-[revision].[ext]"),
        ]

    def _follow(self, process: subprocess.Popen[str], write: Callable[[str], object], announcement: str) -> None:
        assert process.stdout is not None  # noqa: S101 (it was opened as a pipe)
        found = arrived = 0
        for line in process.stdout:
            write(line)
            if line.startswith("\tfound "):
                found += 1
                if found % (3 * _EVERY) == 0:
                    self.progress(f"{announcement} … {found} found")
            elif "[SUCCESSFUL ]" in line:
                arrived += 1
                if arrived % _EVERY == 0:
                    self.progress(f"{announcement} … {arrived} jars")


def pyspark_jars() -> Path:
    """The folder of jars inside the installed pyspark.

    Raises:
        ChurnError: it is not installed.
    """
    # Found, not imported: importing pyspark takes a second that a start without downloads need not pay.
    spec = importlib.util.find_spec("pyspark")
    if spec is None or spec.origin is None:
        raise ChurnError("The Python package pyspark is not installed.", "Install this program again.")
    return Path(spec.origin).parent / "jars"


def artifact_of(filename: str) -> str:
    """`spark-tags_2.13` of `spark-tags_2.13-4.2.0.jar`."""
    found = re.fullmatch(r"(.+?)-\d+(\.\d+)+.*\.jar", filename)
    return found[1] if found else filename


def no_space(directory: Path) -> ChurnError:
    """What to say when a disk is full."""
    return ChurnError(f"The disk of {directory} is full.", "Make room and run this again: it goes on where it stopped.")


def _why(log: Path) -> ChurnError:
    if "No space left on device" in log.read_text():
        return no_space(log.parent)
    return ChurnError(
        "The jars could not be downloaded from the public Maven repository.",
        "Check the network (behind a proxy set JAVA_TOOL_OPTIONS='-Dhttps.proxyHost=… -Dhttps.proxyPort=…') "
        f"and run this again; details are in {log}.",
    )
