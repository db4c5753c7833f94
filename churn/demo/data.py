"""The folder of a demo's data: recognised, emptied, and marked as one that a demo may empty."""

from __future__ import annotations

import shutil
from pathlib import Path

from churn.errors import ChurnError

MARKER = ".made-by-churn-demo"


def require_own(folder: Path) -> None:
    """Raises ChurnError for a folder that holds something and was not made by a demo: a demo would delete it all."""
    if folder.is_dir() and any(folder.iterdir()) and not _is_own(folder):
        raise ChurnError(
            f"{folder} was not made by a demo, and a demo would delete what it holds.",
            "Move it away, or choose another folder with --var.",
        )


def empty(folder: Path) -> None:
    """Makes the folder, or removes everything in it but the marker, without which a removal cut short could not go on.

    Raises:
        ChurnError: as :func:`require_own`.
    """
    require_own(folder)
    folder.mkdir(exist_ok=True)
    (folder / MARKER).touch()
    for held in folder.iterdir():
        if held.is_dir() and not held.is_symlink():
            shutil.rmtree(held, ignore_errors=True)
        elif held.name != MARKER:
            held.unlink(missing_ok=True)


def _is_own(folder: Path) -> bool:
    """By its marker, or, made by a release that set none, by what a demo holds."""
    held = {path.name for path in folder.iterdir() if path.is_dir()}
    return (folder / MARKER).exists() or ("logs" in held and bool(held & {"checkpoint", "models"}))
