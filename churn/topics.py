"""The Kafka topics: created when they are missing, checked when they are there."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError, TopicAlreadyExistsError

from churn import admission, clients
from churn.errors import ChurnError
from churn.settings import Kafka

BOOTSTRAP_TIMEOUT_MS = 10_000
"""How long a program looks for its broker before it says that there is none."""

METADATA_AGE_MS = 60_000
"""How often a consumer looks whether a topic has got more partitions."""

_STAMPED_BY_BROKER = {"message.timestamp.type": "LogAppendTime"}

_IN_SYNC = "min.insync.replicas"
_TWO_IN_SYNC = {_IN_SYNC: "2"}
"""Of a topic with three replicas or more: otherwise a record is acknowledged when one broker has it, which may be lost
with that one. With two, and a third to spare, a broker may be away and records are taken all the same."""


def topic_configs(kafka: Kafka) -> dict[str, dict[str, str]]:
    """What each topic must be set to, whatever its replication.

    The broker stamps events itself, so that a producer's clock cannot vouch for its own events. Scores are compacted:
    the newest score of every user is kept for ever.
    """
    return {
        kafka.events_topic: _STAMPED_BY_BROKER,
        kafka.scores_topic: {"cleanup.policy": "compact"},
        kafka.dead_letters_topic: {},
    }


def connect(kafka: Kafka, timeout_ms: int = BOOTSTRAP_TIMEOUT_MS) -> KafkaAdminClient:
    """An admin client.

    Raises:
        ChurnError: no broker answers, or it does not let us in.
    """
    return _opened(KafkaAdminClient, kafka, bootstrap_timeout_ms=timeout_ms)


def producer(kafka: Kafka, timeout_ms: int | None = None, **options: Any) -> KafkaProducer:
    """An idempotent producer that waits for every replica.

    Args:
        kafka: where to.
        timeout_ms: how long to look for a broker, None for `BOOTSTRAP_TIMEOUT_MS`.
        options: more of kafka-python's, such as `linger_ms`.

    Raises:
        ChurnError: no broker answers, or it does not let us in.
    """
    return _opened(
        KafkaProducer,
        kafka,
        bootstrap_timeout_ms=timeout_ms or BOOTSTRAP_TIMEOUT_MS,
        acks="all",
        enable_idempotence=True,
        **options,
    )


def consumer(kafka: Kafka, **options: Any) -> KafkaConsumer:
    """A consumer without a group: whoever reads keeps its position elsewhere.

    Args:
        kafka: where from.
        options: more of kafka-python's, such as `max_poll_records`.

    Raises:
        ChurnError: no broker answers, or it does not let us in.
    """
    return _opened(
        KafkaConsumer,
        kafka,
        bootstrap_timeout_ms=BOOTSTRAP_TIMEOUT_MS,
        enable_auto_commit=False,
        metadata_max_age_ms=METADATA_AGE_MS,
        **options,
    )


def _opened(kind: type[Any], kafka: Kafka, **options: Any) -> Any:
    """A client of any kind, for whom the broker lets in."""
    admission.require(kafka)
    try:
        return kind(**clients.kafka_python(kafka), **options)
    except (KafkaError, OSError, ValueError) as error:  # ValueError: a port that is no number
        raise unreachable(kafka, error) from None


def known_partitions(reader: KafkaConsumer, topic: str) -> list[TopicPartition]:
    """The partitions of a topic that a consumer knows of, in order."""
    return [TopicPartition(topic, number) for number in sorted(reader.partitions_for_topic(topic) or ())]


def unreachable(kafka: Kafka, error: Exception) -> ChurnError:
    """The error for a broker that does not answer."""
    return ChurnError(
        f"Kafka does not answer at {kafka.bootstrap} ({type(error).__name__}).",
        "Start the broker, or correct the settings kafka.bootstrap and kafka.security_protocol.",
    )


def ensure(kafka: Kafka) -> None:
    """Creates the topics that are missing.

    Raises:
        ChurnError: no broker answers, or it refuses a topic.
    """
    admin = connect(kafka)
    in_sync = _TWO_IN_SYNC if kafka.replication >= 3 else {}
    shape = {"num_partitions": kafka.partitions, "replication_factor": kafka.replication}
    try:
        wanted = {
            name: {**shape, "configs": {**configs, **in_sync}}
            for name, configs in topic_configs(kafka).items()
            if name not in admin.list_topics()
        }
        if wanted:
            with suppress(TopicAlreadyExistsError):  # another program was quicker
                admin.create_topics(wanted)
        admin.wait_for_topics(list(topic_configs(kafka)))
    except KafkaError as error:
        raise ChurnError(
            f"Kafka does not create the topics {', '.join(topic_configs(kafka))} ({type(error).__name__}).",
            "Correct the settings in [kafka], such as replication, or create the topics by hand.",
        ) from None
    finally:
        admin.close()


def problems(kafka: Kafka, timeout_ms: int = BOOTSTRAP_TIMEOUT_MS) -> list[str]:
    """What is not as it must be with the topics; empty when all is well."""
    admin = connect(kafka, timeout_ms)
    try:
        there = set(admin.list_topics())
        found = [f"topic {name} is missing" for name in topic_configs(kafka) if name not in there]
        for name, wanted in topic_configs(kafka).items():
            if name in there:
                replicas = min(len(each["replica_nodes"]) for each in admin.describe_topics([name])[0]["partitions"])
                held = _held(admin, name, [*wanted, _IN_SYNC])
                found += _unlike(name, wanted, held) + _unsafe(name, replicas, int(held[_IN_SYNC]), kafka.replication)
        return found
    finally:
        admin.close()


def _held(admin: KafkaAdminClient, topic: str, keys: list[str]) -> dict[str, str]:
    """What a topic is set to, the broker's defaults included."""
    resource = ConfigResource(ConfigResourceType.TOPIC, topic, configs=dict.fromkeys(keys, ""))
    held = admin.describe_configs([resource], config_filter="all")["topic"][topic]
    return {key: held[key]["value"] for key in keys}


