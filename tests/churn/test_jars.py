from __future__ import annotations

import errno
import shutil
import subprocess
import sys
from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn import jars, trust
from churn.errors import ChurnError
from churn.ivy import Ivy, artifact_of, pyspark_jars

BROKER_JARS = {"kafka_2.13-4.4.0.jar": b"broker", "zstd-jni-1.5.7-17.jar": b"zstd"}
CONNECTOR_JARS = {"spark-sql-kafka-0-10_2.13-4.2.0.jar": b"sql", "kafka-clients-3.9.2.jar": b"clients"}
SHIPPED_JARS = {"scala-library-2.13.18.jar": b"scala", "spark-tags_2.13-4.2.0.jar": b"another version than pyspark's"}

# What Ivy does, as far as the caller sees it: files appear where -retrieve says, and lines are printed.
FAKE_JAVA = """#!/bin/sh
exec {python} -I -S - "$@" <<"END"
import os, sys, time
from pathlib import Path
args = sys.argv[1:]
name = args[args.index("-dependency") + 2]
home = Path({home!r})
(home / "pid").write_text(str(os.getpid()))
with (home / "runs").open("a") as runs:
    runs.write(name + "\\n")
if (home / "strict").exists() and not [a for a in args if a.startswith("-Djavax.net.ssl.trustStore=")]:
    sys.exit("Server access error (PKIX path building failed: unable to find valid certification path)")
if (home / "slow").exists():
    (home / "started").touch()
    time.sleep(float((home / "slow").read_text()))
pattern = args[args.index("-retrieve") + 1]
for source in sorted((home / name).iterdir()):
    print("\\tfound x#" + source.name + " in public")
    target = pattern.replace("[artifact]-[revision].[ext]", source.name)
    Path(target).write_bytes(source.read_bytes())
    cached = Path(args[args.index("-cache") + 1]) / "x" / source.name
    cached.parent.mkdir(exist_ok=True)
    cached.write_bytes(source.read_bytes())
    print("\\t[SUCCESSFUL ] x#" + source.name)
sys.stdout.flush()
if (home / "slow after").exists():
    time.sleep(float((home / "slow after").read_text()))
if (home / "fail").exists():
    print((home / "fail").read_text())
    sys.exit(1)
END
"""


@dataclass
class Bench:
    """A folder for jars, a Java that brings files, and a lock that fits them."""

    root: Path
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.java.parent.mkdir(parents=True)
        self.java.write_text(FAKE_JAVA.format(python=sys.executable, home=str(self.java.parent)))
        self.java.chmod(0o755)
        self.offer("kafka_2.13", BROKER_JARS)
        self.offer("spark-sql-kafka-0-10_2.13", {**CONNECTOR_JARS, **SHIPPED_JARS})
        for folder, content in (("kafka", BROKER_JARS), ("connector", CONNECTOR_JARS)):
            (self.root / "right" / folder).mkdir(parents=True)
            for name, data in content.items():
                (self.root / "right" / folder / name).write_bytes(data)
        self.lock.write_text("\n".join(jars.lock_lines(self.root / "right")) + "\n")

    @property
    def java(self) -> Path:
        return self.root / "java" / "java"

    @property
    def jars_dir(self) -> Path:
        return self.root / "jars"

    @property
    def lock(self) -> Path:
        return self.root / "jars.lock"

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    def offer(self, artifact: str, content: dict[str, bytes]) -> None:
        shutil.rmtree(self.java.parent / artifact, ignore_errors=True)
        (self.java.parent / artifact).mkdir()
        for name, data in content.items():
            (self.java.parent / artifact / name).write_bytes(data)

    def tell(self, what: str, content: str) -> None:
        (self.java.parent / what).write_text(content)

    def ensure(self) -> jars.Jars:
        return jars.ensure(self.jars_dir, self.java, self.said.append, lock=self.lock, cache=self.cache)

    def runs(self) -> list[str]:
        runs = self.java.parent / "runs"
        return runs.read_text().split() if runs.exists() else []

    def left(self) -> set[str]:
        return {str(path.relative_to(self.jars_dir)) for path in self.jars_dir.rglob("*") if path.is_file()}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


