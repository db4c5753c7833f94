"""The checkpoint's own facts: which epoch it counts in, and for which feature table."""

from __future__ import annotations

import json
import os
from pathlib import Path

from churn.errors import ChurnError
from churn.features import table_hash

FACTS = "epoch.json"


def epoch(checkpoint: Path, now_ms: int) -> int:
    """The epoch of a checkpoint; a new checkpoint starts a new one, larger than any before it.

    Raises:
        ChurnError: the checkpoint was made for another feature table, or is not one of ours.
    """
    file = checkpoint / FACTS
    if file.is_file():
        try:
            facts = json.loads(file.read_text())
        except ValueError:
            facts = {}
        if facts.get("features") != table_hash():
            raise ChurnError(
                f"The checkpoint {checkpoint} was made for another feature table.",
                "Name a new folder in the setting stream.checkpoint and open its balances with `churn bootstrap`.",
            )
        return int(facts["epoch"])
    if checkpoint.exists() and any(checkpoint.iterdir()):
        raise ChurnError(
            f"{checkpoint} is not a checkpoint of churn stream.", "Name another folder in stream.checkpoint."
        )
    checkpoint.mkdir(parents=True, exist_ok=True)
    written = file.with_suffix(f".{os.getpid()}")
    written.write_text(json.dumps({"epoch": now_ms, "features": table_hash()}))
    written.replace(file)
    return now_ms
