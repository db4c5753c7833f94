from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaTimeoutError

from churn.embedded import Broker, Valkey, free_port
from churn.errors import ChurnError
from churn.jars import Jars
from churn.locks import claim

HOLDER = """
import sys, time
from pathlib import Path
from churn.embedded import Valkey
valkey = Valkey(Path(sys.argv[1])).start()
print(valkey.child.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def listener() -> Iterator[int]:
    """The port of another program."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


@pytest.fixture
def fake_broker(tmp_path: Path) -> Broker:
    """A broker on a Java that ends with a complaint."""
    java = tmp_path / "jdk" / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text("#!/bin/sh\necho 'a complaint'\nexit 3\n")
    java.chmod(0o755)
    return Broker(tmp_path / "var", Jars(tmp_path, tmp_path), tmp_path / "jdk")


def create_topic(bootstrap: str, topic: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics({topic: {"num_partitions": 1, "replication_factor": 1}})
    admin.close()


def produce(bootstrap: str, topic: str, value: bytes) -> None:
    producer = KafkaProducer(bootstrap_servers=bootstrap)
    producer.send(topic, value, partition=0).get(timeout=10)
    producer.close()


def values(bootstrap: str, topic: str, count: int) -> list[bytes]:
    """The first messages of a topic, by a consumer group, which needs more of a broker than a plain read."""
    consumer = KafkaConsumer(
        topic,
        bootstrap_servers=bootstrap,
        group_id=uuid.uuid4().hex,
        auto_offset_reset="earliest",
        # A broker that has just begun may not know its topics when the group is made; by default it is asked again
        # after five minutes.
        metadata_max_age_ms=1000,
    )
    found: list[bytes] = []
    deadline_s = time.monotonic() + 20
    while len(found) < count and time.monotonic() < deadline_s:
        found += [record.value for records in consumer.poll(200).values() for record in records]
    consumer.close()
    return found


def test_a_free_port_is_free() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", free_port()))


def test_a_taken_port_is_one_sentence(tmp_path: Path, listener: int) -> None:
    valkey = Valkey(tmp_path, listener)
    with pytest.raises(ChurnError, match=rf"^Port {listener} is taken by another program; .*\. Stop that program, or"):
        valkey.start()
    claim(tmp_path / "valkey").close()  # a server that could not start holds nothing


def test_too_small_a_disk_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**12, 0, 499_000_000))
    with pytest.raises(ChurnError, match=r"has 499 MB left and 500 MB are needed\."):
        Valkey(tmp_path).start()


def test_a_broker_that_cannot_be_prepared_shows_the_end_of_its_log(fake_broker: Broker) -> None:
    with pytest.raises(
        ChurnError, match=r"could not be prepared\. Its log .*/logs/kafka-format\.log ends:\na complaint"
    ):
        fake_broker.start()


def test_a_broker_that_ends_at_once_shows_the_end_of_its_log(fake_broker: Broker) -> None:
    meta = fake_broker.directory / "data" / "meta.properties"
    meta.parent.mkdir(parents=True)
    meta.touch()
    with pytest.raises(
        ChurnError, match=r"ended while it was starting\. Its log .*/logs/kafka\.log ends:\na complaint"
    ):
        fake_broker.start()


@pytest.mark.parametrize("prepared", [False, True])
def test_a_start_ends_as_soon_as_its_check_raises(tmp_path: Path, fake_broker: Broker, prepared: bool) -> None:
    java = tmp_path / "jdk" / "bin" / "java"
    java.write_text("#!/bin/sh\nexec sleep 60\n")
    meta = fake_broker.directory / "data" / "meta.properties"
    meta.parent.mkdir(parents=True)
    if prepared:
        meta.touch()
    began_s = time.monotonic()

    def check() -> None:
        if time.monotonic() > began_s + 0.3:
            raise InterruptedError

    broker = Broker(tmp_path / "var", Jars(tmp_path, tmp_path), tmp_path / "jdk", check=check)
    with pytest.raises(InterruptedError):
        broker.start()
    assert time.monotonic() - began_s < 3
    claim(broker.directory).close()


@pytest.mark.servers
def test_the_broker_carries_a_message(servers: Any, topic_prefix: str) -> None:
    create_topic(servers.bootstrap, topic := f"{topic_prefix}t")
    produce(servers.bootstrap, topic, b"hello")
    assert values(servers.bootstrap, topic, 1) == [b"hello"]


@pytest.mark.servers
def test_use_does_not_create_a_topic(servers: Any, topic_prefix: str) -> None:
    producer = KafkaProducer(bootstrap_servers=servers.bootstrap, max_block_ms=500)
    with pytest.raises(KafkaTimeoutError):
        producer.send(f"{topic_prefix}t", b"x")
    producer.close()
    consumer = KafkaConsumer(bootstrap_servers=servers.bootstrap)
    assert f"{topic_prefix}t" not in consumer.topics()
    consumer.close()


