"""A disk that is really full, below the checkpoint or below Spark's temporary files, while events flow."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from churn.child import Child
from churn.demo.figures import scrape
from churn.settings import Mode
from streaming.restarts import DISK_IS_FULL
from tests.e2e.audit import unlike
from tests.e2e.conftest import Running, identities, send
from tests.e2e.test_restarts import legs
from tests.oracle import expect

pytestmark = [pytest.mark.servers, pytest.mark.spark]

SIZE_MB = 64
LIMIT_S = 300


class SmallDisk:
    """A disk of its own.

    Args:
        folder: where it is mounted.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self._ballast = folder, folder / "ballast"

    def fill(self) -> None:
        """Leaves not one byte."""
        with self._ballast.open("ab", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))

    def free(self) -> None:
        """Makes room again."""
        self._ballast.unlink()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        told = f"a small disk may not be mounted here: {done.stderr.strip()}"
        if os.environ.get("CI") == "true":
            pytest.fail(told)
        pytest.skip(told)
    yield SmallDisk(folder)
    # Lazily: whatever a program that dies a moment later still holds there.
    subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S607 (root's own path)


@pytest.mark.parametrize(
    ("mode", "what"), [("microbatch", "STREAM__CHECKPOINT"), ("realtime", "STREAM__CHECKPOINT"), ("microbatch", "VAR")]
)
def test_a_full_disk_is_named_and_costs_nothing(
    small_disk: SmallDisk, running: Running, eventually: Callable[..., bool], mode: Mode, what: str
) -> None:
    first, second, third = legs()
    more = {
        "CHURN_STREAM__MAX_OFFSETS_PER_TRIGGER": "500",
        "CHURN_STREAM__REALTIME_BATCH": "5 seconds",
        f"CHURN_{what}": str(small_disk.folder / "full"),
    }

    def failures(stream: Child) -> list[float]:
        """The waits after failures of the scoring query; each was named."""
        lines = [line for line in stream.log.read_text().splitlines() if "started again" in line]
        assert all(f'reason="{DISK_IS_FULL}"' in line for line in lines), stream.tail(40)
        return [float(re.findall(r"wait_s=([\d.]+)", line)[0]) for line in lines if "query=scores" in line]

    def goes_on(stream: Child, batches: float = 0) -> bool:
        """Whether more batches are completed: in real-time mode scores come before there is room to write that down."""
        return eventually(lambda: completed() > batches or not stream.alive, LIMIT_S) and stream.alive

    def completed() -> float:
        return scrape(running.port).get(("churn_stream_batches_total", mode), 0)

    publish = running.start("publish")
    send(first, running.kafka)
    stream = running.start("stream", mode, **more)
    running.reach(identities(first), stream, LIMIT_S)

    small_disk.fill()
    send(second, running.kafka)
    # Longer and longer.
    assert eventually(lambda: 4 in failures(stream) or not stream.alive, LIMIT_S), stream.tail(40)
    assert stream.alive, stream.tail(40)
    batches = completed()
    small_disk.free()
    assert goes_on(stream, batches), stream.tail(40)
    running.reach(identities(first + second), stream, LIMIT_S)

    small_disk.fill()
    before = len(failures(stream))
    send(third, running.kafka)
    assert eventually(lambda: len(failures(stream)) > before, LIMIT_S), stream.tail(40)
    stream.kill()
    small_disk.free()
    stream = running.start("stream", mode, **more)
    assert goes_on(stream), stream.tail(40)
    running.reach(identities(first + second + third), stream, LIMIT_S)
    assert (stream.stop(20), publish.stop(20)) == (0, 0)

    expected = expect(first + second + third)
    assert set(running.view.user_ids()) == set(expected)
    assert unlike(running.view, expected) == []
