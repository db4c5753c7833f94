"""The Java archives that are not in any wheel: the Kafka broker, and Spark's connector to it.

They are fetched once with the Ivy that pyspark ships, and every one must have the SHA-256 that `conf/jars.lock`
gives (the format of `sha256sum -c`). To change a version: change its constant, call :func:`relock`, read the diff.
"""

from __future__ import annotations

import errno
import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from churn.errors import ChurnError
from churn.ivy import Ivy, Progress, artifact_of, no_space, pyspark_jars
from churn.java import cache_dir
from churn.locks import locked
from churn.settings import PROJECT

BROKER = "org.apache.kafka:kafka_2.13:4.4.0"
"""4.x needs no ZooKeeper: one process is a whole cluster."""

CONNECTOR = "org.apache.spark:spark-sql-kafka-0-10_2.13:4.2.0"
"""4.2.0 runs on the 4.3.0 engine; the connector of 4.3.0 itself could not be resolved. Raise it when it can be."""

FOLDER = PROJECT / ".jars"
"""Where set-up puts them."""

LOCK = PROJECT / "conf" / "jars.lock"
NEED_BYTES = 600_000_000
"""Free space for the first set-up. Measured: 230 MB, half of it Ivy's cache; the rest is room to work."""

_SIZES = ".sizes"
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Jars:
    """Where the jars are.

    Attributes:
        kafka: folder with the jars of the broker.
        connector: folder with the jars that Spark needs besides its own to talk to Kafka.
    """

    kafka: Path
    connector: Path


@dataclass(frozen=True)
class _Set:
    folder: str
    coordinate: str
    what: str


_SETS = (
    _Set("kafka", BROKER, "the Kafka broker ({count} jars, about 45 MB, once)"),
    _Set("connector", CONNECTOR, "Spark's Kafka connector (about 70 MB, once; {count} jars of it are new)"),
)


def ensure(jars_dir: Path, java: Path, progress: Progress, *, lock: Path = LOCK, cache: Path | None = None) -> Jars:
    """Downloads what is missing and says where the jars are. Once all is there this reads only folders.

    Args:
        jars_dir: holds the folders `kafka` and `connector`.
        java: the executable, used only if something is missing.
        progress: takes a line now and then.
        lock: the SHA-256 of every jar.
        cache: Ivy's cache, by default in the user's cache folder.

    Raises:
        ChurnError: no network, no space, no Java, or a jar that is not the one in the lock.
    """
    jars = Jars(jars_dir / "kafka", jars_dir / "connector")
    if not _missing(jars_dir, lock):
        return jars
    ivy = Ivy(java, cache or cache_dir() / "ivy", progress)
    with _mendable(jars_dir), locked(jars_dir / ".lock", progress), locked(ivy.cache / ".lock", progress):
        for part in jars_dir.glob(".part-*"):  # left by a set-up that was killed: nobody else holds the lock
            shutil.rmtree(part, ignore_errors=True)
        for wanted in _missing(jars_dir, lock):  # again: another process may have brought them while this one waited
            require_space(jars_dir, NEED_BYTES)
            require_space(ivy.cache, NEED_BYTES)
            _install(wanted, jars_dir, ivy, lock)
    return jars


def relock(jars_dir: Path, java: Path, progress: Progress, *, lock: Path = LOCK, cache: Path | None = None) -> None:
    """Downloads both sets without a check into `jars_dir` (new or empty) and writes the lock from them.

    Raises:
        ChurnError: as :func:`ensure`.
    """
    ivy = Ivy(java, cache or cache_dir() / "ivy", progress)
    with _mendable(jars_dir):
        for wanted in _SETS:
            _fetch(wanted, jars_dir / wanted.folder, ivy, "some")
        lock.write_text("".join(f"{line}\n" for line in lock_lines(jars_dir)))


def lock_lines(jars_dir: Path) -> list[str]:
    """One line `sha256  set/filename` for every jar below `jars_dir`, sorted by name."""
    names = sorted(
        str(jar.relative_to(jars_dir)) for wanted in _SETS for jar in (jars_dir / wanted.folder).glob("*.jar")
    )
    return [f"{_sha256(jars_dir / name)}  {name}" for name in names]


def read_lock(lock: Path) -> dict[str, str]:
    """SHA-256 by `set/filename`.

    Raises:
        ChurnError: there is no such file or it is not a lock.
    """
    try:
        lines = lock.read_text().splitlines()
    except OSError:
        lines = []
    found = {
        name: digest for digest, gap, name in (line.partition("  ") for line in lines) if gap and len(digest) == 64
    }
    if not found or len(found) != len(lines):
        raise ChurnError(f"{lock} is missing or damaged.", "Restore it from version control.")
    return found