@pytest.mark.servers
def test_a_second_broker_works_beside_the_first_and_its_data_survive(servers: Any, tmp_path: Path) -> None:
    broker = Broker(tmp_path, servers.jars, servers.java_home)
    with broker:
        assert broker.bootstrap != servers.bootstrap
        create_topic(broker.bootstrap, "kept")
        produce(broker.bootstrap, "kept", b"one")
        bootstrap = broker.bootstrap
    assert broker.child is not None
    assert broker.child.returncode == 128 + signal.SIGTERM  # in order, not killed
    with broker:
        assert broker.bootstrap == bootstrap
        assert values(bootstrap, "kept", 1) == [b"one"]
        broker.child.kill()
        broker.start()
        produce(bootstrap, "kept", b"two")
        assert values(bootstrap, "kept", 2) == [b"one", b"two"]
    with Broker(tmp_path, servers.jars, servers.java_home) as another:
        consumer = KafkaConsumer(bootstrap_servers=another.bootstrap)
        assert consumer.end_offsets([TopicPartition("kept", 0)]) == {TopicPartition("kept", 0): 2}
        consumer.close()


@pytest.mark.servers
def test_a_taken_port_is_one_sentence_for_the_broker_too(servers: Any, tmp_path: Path, listener: int) -> None:
    with pytest.raises(ChurnError, match=rf"^Port {listener} is taken by another program; "):
        Broker(tmp_path, servers.jars, servers.java_home, listener).start()


@pytest.mark.servers
def test_valkey_keeps_what_it_is_told(tmp_path: Path) -> None:
    valkey = Valkey(tmp_path)
    with valkey, redis.Redis.from_url(valkey.url, decode_responses=True) as client:
        client.set("key", "value")
        settings = ("appendonly", "appendfsync", "maxmemory-policy", "save", "bind", "protected-mode")
        assert {name: client.config_get(name)[name] for name in settings} == {
            "appendonly": "yes",
            "appendfsync": "everysec",
            "maxmemory-policy": "noeviction",
            "save": "",
            "bind": "127.0.0.1",
            "protected-mode": "yes",
        }
    for end in (Valkey.stop, lambda server: server.child.kill()):
        with valkey, redis.Redis.from_url(valkey.url, decode_responses=True) as client:
            assert client.get("key") == "value"
            end(valkey)


@pytest.mark.servers
def test_a_server_that_has_ended_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    with Valkey(tmp_path) as valkey:
        valkey.require_alive()
        assert valkey.child is not None
        valkey.child.kill()
        with pytest.raises(ChurnError, match=r"^The Valkey server has ended\. Its log .*/logs/valkey\.log ends:\n"):
            valkey.require_alive()
        valkey.start()
        valkey.require_alive()


@pytest.mark.servers
def test_two_valkeys_side_by_side_but_not_in_one_folder(tmp_path: Path) -> None:
    with Valkey(tmp_path / "one") as one, Valkey(tmp_path / "two") as two:
        assert one.url != two.url
        with pytest.raises(ChurnError, match="in use by another running program"):
            Valkey(tmp_path / "one").start()
        with redis.Redis.from_url(one.url) as client:
            assert client.ping()  # the refused one did not stop it


@pytest.mark.servers
def test_a_given_port_is_used(tmp_path: Path) -> None:
    with Valkey(tmp_path, port := free_port()) as valkey, redis.Redis(port=port) as client:
        assert valkey.url == f"redis://127.0.0.1:{port}/0"
        assert client.ping()


@pytest.mark.servers
def test_another_port_is_chosen_when_a_free_one_is_taken_in_between(
    tmp_path: Path, listener: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports = iter([listener, free_port()])
    monkeypatch.setattr("churn.server.free_port", lambda: next(ports))
    with Valkey(tmp_path) as valkey, redis.Redis.from_url(valkey.url) as client:
        assert valkey.port != listener
        assert client.ping()


@pytest.mark.servers
def test_a_server_follows_at_once_on_one_whose_program_was_killed(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER, tmp_path], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        holder.kill()
    with Valkey(tmp_path) as valkey, redis.Redis.from_url(valkey.url) as client:
        assert client.ping()


@pytest.mark.servers
def test_a_server_waits_for_one_that_is_just_ending(tmp_path: Path) -> None:
    code = "import sys, time; from pathlib import Path; from churn.locks import claim; "
    code += "c = claim(Path(sys.argv[1])); print(1, flush=True); time.sleep(0.5)"
    with subprocess.Popen([sys.executable, "-c", code, tmp_path / "valkey"], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        Valkey(tmp_path).start().stop()


@pytest.mark.servers
def test_the_server_itself_holds_the_claim_on_its_folder(tmp_path: Path) -> None:
    with Valkey(tmp_path) as valkey:
        assert valkey.child is not None
        opened = [file.resolve() for file in Path(f"/proc/{valkey.child.pid}/fd").iterdir()]
        assert valkey.directory / ".lock" in opened


@pytest.mark.servers
def test_the_client_of_a_test_begins_with_nothing(redis_client: redis.Redis) -> None:
    assert redis_client.dbsize() == 0
    assert redis_client.function_list() == []
