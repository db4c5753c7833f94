from __future__ import annotations

import threading
import time

import pytest
from kafka import KafkaAdminClient

from churn import topics
from churn.errors import ChurnError
from churn.settings import Kafka


@pytest.fixture
def kafka(own_topics: Kafka) -> Kafka:
    return own_topics.model_copy(update={"partitions": 3})


def create(kafka: Kafka, topic: str, **configs: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    named = {name.replace("_", "."): value for name, value in configs.items()}
    admin.create_topics({topic: {"num_partitions": 1, "replication_factor": 1, "configs": named}})
    admin.wait_for_topics([topic])
    admin.close()


@pytest.mark.servers
def test_what_is_missing_is_created_as_it_must_be(kafka: Kafka) -> None:
    names = [kafka.events_topic, kafka.scores_topic, kafka.dead_letters_topic]
    assert topics.problems(kafka) == [f"topic {name} is missing" for name in names]
    topics.ensure(kafka)
    assert topics.problems(kafka) == []
    assert [topics.partitions(kafka, name) for name in names] == [3, 3, 3]
    topics.ensure(kafka)
    assert topics.problems(kafka) == []


@pytest.mark.servers
def test_what_is_there_is_left_alone_and_told(kafka: Kafka) -> None:
    create(kafka, kafka.events_topic, message_timestamp_type="CreateTime")
    create(kafka, kafka.scores_topic, cleanup_policy="delete")
    topics.ensure(kafka)
    assert topics.problems(kafka) == [
        f"message.timestamp.type of topic {kafka.events_topic} is CreateTime, not LogAppendTime",
        f"cleanup.policy of topic {kafka.scores_topic} is delete, not compact",
    ]
    assert topics.partitions(kafka, kafka.events_topic) == 1


@pytest.mark.servers
def test_programs_that_start_at_once_do_not_trip_over_each_other(kafka: Kafka) -> None:
    failures: list[BaseException] = []

    def ensure() -> None:
        try:
            topics.ensure(kafka)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=ensure) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert topics.problems(kafka) == []


@pytest.mark.servers
def test_a_topic_that_the_broker_refuses_is_told(kafka: Kafka) -> None:
    began_s = time.monotonic()
    with pytest.raises(ChurnError, match=r"Kafka does not create the topics .* such as replication"):
        topics.ensure(kafka.model_copy(update={"replication": 3}))
    assert time.monotonic() - began_s < 15


@pytest.mark.parametrize("bootstrap", ["127.0.0.1:1", "127.0.0.1:port"])
def test_no_broker_is_told(bootstrap: str) -> None:
    with pytest.raises(ChurnError, match=f"Kafka does not answer at {bootstrap} .*kafka.bootstrap"):
        topics.problems(Kafka(bootstrap=bootstrap), timeout_ms=200)
