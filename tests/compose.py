"""docker-compose.yml and the Dockerfile as tests read them."""

from __future__ import annotations

import fnmatch
import shlex
import shutil
from pathlib import Path
from typing import Any

import yaml

from churn.settings import PROJECT

OURS = ("stream", "publish", "serve", "deliver")
"""The services that run for as long as the system does and are programs of this repository."""


def compose() -> dict[str, Any]:
    """The file, with its anchors resolved."""
    return dict(yaml.safe_load((PROJECT / "docker-compose.yml").read_text()))


def services() -> dict[str, dict[str, Any]]:
    """By name."""
    return dict(compose()["services"])


def as_run(parts: list[str]) -> list[str]:
    """A command as the engine runs it: `$$` stands for `$`."""
    return [part.replace("$$", "$") for part in parts]


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions and what follows each, in order."""
    lines = [line for line in (PROJECT / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in joined.splitlines() if line.strip()]


def copied() -> list[str]:
    """What of this repository goes into the image."""
    arguments = [shlex.split(rest) for name, rest in instructions() if name == "COPY"]
    return [source for parts in arguments if not parts[0].startswith("--from") for source in parts[:-1]]


def sent_to_the_builder(path: str) -> bool:
    """Whether .dockerignore lets it through; a later line rules over an earlier one."""
    through = True
    for line in (PROJECT / ".dockerignore").read_text().splitlines():
        pattern = line.removeprefix("!")
        if line and not line.startswith("#") and any(fnmatch.fnmatch(part, pattern) for part in (path, f"/{path}")):
            through = line.startswith("!")
    return through


def image(folder: Path) -> Path:
    """A folder that holds of this repository what the image does, and the packages and jars that its build brings."""
    folder.mkdir()
    for name in copied():  # copies: a program takes the place of its own file for that of the project
        if (PROJECT / name).is_dir():
            shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(PROJECT / name, folder / name)
    for name in (".venv", ".jars"):
        (folder / name).symlink_to(PROJECT / name)
    return folder
