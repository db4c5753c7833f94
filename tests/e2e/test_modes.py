"""`--mode auto` and a swap of models, on real servers: one checkpoint, every event counted once, no alert by a swap."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from churn import bundle
from churn.demo.figures import scrape
from churn.scores import Score
from churn.settings import DAY_MS
from churn.simulator import Simulation
from churn.view import View
from tests.e2e.audit import recorded, unlike
from tests.e2e.conftest import Running, disturbed, identities, send
from tests.oracle import expect

pytestmark = [pytest.mark.servers, pytest.mark.spark]

START_MS = 1_538_352_000_000
DAYS = 8
MODES = ("churn_stream_mode", "realtime"), ("churn_stream_mode", "microbatch")


def copied(models: Path, folder: Path) -> list[str]:
    """The folder gets the trained bundle three times: as it is, of another version, and damaged."""
    held = bundle.load(models)
    versions = [held.version, f"{held.version}-second", f"{held.version}-third"]
    for version in versions:
        shutil.copytree(held.path, folder / version)
        (folder / version / bundle.MANIFEST).unlink()
        bundle.seal(folder / version, {**held.card, "version": version})
    (folder / versions[2] / "cancel.onnx").write_bytes(b"damaged")
    bundle.use(folder, versions[0])
    return versions


def test_a_backlog_then_live_then_another_model(
    running: Running, models: Path, eventually: Callable[..., bool], tmp_path: Path
) -> None:
    first, second, third = copied(models, tmp_path / "models")
    rows, _ = disturbed(list(Simulation(60, START_MS, START_MS + DAYS * DAY_MS, seed=5).events()), seed=6)
    parts = [[row for row in rows if (row["ts"] - START_MS) // DAY_MS * 4 // DAYS == part] for part in range(4)]
    view, port = running.view, running.port
    settings = {
        "CHURN_MODELS": str(tmp_path / "models"),
        "CHURN_STREAM__LIVE_LAG": "50",
        "CHURN_STREAM__BACKLOG_LAG": "500",
        "CHURN_STREAM__MAX_OFFSETS_PER_TRIGGER": "500",
    }

    def score(through: int) -> None:
        """Sends a part, and waits until it and those before it are scored."""
        send(parts[through], running.kafka)
        running.reach(identities([row for part in parts[: through + 1] for row in part]), stream)

    send(parts[0], running.kafka)
    stream, publish = (running.start(command, "auto", **settings) for command in ("stream", "publish"))
    modes: set[tuple[float | None, float | None]] = set()

    def live() -> bool:
        found = scrape(port)
        modes.add((found.get(MODES[0]), found.get(MODES[1])))
        return found.get(MODES[0]) == 1

    assert eventually(live, 120), stream.tail(30)
    assert (0, 1) in modes, "it began with micro-batches"
    running.reach(identities(parts[0]), stream)
    score(1)
    assert eventually(lambda: scrape(port).get(("churn_stream_lag_events",)) == 0, 20)

    alerts = view.books().alerts
    bundle.use(tmp_path / "models", second)
    assert eventually(lambda: scrape(port).get(("churn_stream_model", second)) == 1, 60), stream.tail(30)
    score(2)
    bundle.use(tmp_path / "models", third)
    assert eventually(lambda: "the chosen model is not taken" in stream.log.read_text(), 20)
    score(3)
    counted = scrape(port)
    starts = {labels[0]: count for (name, *labels), count in counted.items() if name == "churn_stream_starts_total"}
    assert starts == {"begin": 1, "live": 1, "model": 1}
    assert (stream.stop(20), publish.stop(20)) == (0, 0)

    assert unlike(view, expect(rows)) == []
    records = recorded(running.kafka)
    assert {record.model_version for record in records} == {first, second}
    assert swapped_silently(records, view)
    assert alerts <= view.books().alerts


def swapped_silently(records: list[Score], view: View) -> bool:
    """No alert is about the first score of a user by another model."""
    first_by: dict[tuple[str, str], int] = {}
    for record in records:
        first_by.setdefault((record.user_id, record.model_version), record.version)
    return not any(first_by[alert.user_id, alert.model_version] == alert.version for alert in view.alerts(10_000))
