"""From an event to a score in Redis over TLS, with passwords that nobody else gets to see."""

from __future__ import annotations

import json
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import HTTPError

import pytest

from churn import topics
from churn.child import Child
from churn.clock import wall_clock
from churn.embedded import free_port
from churn.events import encode
from churn.keys import Keys
from churn.view import View
from tests.conftest import Servers
from tests.e2e.conftest import Row, environment
from tests.secured import PASSWORD, USER, Secured

pytestmark = [pytest.mark.servers, pytest.mark.spark]

TELLING = b"x={1} $HOME"
"""A part of the password that no quoting changes."""


@pytest.fixture
def env(secured_servers: Secured, servers: Servers, models: Path, tmp_path: Path, topic_prefix: str) -> dict[str, str]:
    """Settings of programs that are let in: Kafka's password in a variable, that of Redis in a file."""
    assert TELLING.decode() in PASSWORD
    secret = tmp_path / "secret"
    secret.write_text(PASSWORD)
    own = {f"{kind}_topic": f"{topic_prefix}{kind}" for kind in ("events", "scores", "dead_letters")}
    kafka, place = secured_servers.kafka.model_copy(update=own), secured_servers.redis
    return {
        **environment("microbatch", servers, kafka, models, tmp_path / "var", free_port()),
        "CHURN_KAFKA__SASL_PASSWORD": PASSWORD,
        "CHURN_REDIS__URL": place.url,
        "CHURN_REDIS__USERNAME": USER,
        "CHURN_REDIS__PASSWORD_FILE": str(secret),
        "CHURN_REDIS__TLS_CA": str(place.tls_ca),
        "CHURN_API__PORT": str(free_port()),
    }


@pytest.fixture
def start(env: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., Child]]:
    started: list[Child] = []

    def start(*command: str, **more: str) -> Child:
        child = Child(command[0], [sys.executable, "-m", "churn.cli", *command], tmp_path / "var", env={**env, **more})
        started.append(child.start())
        return child

    yield start
    for child in started:
        child.stop(10)


def answer(env: dict[str, str], path: str, key: str = "") -> dict[str, object]:
    url = f"http://127.0.0.1:{env['CHURN_API__PORT']}{path}"
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"})
    try:
        with urllib.request.urlopen(request, timeout=5) as found:
            return dict(json.load(found))
    except HTTPError as error:
        return dict(json.load(error))
    except OSError:
        return {}


def command_lines() -> bytes:
    lines = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(file.read_bytes())
        except OSError:  # it has ended meanwhile
            continue
    return b"\n".join(lines)


def test_an_event_becomes_a_score_and_no_password_is_left_anywhere(
    secured_servers: Secured,
    env: dict[str, str],
    start: Callable[..., Child],
    simulated_log: Path,
    tmp_path: Path,
    eventually: Callable[..., bool],
) -> None:
    rows: list[Row] = [row for row in map(json.loads, simulated_log.read_text().splitlines()) if row["userId"]][:200]
    kafka = secured_servers.plain.model_copy(update={"events_topic": env["CHURN_KAFKA__EVENTS_TOPIC"]})
    topics.ensure(kafka.model_copy(update={"scores_topic": env["CHURN_KAFKA__SCORES_TOPIC"]}))
    programs = [start(name) for name in ("stream", "publish", "serve")]
    producer = topics.producer(kafka)
    for row in [*rows, {"page": "rubbish"}]:
        producer.send(kafka.events_topic, encode(row), key=row.get("userId", "").encode())
    producer.close()
    view = View.connect(secured_servers.redis)

    def scored() -> bool:
        return view.books().events_scored >= len(rows) or not all(program.alive for program in programs)

    assert eventually(scored, 180), view.books()
    assert all(program.alive for program in programs), "\n".join(program.tail(30) for program in programs)
    assert view.books().events_scored == len(rows)
    user = rows[0]["userId"]
    _, key = Keys(view.redis, wall_clock).create("tests", ["read"])
    assert eventually(lambda: answer(env, f"/v1/users/{user}/risk", key).get("user_id") == user, 10)
    assert b"churn.cli" in command_lines()
    assert TELLING not in command_lines()
    doctor = start("doctor")
    assert doctor.wait(60) == 0, doctor.tail()
    for program in programs:
        program.stop(30)
    written = [file for file in (tmp_path / "var").rglob("*") if file.is_file()]
    assert {"stream.log", "publish.log", "doctor.log", "metadata"} <= {file.name for file in written}
    assert [file for file in written if TELLING in file.read_bytes()] == []
    letters = start("dead-letters", "list")
    assert letters.wait(60) == 0, letters.tail()
    assert "missing-field" in letters.tail()


@pytest.mark.parametrize(
    ("command", "wrong", "words"),
    [
        (
            "stream",
            "KAFKA__SASL_PASSWORD",
            "Kafka at {kafka} refuses user scorer or the password. Correct the settings",
        ),
        ("publish", "KAFKA__SASL_PASSWORD", "Kafka at {kafka} refuses user scorer or the password. Correct the sett"),
        ("publish", "REDIS__PASSWORD_FILE", "Redis at {redis} refuses the user or the password. Correct the settings"),
        ("rebuild", "REDIS__PASSWORD_FILE", "Redis at {redis} refuses the user or the password. Correct the settings"),
        ("doctor", "KAFKA__SASL_PASSWORD", "FAIL Kafka: Kafka at {kafka} refuses user scorer or the password."),
        ("doctor", "REDIS__PASSWORD_FILE", "FAIL Redis: Redis at {redis} refuses the user or the password."),
        ("publish", "REDIS__TLS_CA", "Redis at {redis} is not trusted: unable to get local issuer certificate. Name"),
        ("stream", "KAFKA__TLS_CA", "Kafka at {kafka} is not trusted: unable to get local issuer certificate. Name"),
    ],
)
def test_a_wrong_password_ends_a_program_with_one_clear_sentence(
    secured_servers: Secured,
    env: dict[str, str],
    start: Callable[..., Child],
    tmp_path: Path,
    command: str,
    wrong: str,
    words: str,
) -> None:
    (tmp_path / "wrong").write_text("wrong")
    values = {"SASL_PASSWORD": "wrong", "PASSWORD_FILE": str(tmp_path / "wrong")}
    value = values.get(wrong.partition("__")[2], str(secured_servers.certificates.stranger))
    program = start(*command.split(), **{f"CHURN_{wrong}": value})
    assert program.wait(60) == 1, program.tail()
    told = words.format(kafka=secured_servers.kafka.bootstrap, redis=secured_servers.redis.address)
    assert [line for line in program.tail().splitlines() if told in line], program.tail()
    assert "Traceback" not in program.tail(100)


def test_the_api_says_that_it_is_not_let_in(
    env: dict[str, str], start: Callable[..., Child], tmp_path: Path, eventually: Callable[..., bool]
) -> None:
    (tmp_path / "wrong").write_text("wrong")
    start("serve", CHURN_REDIS__PASSWORD_FILE=str(tmp_path / "wrong"))
    assert eventually(lambda: "checks" in answer(env, "/readyz"), 30)
    assert "Redis refuses the credentials" in json.dumps(answer(env, "/readyz"))
