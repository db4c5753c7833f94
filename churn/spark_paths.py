"""Paths as Spark takes them: a name with certain characters is a pattern to it, which other files may match."""

from __future__ import annotations

import re
from pathlib import Path

_PATTERN = re.compile(r"[\[\]{}*?\\]")


def is_pattern(path: Path) -> bool:
    """Whether Spark would look for other files than this one."""
    return _PATTERN.search(str(path)) is not None


def literally(path: Path) -> str:
    """A path as Spark takes it for that of one file, whatever its name; good for reading, not for writing."""
    return _PATTERN.sub(r"\\\g<0>", str(path))
