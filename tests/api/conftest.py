"""The API over a real socket, reading a real Valkey that the real publish function has filled."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import uvicorn

from api.app import create_app
from api.context import Context
from api.server import listen
from churn.embedded import Valkey
from churn.outcomes import AlertPolicy, HeartbeatPolicy
from churn.scores import Score
from churn.settings import DAY_MS, Settings
from churn.view import View

NOW_MS = 1_541_000_000_000  # 2018-10-31T15:33:20Z
HORIZON_DAYS = 30  # not the setting's default, which is about training
POLICY = AlertPolicy(0.3, 0.5, exit_ratio=0.85, cool_down_ms=7 * DAY_MS, outage_ms=1000 * DAY_MS, hold_ms=0)


def make_score(user_id: str = "7", **changes: object) -> Score:
    """A score of an active user, with what a test is about changed; risk is the sum of the two chances."""
    fields: dict[str, object] = {
        "user_id": user_id,
        "epoch": 1,
        "version": 1,
        "as_of": NOW_MS,
        "last_event": NOW_MS,
        "events": 12,
        "opened": 2,
        "heartbeats": 0,
        "level": "paid",
        "status": "active",
        "p_cancel": 0.1,
        "p_lapse": 0.05,
        "features": {"adverts_3d": 2.5, "paid": 1.0},
        "model_version": "m1",
        "received_ms": NOW_MS,
    } | changes
    fields.setdefault("risk", fields["p_cancel"] + fields["p_lapse"])  # type: ignore[operator]
    return Score(**fields)  # type: ignore[arg-type]


@dataclass
class Filled:
    """A view and the way to add to it."""

    view: View
    url: str
    offset: int = 0

    def add(self, *scores: Score, wall_ms: int = NOW_MS + 5) -> None:
        records = [(0, self.offset + place, score) for place, score in enumerate(scores)]
        begins, self.offset = self.offset, self.offset + len(scores)
        self.view.publish("churn.scores", records, wall_ms, {0: (begins, self.offset)})


@dataclass
class Served:
    """A running server."""

    client: httpx.Client
    context: Context


@contextmanager
def running(settings: Settings, clock: Callable[[], int]) -> Iterator[Served]:
    """Serves on a free port until left."""
    app = create_app(settings, clock)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
    with listen("127.0.0.1", 0) as door:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [door]})
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.005)
        with httpx.Client(base_url=f"http://127.0.0.1:{door.getsockname()[1]}", timeout=10) as client:
            try:
                yield Served(client, app.state.context)
            finally:
                server.should_exit = True
                thread.join(timeout=10)


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    with Valkey(Path(tmp_path_factory.mktemp("api"))) as server:
        yield server


@pytest.fixture
def filled(valkey: Valkey) -> Filled:
    """An empty view with the policy set."""
    view = View.connect(valkey.url)
    view.redis.flushdb()
    view.prepare(POLICY, HORIZON_DAYS, HeartbeatPolicy(DAY_MS, 7 * DAY_MS))
    return Filled(view, valkey.url)


@pytest.fixture
def serve_on() -> Iterator[Callable[[str], Served]]:
    """Starts servers that read the Redis at a URL."""
    with ExitStack() as stack:
        yield lambda url: stack.enter_context(running(Settings(redis={"url": url}), lambda: NOW_MS))


@pytest.fixture
def served(filled: Filled, serve_on: Callable[[str], Served]) -> Served:
    return serve_on(filled.url)


@pytest.fixture
def get(served: Served) -> Callable[[str], httpx.Response]:
    return served.client.get


@pytest.fixture
def score() -> Callable[..., Score]:
    return make_score


@pytest.fixture
def unreachable(serve_on: Callable[[str], Served]) -> Served:
    """A server whose Redis is not there."""
    with listen("127.0.0.1", 0) as door:
        port = door.getsockname()[1]
    return serve_on(f"redis://:hunter2@127.0.0.1:{port}/0")
