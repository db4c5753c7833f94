"""Somebody who was forgotten stays so: for publish, for a rebuild, for the next bootstrap."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kafka import KafkaProducer

from churn import forgotten
from churn.errors import ChurnError
from churn.forgotten import Forgotten, marker_record, read_marker
from churn.secret_keys import SecretKeys
from churn.settings import Kafka, Secrets, Settings
from churn.view import View
from streaming import publish
from streaming.open_balances import Opened, open_balances
from streaming.polled import Polled
from streaming.rebuild import rebuild
from tests.conftest import Servers
from tests.streaming.test_publish import SCORE, publishing, send, settings_for

KEY = "a key that lives as long as these tests do"
KEYS = SecretKeys([KEY])
NOTHING_UNREADABLE: Any = SimpleNamespace(bury=lambda _: pytest.fail("it can be read"))


def message(value: bytes | None, key: str = "7", offset: int = 0) -> Any:
    return SimpleNamespace(partition=0, offset=offset, key=key.encode(), value=value)


def of(score: Any) -> bytes:
    return json.dumps(asdict(score)).encode()


def test_a_poll_is_sorted_by_what_its_records_are() -> None:
    marker = KEYS.markers("9")[0]
    ann, bob = replace(SCORE, user_id="ann"), replace(SCORE, user_id="bob")
    messages = [
        message(of(ann), offset=1), message(of(bob), offset=2), message(None, "ann", 3),
        message(of(replace(ann, version=2)), offset=4), message(marker_record(marker)[1], offset=5),
    ]  # fmt: skip
    found = Polled.of(messages, NOTHING_UNREADABLE)
    assert [(offset, score.user_id, score.version) for _, offset, score in found.scores] == [
        (2, "bob", 1),
        (4, "ann", 2),
    ]
    assert (found.erased, found.markers) == (["ann"], [marker])


@pytest.mark.parametrize(
    "value",
    [
        of(SCORE),
        b'{"forgotten": 7}',
        b'{"forgotten": "x"}',
        b'{"forgotten"',
        b'{"forgotten": "' + b"F" * 32 + b'"}',
        b"",
    ],
)
def test_what_is_no_marker_is_none(value: bytes) -> None:
    assert read_marker(value) is None


@pytest.mark.servers
class TestPublishing:
    def settings(self, tmp_path: Path, kafka: Kafka, servers: Servers) -> Settings:
        plain = settings_for(tmp_path, kafka, servers.redis_url)
        return plain.model_copy(update={"secrets": Secrets.model_validate({"key": KEY})})

    def tell(self, kafka: Kafka, user_id: str) -> None:
        """What the API sends, in the partition of the user."""
        key, value = marker_record(KEYS.markers(user_id)[0])
        producer = KafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all")
        partition = producer.send(kafka.scores_topic, None, key=user_id.encode()).get(10).partition
        producer.send(kafka.scores_topic, value, key=key, partition=partition)
        producer.send(kafka.scores_topic, None, key=user_id.encode())
        producer.close()

    def test_what_arrives_after_the_marker_is_passed_over(
        self, kafka: Kafka, servers: Servers, redis_client: Any, tmp_path: Path, eventually: Callable[..., bool]
    ) -> None:
        view = View.connect(servers.redis_url)
        with publishing(self.settings(tmp_path, kafka, servers)):
            send(kafka, [SCORE, replace(SCORE, user_id="8")])
            assert eventually(lambda: view.books().users == 2, 15)
            self.tell(kafka, "7")
            send(kafka, [replace(SCORE, version=2), replace(SCORE, user_id="8", version=2)])
            assert eventually(lambda: sum(view.position(kafka.scores_topic, n) for n in range(2)) == 7, 15)
        assert view.user_ids() == ["8"]
        assert (view.books().users, view.books().scores) == (1, 3)

    def test_while_publish_runs_the_view_itself_may_be_told(
        self, kafka: Kafka, servers: Servers, redis_client: Any, tmp_path: Path, eventually: Callable[..., bool]
    ) -> None:
        view = View.connect(servers.redis_url)
        with publishing(self.settings(tmp_path, kafka, servers)):
            send(kafka, [SCORE, replace(SCORE, user_id="8")])
            assert eventually(lambda: view.books().users == 2, 15)
            view.forget("7", KEYS.markers("7")[0])
            send(kafka, [replace(SCORE, version=2), replace(SCORE, user_id="8", version=2)])
            assert eventually(lambda: sum(view.position(kafka.scores_topic, n) for n in range(2)) == 4, 15)
        assert view.user_ids() == ["8"]

    def test_an_empty_redis_learns_it_from_the_topic(
        self, kafka: Kafka, servers: Servers, redis_client: Any, tmp_path: Path
    ) -> None:
        send(kafka, [SCORE, replace(SCORE, user_id="8")])
        self.tell(kafka, "7")
        send(kafka, [replace(SCORE, version=2)])
        settings = self.settings(tmp_path, kafka, servers)
        assert rebuild(settings, lambda _: None, threading.Event()) == 1
        view = View.connect(servers.redis_url)
        assert view.user_ids() == ["8"]
        assert redis_client.smembers("churn:forgotten") == {KEYS.markers("7")[0]}

    def test_without_the_key_it_does_not_begin(
        self, kafka: Kafka, servers: Servers, redis_client: Any, tmp_path: Path
    ) -> None:
        redis_client.sadd("churn:forgotten", KEYS.markers("7")[0])
        with pytest.raises(ChurnError, match="without the secret key it is not known who"):
            publish.run(settings_for(tmp_path, kafka, servers.redis_url), threading.Event())

    def test_an_older_key_still_knows_them(self, redis_client: Any) -> None:
        redis_client.sadd("churn:forgotten", KEYS.markers("7")[0])
        held = Forgotten(redis_client, SecretKeys(["k" * 32, KEY]))
        held.renew()
        assert held.holds("7")
        assert not held.holds("8")
        assert held.count == 1

    def test_a_bootstrap_opens_no_balance_of_theirs(
        self, kafka: Kafka, servers: Servers, redis_client: Any, tmp_path: Path
    ) -> None:
        redis_client.sadd("churn:forgotten", KEYS.markers("u3")[0])
        folder = tmp_path / "balances"
        folder.mkdir()
        lines = [{"userId": f"u{number}", "opening": {"events": number}} for number in range(10)]
        (folder / "part-0.gz").write_bytes(gzip.compress("".join(json.dumps(line) + "\n" for line in lines).encode()))
        known = forgotten.known(self.settings(tmp_path, kafka, servers))
        opened = open_balances(folder, kafka, lambda _: None, lambda: False, known.holds)
        assert opened == Opened(10, sum(range(10)) - 3)

    def test_a_redis_that_does_not_say_who_was_forgotten_is_an_error(self) -> None:
        with pytest.raises(ChurnError, match="it is not known who was forgotten"):
            forgotten.known(Settings(redis={"url": "redis://127.0.0.1:1/0"}))  # type: ignore[arg-type]
