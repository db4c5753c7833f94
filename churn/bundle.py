"""The model bundle on disk: pipelines, a card, a manifest of SHA-256. Reads and verifies; needs no pyspark."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from churn import durable
from churn.errors import ChurnError
from churn.features import FEATURES, table_hash
from churn.outcomes import OUTCOMES, Outcome

CARD = "card.json"
MANIFEST = "manifest.json"
CURRENT = "current"
LAYOUT = 2
"""Of the files of a bundle and of its card. 1 had neither calibration nor ONNX files."""
VERSION = re.compile("[0-9A-Za-z._-]{1,64}")


@dataclass(frozen=True)
class Bundle:
    """A verified bundle. `card` is the whole of `card.json`."""

    path: Path
    card: dict[str, Any]

    @property
    def version(self) -> str:
        """Starts with its time of creation, so that a newer bundle's version is the larger text."""
        return str(self.card["version"])

    @property
    def horizon_days(self) -> int:
        """How far the probabilities look ahead."""
        return int(self.card["labels"]["horizon_days"])

    def pipeline(self, outcome: Outcome) -> Path:
        """Where the MLlib pipeline of an outcome stands."""
        return self.path / outcome

    def onnx(self, outcome: Outcome) -> Path:
        """The same model for a reader without a JVM."""
        return self.path / f"{outcome}.onnx"

    def require_models(self) -> None:
        """Raises ChurnError unless both models are there in both forms: a bundle of a card alone is whole, too."""
        for outcome in OUTCOMES:
            pipeline, onnx = self.pipeline(outcome), self.onnx(outcome)
            held = {pipeline: any(file.is_file() for file in pipeline.rglob("*")), onnx: onnx.is_file()}
            for path, there in held.items():
                if not there:
                    raise ChurnError(f"The model {self.version} cannot score: it holds no {path.name}.", _MEND)


def wait(models: Path, timeout_s: float, stopping: threading.Event) -> Bundle:
    """Loads the current bundle, and waits for the first one to be made.

    Args:
        models: the folder of bundles.
        timeout_s: how long to wait for it.
        stopping: ends the waiting.

    Raises:
        ChurnError: as :func:`load`; nobody waits for a damaged bundle to mend itself.
    """
    deadline_s = time.monotonic() + timeout_s
    while not (models / CURRENT).exists() and time.monotonic() < deadline_s:
        if stopping.wait(0.2):
            break
    return load(models)


def manifest(path: Path) -> dict[str, str]:
    """SHA-256 of every file of a bundle but the manifest, by its path inside the bundle."""
    files = sorted(file for file in path.rglob("*") if file.is_file() and file != path / MANIFEST)
    return {str(file.relative_to(path)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def seal(path: Path, card: dict[str, Any]) -> Bundle:
    """Writes the card and the manifest beside the pipelines that already stand in `path`."""
    card = {"layout": LAYOUT, **card}
    (path / CARD).write_text(json.dumps(card, indent=2) + "\n")
    (path / MANIFEST).write_text(json.dumps(manifest(path), indent=2) + "\n")
    return Bundle(path, card)


def place(folder: Path, models: Path, version: str) -> None:
    """Moves a sealed bundle among the others, in one step: even after a power cut all of it is there, or nothing."""
    durable.contents_to_disk(folder)
    folder.rename(models / version)
    durable.names_to_disk(models)


def use(models: Path, version: str) -> None:
    """Makes a version the current one, atomically.

    Raises:
        ChurnError: as :func:`require_link`.
    """
    require_link(models)
    link = models / f".{CURRENT}-{secrets.token_hex(4)}"
    try:
        link.symlink_to(version)
        link.replace(models / CURRENT)
    finally:
        link.unlink(missing_ok=True)
    durable.names_to_disk(models)


def require_link(models: Path) -> None:
    """Raises ChurnError when something else than a link has the name by which the current version is found."""
    current = models / CURRENT
    if current.exists() and not current.is_symlink():
        raise ChurnError(f"{current} is not the link to a version that it should be.", "Remove or rename it.")


def chosen(models: Path) -> str | None:
    """The version that is the current one, None where there is none; nothing is verified."""
    link = models / CURRENT
    return link.readlink().name if link.is_symlink() else None


def load(models: Path, version: str = CURRENT) -> Bundle:
    """Verifies a bundle and returns it.

    Raises:
        ChurnError: there is none, it is damaged, its card lacks what every program needs, or it was made for another
            feature table; it names the file or the feature.
    """
    if not VERSION.fullmatch(version):
        raise ChurnError(
            f"There is no model {version[:64]!r}: a version is 1 to 64 letters, digits, dots and dashes.",
            "Look at: churn models list.",
        )
    path = (models / version).resolve()
    if not path.is_dir() or path.parent != models.resolve():
        raise ChurnError(
            f"There is no model in {models / version}.",
            "Look at those there are: churn models list; or train one: churn train --events FILE.",
        )
    try:
        listed = dict(json.loads((path / MANIFEST).read_text()))
        card = dict(json.loads((path / CARD).read_text()))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise ChurnError(f"The model {path.name} cannot be read ({error}).", _MEND) from None
    _intact(path, listed)
    if card.get("version") != path.name:
        raise ChurnError(
            f"The model in {path.name} is {str(card.get('version'))[:64]}.", "Rename the folder to that version."
        )
    with reading(path.name):
        _fits(path, card)
        _usable(card)
    return Bundle(path, card)


_MEND = "Use another version or train again: churn train --events FILE."


@contextmanager
def reading(version: str) -> Iterator[None]:
    """While a card is read: what it lacks, or holds in another shape than it should, is told as a ChurnError."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise ChurnError(
            f"The card of the model {version} is not as it should be ({type(error).__name__}: {error}).", _MEND
        ) from None


def _intact(path: Path, listed: dict[str, str]) -> None:
    if link := next((each for each in path.rglob("*") if each.is_symlink()), None):
        raise ChurnError(f"The model {path.name} is damaged: {link.relative_to(path)} is a link.", _MEND)
    held = manifest(path)
    for name in sorted(listed.keys() | held.keys()):
        if listed.get(name) != held.get(name):
            state = "missing" if name not in held else "not in the manifest" if name not in listed else "changed"
            raise ChurnError(f"The model {path.name} is damaged: {name} is {state}.", _MEND)


def _fits(path: Path, card: dict[str, Any]) -> None:
    if card.get("layout", 1) != LAYOUT:
        raise ChurnError(
            f"The model {path.name} has layout {card.get('layout', 1)}; this release reads layout {LAYOUT}.", _MEND
        )
    if card["features"]["hash"] == table_hash() and set(card["outcomes"]) == set(OUTCOMES):
        return
    known = {row["name"]: row for row in card["features"]["table"]}
    ours = {row["name"]: row for row in feature_rows()}
    differing = next((name for name in [*ours, *known] if ours.get(name) != known.get(name)), "the landmark")
    raise ChurnError(f"The model {path.name} was made for another feature table: {differing} differs.", _MEND)


def _usable(card: dict[str, Any]) -> None:
    """Raises LookupError or TypeError unless a card holds what every program takes from it."""
    labels, thresholds = card["labels"], card["thresholds"]
    if type(labels["horizon_days"]) is not int:
        raise TypeError("labels.horizon_days is no whole number")
    for band in ("medium", "high"):
        if type(thresholds[band]) not in (int, float):
            raise TypeError(f"thresholds.{band} is no number")


def feature_rows() -> list[dict[str, Any]]:
    """The feature table as the card holds it."""
    return [{**asdict(feature), "pages": list(feature.pages)} for feature in FEATURES]
