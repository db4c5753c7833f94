"""The API over a real socket, reading a real Valkey that the real publish function has filled."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
import uvicorn

from api.app import create_app
from api.connection import Connection
from api.context import Context
from api.server import listen
from churn import bundle
from churn.embedded import Valkey
from churn.explain import Explainer
from churn.keys import SCOPES, Keys
from churn.outcomes import AlertPolicy, HeartbeatPolicy
from churn.scores import Score
from churn.settings import DAY_MS, Settings
from churn.view import View
from tests.api.small_model import TYPICAL, write_bundle

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


SECRET = "a secret that only these tests have, and no one else"  # noqa: S105
NOBODY = f"churn_{0:012}_{'nobody-has-this-key':-<43}"


@dataclass
class Wall:
    """A wall clock that a test moves."""

    now_ms: int = NOW_MS

    def __call__(self) -> int:
        return self.now_ms


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
    """A running server, and a client that may everything."""

    client: httpx.Client
    context: Context
    wall: Wall
    models: Path

    def key(self, *scopes: str, **options: Any) -> dict[str, str]:
        """Headers with a key of some scopes."""
        _, token = self.context.keys.create("test", scopes, **options)
        return {"Authorization": f"Bearer {token}"}


@contextmanager
def running(settings: Settings, wall: Wall, port: int = 0) -> Iterator[Served]:
    """Serves until left, by default on a free port."""
    app = create_app(settings, wall)
    context: Context = app.state.context
    config = uvicorn.Config(app, log_config=None, access_log=False, http=Connection, timeout_graceful_shutdown=3)
    server = uvicorn.Server(config)
    with listen("127.0.0.1", port) as door:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [door]})
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.005)
        with httpx.Client(base_url=f"http://127.0.0.1:{door.getsockname()[1]}", timeout=10) as client:
            client.headers["Authorization"] = f"Bearer {_key(context)}"
            try:
                yield Served(client, context, wall, settings.models)
            finally:
                server.should_exit = True
                context.end_streams()  # as `churn serve` does: they have no end of their own
                client.close()
                thread.join(timeout=10)


def _key(context: Context) -> str:
    """A key for everything; where Redis is not there, one that nobody has."""
    try:
        return Keys(context.view.redis, context.clock).create("tests", SCOPES, per_second=100_000)[1]
    except redis.RedisError:
        return NOBODY


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    with Valkey(Path(tmp_path_factory.mktemp("api"))) as server:
        yield server


@pytest.fixture(scope="session")
def small_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the bundle m1, by which the scores of these tests are explained."""
    models = tmp_path_factory.mktemp("models")
    write_bundle(models, "m1", HORIZON_DAYS)
    return models


@pytest.fixture(scope="session")
def explainer(small_models: Path) -> Explainer:
    return Explainer(bundle.load(small_models))


@pytest.fixture
def filled(valkey: Valkey) -> Filled:
    """An empty view with the policy set."""
    view = View.connect(valkey.url)
    view.redis.flushdb()
    view.prepare(POLICY, HORIZON_DAYS, HeartbeatPolicy(DAY_MS, 7 * DAY_MS))
    return Filled(view, valkey.url)


@pytest.fixture
def serve_on(small_models: Path) -> Iterator[Callable[..., Served]]:
    """Starts servers that read the Redis at a URL; more settings by section."""
    with ExitStack() as stack:

        def start(url: str, **sections: Any) -> Served:
            chosen = {"redis": {"url": url}, "models": small_models, "secrets": {"key": SECRET}} | sections
            return stack.enter_context(running(Settings(**chosen), Wall()))

        yield start


@pytest.fixture
def served(filled: Filled, serve_on: Callable[..., Served]) -> Served:
    return serve_on(filled.url)


@pytest.fixture
def get(served: Served) -> Callable[..., httpx.Response]:
    return served.client.get


@pytest.fixture
def score() -> Callable[..., Score]:
    return make_score


@pytest.fixture
def scored(explainer: Explainer) -> Callable[..., Score]:
    """Makes a score as the model m1 gives it: a typical user with some features changed."""

    def make(user_id: str = "7", features: dict[str, float] | None = None, **changes: object) -> Score:
        values = {**TYPICAL, **(features or {})}
        p_cancel, p_lapse = explainer.chances(values)
        return make_score(user_id, features=values, **({"p_cancel": p_cancel, "p_lapse": p_lapse} | changes))

    return make


@pytest.fixture
def unreachable(serve_on: Callable[..., Served]) -> Served:
    """A server whose Redis is not there."""
    with listen("127.0.0.1", 0) as door:
        port = door.getsockname()[1]
    return serve_on(f"redis://:hunter2@127.0.0.1:{port}/0")