def verify(jars_dir: Path, lock: Path = LOCK) -> list[str]:
    """Reads every jar and compares it with the lock: one sentence for every problem, none if all is well."""
    return [problem for wanted in _SETS for problem in _problems(wanted, jars_dir, lock)]


def require_space(directory: Path, need_bytes: int) -> None:
    """Creates `directory` and checks that its disk has room.

    Raises:
        ChurnError: it has not, or the folder cannot be created.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ChurnError(f"The folder {directory} cannot be created: {error.strerror}.", "Choose another.") from error
    free = shutil.disk_usage(directory).free
    if free < need_bytes:
        raise ChurnError(
            f"The disk of {directory} has {free // 1_000_000} MB left and {need_bytes // 1_000_000} MB are needed.",
            "Make room, or choose a folder on another disk.",
        )


def _missing(jars_dir: Path, lock: Path) -> list[_Set]:
    """The sets whose files are not there by name and size: cheap enough for every start."""
    return [wanted for wanted in _SETS if not _complete(wanted, jars_dir, lock)]


def _complete(wanted: _Set, jars_dir: Path, lock: Path) -> bool:
    folder = jars_dir / wanted.folder
    names = _locked_names(wanted, lock).keys()
    found = {f"{wanted.folder}/{jar.name}" for jar in folder.glob("*.jar")}
    sizes = folder / _SIZES
    return names == found and sizes.is_file() and sizes.read_text() == _sizes(folder)


def _locked_names(wanted: _Set, lock: Path) -> dict[str, str]:
    return {name: digest for name, digest in read_lock(lock).items() if name.startswith(f"{wanted.folder}/")}


def _sizes(folder: Path) -> str:
    return "".join(f"{jar.stat().st_size}  {jar.name}\n" for jar in sorted(folder.glob("*.jar")))


def _problems(wanted: _Set, jars_dir: Path, lock: Path) -> list[str]:
    names = _locked_names(wanted, lock)
    found = {f"{wanted.folder}/{jar.name}" for jar in (jars_dir / wanted.folder).glob("*.jar")}
    missing = [f"{name} is missing." for name in sorted(names.keys() - found)]
    extra = [f"{name} is not in {lock.name}." for name in sorted(found - names.keys())]
    wrong = sorted(name for name in names.keys() & found if _sha256(jars_dir / name) != names[name])
    return missing + extra + [f"{name} does not have the checksum in {lock.name}." for name in wrong]


def _install(wanted: _Set, jars_dir: Path, ivy: Ivy, lock: Path) -> None:
    """Into a folder beside, verified, then renamed: what has its final name is complete and right."""
    with tempfile.TemporaryDirectory(prefix=".part-", dir=jars_dir, ignore_cleanup_errors=True) as name:
        part = Path(name)
        fresh = part / wanted.folder
        _fetch(wanted, fresh, ivy, str(len(_locked_names(wanted, lock))))
        if problems := _problems(wanted, part, lock):
            for jar in fresh.glob("*.jar"):
                if read_lock(lock).get(f"{wanted.folder}/{jar.name}") != _sha256(jar):
                    ivy.forget(jar.name)
            raise ChurnError(
                f"Of the jars downloaded, {problems[0]}",
                "Run this again; if it says the same, do not use that jar and ask who runs the mirror it came from.",
            )
        (fresh / _SIZES).write_text(_sizes(fresh))
        final = jars_dir / wanted.folder
        if final.exists():
            final.rename(part / "old")
        fresh.rename(final)


def _fetch(wanted: _Set, folder: Path, ivy: Ivy, count: str) -> None:
    """Downloads a set. Of the connector, only what pyspark lacks: two versions on one class path end badly."""
    ivy.fetch(wanted.coordinate, folder, f"Downloading {wanted.what.format(count=count)}")
    if wanted.folder == "connector":
        shipped = {artifact_of(jar.name) for jar in pyspark_jars().glob("*.jar")}
        for jar in folder.glob("*.jar"):
            if artifact_of(jar.name) in shipped:
                jar.unlink()


@contextmanager
def _mendable(jars_dir: Path) -> Iterator[None]:
    """Turns what the operating system refuses into a sentence."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise no_space(jars_dir) from error
        what = error.filename or jars_dir
        raise ChurnError(
            f"The jars could not be set up: {what}: {error.strerror}.", "Mend that and run this again."
        ) from error


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