INSTALLED = {
    ".lock",
    "kafka/.sizes",
    "connector/.sizes",
    *(f"kafka/{name}" for name in BROKER_JARS),
    *(f"connector/{name}" for name in CONNECTOR_JARS),
}


def test_what_pyspark_lacks_is_installed_and_nothing_else(bench: Bench) -> None:
    found = bench.ensure()
    assert found == jars.Jars(kafka=bench.jars_dir / "kafka", connector=bench.jars_dir / "connector")
    assert bench.left() == INSTALLED
    assert jars.verify(bench.jars_dir, bench.lock) == []
    assert bench.said[0] == "Downloading the Kafka broker (2 jars, about 45 MB, once) …"


def test_it_says_how_far_it_is(bench: Bench) -> None:
    bench.tell("slow", "0.2")
    bench.tell("slow after", "0.2")
    ivy = Ivy(bench.java, bench.cache, bench.said.append, report_s=0.01)
    ivy.fetch(jars.BROKER, bench.root / "new", "Downloading")
    assert list(dict.fromkeys(bench.said)) == ["Downloading …", "Downloading … 0 found", "Downloading … 2 jars"]


def test_the_second_time_nothing_is_downloaded(bench: Bench) -> None:
    bench.ensure()
    bench.java.unlink()
    bench.said.clear()
    bench.ensure()
    assert bench.said == []


@pytest.mark.parametrize("damage", ["missing", "truncated", "extra", "no sizes", "not in the lock"])
def test_a_set_that_is_not_whole_is_installed_again(bench: Bench, damage: str) -> None:
    bench.ensure()
    jar = bench.jars_dir / "kafka" / "kafka_2.13-4.4.0.jar"
    match damage:
        case "missing":
            jar.unlink()
        case "truncated":
            jar.write_bytes(b"bro")
        case "extra":
            jar.with_name("another-1.0.jar").write_bytes(b"")
        case "no sizes":
            jar.with_name(".sizes").unlink()
        case _:  # a set that is whole, but of another version
            jar.rename(jar.with_name("kafka_2.13-3.9.0.jar"))
            sizes = jar.with_name(".sizes")
            sizes.write_text(sizes.read_text().replace("4.4.0", "3.9.0"))
    bench.ensure()
    assert bench.runs() == ["kafka_2.13", "spark-sql-kafka-0-10_2.13", "kafka_2.13"]
    assert bench.left() == INSTALLED
    assert jars.verify(bench.jars_dir, bench.lock) == []


def test_a_jar_with_a_wrong_checksum_is_refused_by_name_and_not_kept(bench: Bench) -> None:
    bench.offer("kafka_2.13", {**BROKER_JARS, "zstd-jni-1.5.7-17.jar": b"evil"})
    with pytest.raises(ChurnError, match=r"kafka/zstd-jni-1\.5\.7-17\.jar does not have the checksum in jars\.lock"):
        bench.ensure()
    assert bench.left() == {".lock"}
    # Nor in Ivy's cache, which would bring it again.
    assert {path.name for path in bench.cache.rglob("*.jar")} == {"kafka_2.13-4.4.0.jar"}
    bench.offer("kafka_2.13", BROKER_JARS)
    bench.ensure()
    assert bench.left() == INSTALLED


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"kafka_2.13-4.4.0.jar": b"broker"}, "kafka/zstd-jni-1.5.7-17.jar is missing."),
        ({**BROKER_JARS, "new-1.0.jar": b""}, "kafka/new-1.0.jar is not in jars.lock."),
    ],
)
def test_a_jar_too_few_or_too_many_is_refused(bench: Bench, content: dict[str, bytes], problem: str) -> None:
    bench.offer("kafka_2.13", content)
    with pytest.raises(ChurnError) as caught:
        bench.ensure()
    assert problem in str(caught.value)
    assert bench.left() == {".lock"}


def test_no_network_is_one_sentence_and_no_trace(bench: Bench) -> None:
    bench.tell("fail", "java.net.UnknownHostException: somewhere\n\tat java.base/java.net.Socket")
    with pytest.raises(ChurnError, match=r"^The jars could not be downloaded .*\. Check the network .*\.$") as caught:
        bench.ensure()
    assert "\n" not in str(caught.value)
    assert "Exception" not in str(caught.value)
    assert bench.left() == {".lock"}


