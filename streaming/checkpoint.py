"""The checkpoint's own facts: which epoch it counts in, for which feature table, and how its state is laid out."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from churn.errors import ChurnError
from churn.features import table_hash

FACTS = "epoch.json"
LAYOUT = 2
"""Of the state. Since 2 the events' identities are kept beside their user's features, in one shuffle."""

NEW_EPOCH = (
    "Start a new epoch: name a new folder in stream.checkpoint and a new topic in kafka.events_topic, and send opening "
    "balances there before anything else (docs/operations.md)."
)
"""What to do when a checkpoint cannot be gone on with. The old topic would count twice what the openings hold."""


def epoch(checkpoint: Path, shuffle_partitions: int, new: Callable[[], int]) -> int:
    """The epoch of a checkpoint.

    Args:
        checkpoint: the folder.
        shuffle_partitions: into how many parts the state is divided: for good, because a user's part is found by it.
        new: tells the epoch of a checkpoint that does not have one yet.

    Raises:
        ChurnError: the checkpoint was made for another feature table, by another release or with another number of
            parts, or is not one of ours.
    """
    held = read(checkpoint, shuffle_partitions)
    if held is not None:
        return held
    checkpoint.mkdir(parents=True, exist_ok=True)
    file = checkpoint / FACTS
    written, begun = file.with_suffix(f".{os.getpid()}"), new()
    facts = {"epoch": begun, "features": table_hash(), "shuffle_partitions": shuffle_partitions, "layout": LAYOUT}
    written.write_text(json.dumps(facts))
    written.replace(file)
    return begun


def read(checkpoint: Path, shuffle_partitions: int) -> int | None:
    """The epoch of a checkpoint, None where there is none yet. Writes nothing.

    Raises:
        ChurnError: as :func:`epoch`, or the checkpoint cannot be read, or it is an address as `s3a://…` and no folder.
    """
    if re.match(r"[a-z][a-z0-9+.-]+:/", str(checkpoint)):  # a path has but one of an address's two slashes
        raise ChurnError(
            f"The setting stream.checkpoint is an address, {checkpoint}; the stream itself looks into that folder.",
            "Name a folder that this machine, and those of the cluster, have mounted.",
        )
    file = checkpoint / FACTS
    if not file.is_file():
        if checkpoint.exists() and not _is_empty(checkpoint):
            raise ChurnError(
                f"{checkpoint} is not a checkpoint of churn stream.", "Name another folder in stream.checkpoint."
            )
        return None
    try:
        facts = json.loads(file.read_text())
        features, number, layout = facts["features"], int(facts["epoch"]), facts.get("layout", 1)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ChurnError(f"The checkpoint {checkpoint} cannot be read ({error}).", NEW_EPOCH) from None
    if features != table_hash():
        raise ChurnError(f"The checkpoint {checkpoint} was made for another feature table.", NEW_EPOCH)
    if layout != LAYOUT:
        raise ChurnError(f"The checkpoint {checkpoint} has layout {layout}; this release reads {LAYOUT}.", NEW_EPOCH)
    if facts["shuffle_partitions"] != shuffle_partitions:
        made = facts["shuffle_partitions"]
        raise ChurnError(
            f"The checkpoint {checkpoint} was made with {made} shuffle partitions, not {shuffle_partitions}.",
            f"Set stream.shuffle_partitions back to {made}. Or: {NEW_EPOCH}",
        )
    return number


def position(query: Path, topic: str) -> dict[int, int]:
    """How far a query's last committed batch has read a topic, by partition; empty before the first.

    Spark writes what a batch reads to `offsets/N`: a version, a line of settings, a line per source; and when it is
    done, `commits/N`.
    """
    try:
        committed = max(int(file.name) for file in (query / "commits").iterdir() if file.name.isdigit())
        lines = (query / "offsets" / str(committed)).read_text().splitlines()
        return {int(partition): int(offset) for partition, offset in json.loads(lines[2])[topic].items()}
    except (OSError, ValueError, KeyError, IndexError):
        return {}


def clear_uncommitted(query: Path) -> None:
    """Takes away what a query has left that was killed before its first commit.

    Real-time mode commits at the end of a batch, which may be minutes after its start. Spark refuses the state that it
    finds then; nothing of it is needed, because without a commit everything is read again.
    """
    if any(file.name.isdigit() for file in (query / "commits").glob("*")):
        return
    for left in ("state", "offsets"):
        shutil.rmtree(query / left, ignore_errors=True)


def _is_empty(checkpoint: Path) -> bool:
    """Whether nothing is there but what a program that was killed while it wrote the facts has left."""
    return checkpoint.is_dir() and all(file.name.startswith("epoch.") for file in checkpoint.iterdir())