def _unlike(topic: str, wanted: dict[str, str], held: dict[str, str]) -> list[str]:
    return [
        f"{key} of topic {topic} is {held[key]}, not {value}" for key, value in wanted.items() if held[key] != value
    ]


def _unsafe(topic: str, replicas: int, in_sync: int, wanted: int) -> list[str]:
    """Whether a broker may be lost, and with it nothing that was acknowledged."""
    if replicas < wanted:
        return [f"topic {topic} is on {replicas} of the {wanted} brokers that kafka.replication asks for"]
    if replicas >= 3 and in_sync < 2:
        return [f"{_IN_SYNC} of topic {topic} is {in_sync}, not 2: one broker could lose what it acknowledged alone"]
    return []


def retention_ms(kafka: Kafka, topic: str, timeout_ms: int = 3000) -> int | None:
    """How long a topic keeps a record, None for ever.

    Raises:
        ChurnError: no broker answers.
    """
    admin = connect(kafka, timeout_ms)
    try:
        held = int(_held(admin, topic, ["retention.ms"])["retention.ms"])
    except KafkaError as error:
        raise unreachable(kafka, error) from None
    finally:
        admin.close()
    return None if held < 0 else held


def partitions(kafka: Kafka, topic: str) -> int:
    """How many partitions a topic has. Of a topic just made, a broker of several may not know yet: it is waited for.

    Raises:
        ChurnError: no broker answers, or it knows no such topic.
    """
    admin = connect(kafka)
    try:
        admin.wait_for_topics([topic])
        return len(admin.describe_topics([topic])[0]["partitions"])
    except KafkaError as error:
        raise ChurnError(
            f"Kafka does not know the topic {topic} ({type(error).__name__}).", "Start `churn stream`, which makes it."
        ) from None
    finally:
        admin.close()