def test_a_java_that_does_not_trust_the_server_is_told_whom_the_system_trusts(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trust, "system_authorities", lambda: [b"an authority"])
    bench.tell("strict", "")
    bench.ensure()
    assert bench.left() == INSTALLED
    assert b"an authority" in (bench.cache / "authorities.jks").read_bytes()


def test_without_a_list_of_the_system_there_is_no_second_try(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust, "system_authorities", list)
    bench.tell("strict", "")
    with pytest.raises(ChurnError, match=r"^The jars could not be downloaded "):
        bench.ensure()
    assert bench.runs() == ["kafka_2.13"]


def test_a_disk_that_fills_up_while_downloading_is_one_sentence(bench: Bench) -> None:
    bench.tell("fail", "java.io.IOException: No space left on device\n\tat java.base/sun.nio")
    with pytest.raises(ChurnError, match=r"^The disk of .* is full\. Make room"):
        bench.ensure()


def test_a_disk_that_fills_up_while_installing_is_one_sentence(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, target: Path) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(ChurnError, match=r"^The disk of .* is full\. Make room"):
        bench.ensure()
    assert bench.left() == {".lock"}


def test_too_small_a_disk_is_noticed_before(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    for small in (bench.jars_dir, bench.cache):
        left = {small: 599_000_000}
        monkeypatch.setattr(shutil, "disk_usage", lambda path, left=left: usage(10**12, 0, left.get(path, 10**12)))
        with pytest.raises(ChurnError, match=rf"{small} has 599 MB left and 600 MB are needed\. Make room"):
            bench.ensure()
    assert bench.runs() == []


def test_a_java_that_is_not_there_is_one_sentence(bench: Bench) -> None:
    bench.java.unlink()
    with pytest.raises(ChurnError, match=r"/java could not be started: No such file or directory\. Install Java"):
        bench.ensure()


def test_a_folder_that_cannot_be_made_is_one_sentence(bench: Bench) -> None:
    bench.jars_dir.write_text("a file where the folder should be")
    with pytest.raises(ChurnError, match=r"jars: File exists\."):
        bench.ensure()


PROCESS = """
import sys
from pathlib import Path
from churn import jars
root = Path(sys.argv[1])
jars.ensure(root / "jars", root / "java" / "java", print, lock=root / "jars.lock", cache=root / "cache")
"""


def start(bench: Bench) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", PROCESS, bench.root], stdout=subprocess.PIPE, text=True)


@pytest.mark.servers
def test_a_setup_that_is_killed_leaves_nothing_half(bench: Bench, eventually: Callable[..., bool]) -> None:
    bench.tell("slow", "60")
    with start(bench) as process:
        assert eventually((bench.java.parent / "started").exists)
        # Beside means on the same disk, else the last step could not be a mere renaming.
        assert [path.name for path in bench.root.iterdir() if path.name.startswith(".")] == []
        assert len(list(bench.jars_dir.glob(".part-*"))) == 1
        process.kill()
    ivy = bench.java.parent / "pid"
    assert eventually(lambda: not psutil.pid_exists(int(ivy.read_text())))
    assert [path.name for path in bench.jars_dir.iterdir() if not path.name.startswith(".")] == []
    (bench.java.parent / "slow").unlink()
    bench.ensure()
    assert bench.left() == INSTALLED
    assert list(bench.jars_dir.glob(".part-*")) == []


@pytest.mark.servers
def test_two_at_once_download_once(bench: Bench, eventually: Callable[..., bool]) -> None:
    bench.tell("slow", "1")
    with start(bench) as one, start(bench) as two:
        said = [one.communicate()[0], two.communicate()[0]]
    assert (one.returncode, two.returncode) == (0, 0)
    assert bench.runs() == ["kafka_2.13", "spark-sql-kafka-0-10_2.13"]
    assert bench.left() == INSTALLED
    assert sum("Another set-up is running" in text for text in said) == 1


def test_verify_names_every_problem(bench: Bench) -> None:
    bench.ensure()
    (bench.jars_dir / "kafka" / "kafka_2.13-4.4.0.jar").write_bytes(b"Broker")
    (bench.jars_dir / "connector" / "kafka-clients-3.9.2.jar").unlink()
    (bench.jars_dir / "connector" / "x-1.0.jar").touch()
    assert jars.verify(bench.jars_dir, bench.lock) == [
        "kafka/kafka_2.13-4.4.0.jar does not have the checksum in jars.lock.",
        "connector/kafka-clients-3.9.2.jar is missing.",
        "connector/x-1.0.jar is not in jars.lock.",
    ]


@pytest.mark.parametrize("content", ["", "rubbish\n", f"{'0' * 64}  kafka/a.jar\nrubbish\n", f"{'0' * 63}  a\n"])
def test_a_damaged_lock_is_named(bench: Bench, content: str) -> None:
    bench.lock.write_text(content)
    with pytest.raises(ChurnError, match=r"jars\.lock is missing or damaged\."):
        bench.ensure()


def test_relock_writes_what_ensure_accepts(bench: Bench) -> None:
    bench.offer("kafka_2.13", {"kafka_2.13-5.0.0.jar": b"newer"})
    jars.relock(bench.root / "new", bench.java, bench.said.append, lock=bench.lock, cache=bench.cache)
    bench.ensure()
    assert jars.lock_lines(bench.jars_dir) == bench.lock.read_text().splitlines()
    assert (bench.jars_dir / "kafka" / "kafka_2.13-5.0.0.jar").exists()


@given(content=st.dictionaries(st.sampled_from("abcdef"), st.binary(max_size=64), min_size=1))
def test_the_lock_is_what_sha256sum_writes(content: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.mktemp("jars")
    (root / "kafka").mkdir()
    for name, data in content.items():
        (root / "kafka" / f"{name}.jar").write_bytes(data)
    names = sorted(f"kafka/{name}.jar" for name in content)
    command = [shutil.which("sha256sum") or "", *names]
    expected = subprocess.check_output(command, cwd=root, text=True)
    assert jars.lock_lines(root) == expected.splitlines()
    (root / "lock").write_text(expected)
    assert jars.verify(root, root / "lock") == []


@pytest.mark.parametrize(
    ("filename", "artifact"),
    [
        ("spark-sql-kafka-0-10_2.13-4.2.0.jar", "spark-sql-kafka-0-10_2.13"),
        ("scala-library-2.13.18.jar", "scala-library"),
        ("zstd-jni-1.5.7-17.jar", "zstd-jni"),
        ("commons-pool2-2.13.1.jar", "commons-pool2"),
        ("jackson-annotations-2.21.jar", "jackson-annotations"),
        ("guava-33.4.0-jre.jar", "guava"),
    ],
)
def test_artifact_of(filename: str, artifact: str) -> None:
    assert artifact_of(filename) == artifact


def test_the_locked_connector_is_what_pyspark_lacks() -> None:
    names = [Path(name).name for name in jars.read_lock(jars.LOCK) if name.startswith("connector/")]
    shipped = {artifact_of(jar.name) for jar in pyspark_jars().glob("*.jar")}
    assert sorted(artifact_of(name) for name in names) == [
        "commons-pool2",
        "kafka-clients",
        "spark-sql-kafka-0-10_2.13",
        "spark-token-provider-kafka-0-10_2.13",
    ]
    assert not shipped & {artifact_of(name) for name in names}


def test_the_lock_holds_the_versions_of_the_constants() -> None:
    names = jars.read_lock(jars.LOCK).keys()
    for folder, coordinate in (("kafka", jars.BROKER), ("connector", jars.CONNECTOR)):
        _, artifact, version = coordinate.split(":")
        assert f"{folder}/{artifact}-{version}.jar" in names


@pytest.mark.servers
def test_what_is_installed_is_what_the_lock_says(installed_jars: jars.Jars) -> None:
    assert jars.verify(jars.FOLDER) == []
    command = [shutil.which("sha256sum") or "", "--check", "--strict", "--quiet", str(jars.LOCK)]
    assert subprocess.run(command, cwd=jars.FOLDER, check=False).returncode == 0
