"""`churn deliver` as a process of its own, on the view that a test fills."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import SECRET, Served
from tests.api.webhooks.receiver import Receiver, receiving

HERE = ["127.0.0.0/8"]


class Deliver:
    """A running `churn deliver`."""

    def __init__(self, url: str, models: Path, log: Path) -> None:
        self._env = {
            **os.environ,
            "CHURN_REDIS__URL": url,
            "CHURN_MODELS": str(models),
            "CHURN_SECRETS__KEY": SECRET,
            "CHURN_WEBHOOKS__HTTP_NETWORKS": '["127.0.0.0/8"]',
            "CHURN_WEBHOOKS__METRICS_PORT": "0",
        }
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as out:
            command = [sys.executable, "-m", "churn.cli", "deliver"]
            self.process = subprocess.Popen(command, env=self._env, stdout=out, stderr=out)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Ends it in order; its exit code."""
        if self.process is None or self.process.poll() is not None:
            return 0 if self.process is None else int(self.process.returncode)
        self.process.terminate()
        return self.process.wait(20)


@pytest.fixture
def served(filled: Any, serve_on: Callable[..., Served]) -> Served:
    """As for every test of the API, but a webhook may go to this machine."""
    return serve_on(filled.url, webhooks={"http_networks": HERE})


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as started:
        yield started


@pytest.fixture
def deliver(filled: Any, small_models: Path, tmp_path: Path) -> Iterator[Deliver]:
    """Not started yet."""
    program = Deliver(filled.url, small_models, tmp_path / "deliver.log")
    yield program
    program.stop()
