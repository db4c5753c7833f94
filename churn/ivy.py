"""Downloads jars with the Ivy that pyspark ships, so that setting up needs no Maven."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from churn import trust
from churn.child import COULD_NOT_START, Child
from churn.errors import ChurnError

Progress = Callable[[str], None]

_REPORT_S = 3.0


@dataclass(frozen=True)
class Ivy:
    """Ivy, ready to run.

    Attributes:
        java: the executable.
        cache: what has been downloaded once is kept here, with the log of the last run.
        progress: takes a line every `report_s` seconds.
        report_s: see there.
    """

    java: Path
    cache: Path
    progress: Progress
    report_s: float = _REPORT_S

    def fetch(self, coordinate: str, folder: Path, announcement: str) -> None:
        """Puts the jar `group:artifact:version` and all it depends on into `folder`, less what pyspark ships.

        Raises:
            ChurnError: they could not be downloaded.
            OSError: a file could not be written.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.progress(f"{announcement} …")
        child = self._run(coordinate, folder, announcement)
        if child.returncode != 0 and "PKIX path building failed" in child.log.read_text(errors="replace"):
            # Java does not know who signed for the server: perhaps the system does.
            authorities = trust.system_authorities()
            store = self.cache / "authorities.jks"
            store.write_bytes(trust.java_key_store(authorities))
            options = [f"-Djavax.net.ssl.trustStore={store}", "-Djavax.net.ssl.trustStoreType=JKS"]
            child = self._run(coordinate, folder, announcement, options) if authorities else child
        if child.returncode != 0:
            raise _why(child)

    def _run(self, coordinate: str, folder: Path, announcement: str, options: Sequence[str] = ()) -> Child:
        # A child dies with us: an Ivy left behind would go on writing after the lock on its cache is gone.
        with Child(f"ivy-{folder.name}", self._command(coordinate, folder, options), self.cache) as child:
            while child.wait(self.report_s) is None:
                said = child.log.read_text(errors="replace")
                found, arrived = said.count("\tfound "), said.count("[SUCCESSFUL ]")
                self.progress(f"{announcement} … {arrived} jars" if arrived else f"{announcement} … {found} found")
        return child

    def forget(self, filename: str) -> None:
        """Drops a jar from the cache: a wrong one would be served from there for ever."""
        for cached in self.cache.rglob(filename):
            cached.unlink()

    def _command(self, coordinate: str, folder: Path, options: Sequence[str]) -> list[str]:
        group, artifact, version = coordinate.split(":")
        return [
            str(self.java),
            "-Dsun.net.client.defaultConnectTimeout=20000",  # ms; without these a silent network hangs Ivy
            "-Dsun.net.client.defaultReadTimeout=60000",
            f"-Divy.default.ivy.user.dir={self.cache}",  # else a repository in ~/.ivy2 comes before the public one
            *options,
            "-jar",
            str(next(pyspark_jars().glob("ivy-*.jar"))),
            *("-cache", str(self.cache), "-confs", "default", "-dependency", group, artifact, version),
            *("-retrieve", f"{folder}/[artifact]-[revision].[ext]"),
        ]


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


def _why(child: Child) -> ChurnError:
    if child.returncode == COULD_NOT_START:
        return ChurnError(f"{child.tail(1)}.", "Install Java 17, 21 or 25 and run this again.")
    if "No space left on device" in child.log.read_text(errors="replace"):
        return no_space(child.log.parent)
    return ChurnError(
        "The jars could not be downloaded from the public Maven repository.",
        "Check the network (behind a proxy set JAVA_TOOL_OPTIONS='-Dhttps.proxyHost=… -Dhttps.proxyPort=…') "
        f"and run this again; details are in {child.log}.",
    )
