"""Topics on three brokers: what was acknowledged outlives the loss of any one of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kafka import KafkaAdminClient, TopicPartition
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

from churn import topics
from churn.settings import Kafka
from tests.conftest import Servers
from tests.e2e.kafka_cluster import NODES, KafkaCluster
from tests.topic import everything

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def brokers(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    with KafkaCluster(tmp_path_factory.mktemp("brokers"), servers.jars, servers.java_home) as running:
        yield running


@pytest.fixture
def kafka(brokers: KafkaCluster, topic_prefix: str) -> Kafka:
    names = {f"{name}_topic": f"{topic_prefix}{name}" for name in ("events", "scores", "dead_letters")}
    return Kafka(bootstrap=brokers.bootstrap, replication=NODES, **names)


def create(kafka: Kafka, topic: str, replication: int, **configs: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    named = {name.replace("_", "."): value for name, value in configs.items()}
    admin.create_topics({topic: {"num_partitions": 2, "replication_factor": replication, "configs": named}})
    admin.wait_for_topics([topic])
    admin.close()


def test_topics_are_created_so_that_two_brokers_hold_what_is_acknowledged(kafka: Kafka, brokers: KafkaCluster) -> None:
    topics.ensure(kafka)
    brokers.wait_until(lambda: topics.problems(kafka) == [], 10)  # each broker hears of a topic in its own time
    brokers.wait_until(lambda: brokers.complete(list(topics.topic_configs(kafka))), 30)


def test_topics_that_could_lose_what_was_acknowledged_are_told(kafka: Kafka, brokers: KafkaCluster) -> None:
    create(kafka, kafka.events_topic, 3, message_timestamp_type="LogAppendTime", min_insync_replicas="1")
    create(kafka, kafka.scores_topic, 1, cleanup_policy="compact")
    create(kafka, kafka.dead_letters_topic, 3, min_insync_replicas="3")
    in_sync = (
        f"min.insync.replicas of topic {kafka.events_topic} is 1, not 2: "
        "one broker could lose what it acknowledged alone"
    )
    replicas = f"topic {kafka.scores_topic} is on 1 of the 3 brokers that kafka.replication asks for"
    brokers.wait_until(lambda: topics.problems(kafka) == [in_sync, replicas], 10)
    alone = kafka.model_copy(update={"replication": 1})
    brokers.wait_until(lambda: topics.problems(alone) == [in_sync], 10)


def test_one_broker_may_be_lost_and_nothing_else(kafka: Kafka, brokers: KafkaCluster) -> None:
    topics.ensure(kafka)
    producer = topics.producer(kafka, delivery_timeout_ms=15_000, request_timeout_ms=5_000)
    producer.send(kafka.events_topic, b"by three", partition=0).get(30)
    first = brokers.leader(kafka.events_topic, 0)
    brokers.kill(first)
    producer.send(kafka.events_topic, b"by two", partition=0).get(30)
    second = brokers.leader(kafka.events_topic, 0)
    assert second not in {first, -1}
    brokers.kill(second)
    with pytest.raises(KafkaError):
        producer.send(kafka.events_topic, b"by one", partition=0).get(30)
    producer.close(1)
    for number in (first, second):
        brokers.start(number)
    brokers.wait_until(lambda: brokers.complete(list(topics.topic_configs(kafka))), 60)
    assert [message.value for message in everything(kafka, kafka.events_topic)][:2] == [b"by three", b"by two"]


def test_the_cluster_keeps_what_it_knows_of_itself_on_every_broker(kafka: Kafka, brokers: KafkaCluster) -> None:
    topics.ensure(kafka)
    consumer = topics.consumer(kafka, group_id="any")
    consumer.commit({TopicPartition(kafka.events_topic, 0): OffsetAndMetadata(0, "", -1)})
    consumer.close()
    brokers.wait_until(lambda: brokers.complete(["__consumer_offsets"]), 30)
