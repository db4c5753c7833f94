"""What each client library is told, and that real servers let each of them in."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import redis
from pydantic import SecretStr

from churn import clients, topics
from churn.errors import ChurnError
from churn.settings import Kafka, Redis
from churn.view import View
from tests.secured import PASSWORD, Secured

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def of(name: str, servers: Secured) -> Kafka:
    return {"scram": servers.kafka, "plain": servers.plain, "certificate": servers.certified}[name]


def test_without_tls_and_password_only_the_address_is_told() -> None:
    kafka = Kafka(bootstrap="here:1")
    assert clients.kafka_python(kafka) == {"bootstrap_servers": "here:1", "security_protocol": "PLAINTEXT"}
    assert clients.spark(kafka) == {"kafka.bootstrap.servers": "here:1", "kafka.security.protocol": "PLAINTEXT"}
    assert clients.redis_py(Redis()) == {}


@pytest.mark.servers
@pytest.mark.parametrize("way", ["scram", "plain", "certificate"])
def test_kafka_python_is_let_in(secured_servers: Secured, way: str, topic_prefix: str) -> None:
    kafka = of(way, secured_servers).model_copy(update={"events_topic": f"{topic_prefix}events"})
    topics.ensure(kafka)
    assert topics.problems(kafka) == []
    producer = topics.producer(kafka)
    assert producer.send(kafka.events_topic, b"hello", partition=0).get(10).offset == 0
    producer.close()
    consumer = topics.consumer(kafka)
    assert sum(consumer.end_offsets(topics.known_partitions(consumer, kafka.events_topic)).values()) == 1
    consumer.close()


@pytest.mark.servers
@pytest.mark.spark
@pytest.mark.parametrize("way", ["scram", "plain", "certificate"])
def test_spark_is_let_in_and_its_plans_do_not_tell(
    secured_servers: Secured, spark: SparkSession, way: str, topic_prefix: str, capfd: pytest.CaptureFixture[str]
) -> None:
    kafka = of(way, secured_servers).model_copy(update={"events_topic": f"{topic_prefix}events"})
    topics.ensure(kafka)
    options = clients.spark(kafka)
    sent = spark.createDataFrame([("hello",)], "value string")
    sent.write.format("kafka").options(**options).option("topic", kafka.events_topic).save()
    read = spark.read.format("kafka").options(**options).option("subscribe", kafka.events_topic).load()
    assert [bytes(row.value) for row in read.select("value").collect()] == [b"hello"]
    read.explain("extended")
    told = "".join(capfd.readouterr())
    assert "Physical Plan" in told
    assert "HOME" not in told, "part of the password"
    key = secured_servers.certificates.key.read_text().splitlines()[1]
    assert key not in told
    # Nor would they, were options a part of plans.
    hidden = re.compile(spark.conf.get("spark.sql.redaction.options.regex") or "")
    assert [
        name for name, value in options.items() if ("HOME" in value or key in value) and not hidden.search(name)
    ] == []


def refusals(servers: Secured) -> dict[str, tuple[Kafka, str]]:
    wrong, stranger = {"sasl_password": SecretStr("wrong")}, {"tls_ca": servers.certificates.stranger}
    address = servers.kafka.bootstrap
    return {
        "scram": (servers.kafka.model_copy(update=wrong), f"Kafka at {address} refuses user scorer or the password."),
        "plain": (servers.plain.model_copy(update=wrong), f"Kafka at {address} refuses user scorer or the password."),
        "authority": (servers.kafka.model_copy(update=stranger), f"Kafka at {address} is not trusted: unable to get"),
        "host": (
            servers.kafka.model_copy(update={"bootstrap": address.replace("127.0.0.1", "localhost")}),
            "is not trusted: Hostname mismatch",
        ),
        "certificate": (
            servers.certified.model_copy(update={"tls_certificate": None, "tls_key": None}),
            f"Kafka at {servers.certified.bootstrap} does not agree on TLS",
        ),
        "mechanism": (
            servers.kafka.model_copy(update={"bootstrap": f"127.0.0.1:1,{address}", "sasl_mechanism": "OAUTHBEARER"}),
            "does not take the mechanism OAUTHBEARER",
        ),
        "protocol": (
            servers.certified.model_copy(update={"bootstrap": servers.open_bootstrap}),
            f"Kafka at {servers.open_bootstrap} does not agree on TLS",
        ),
    }


@pytest.mark.servers
@pytest.mark.parametrize("client", [topics.connect, topics.producer, topics.consumer])
@pytest.mark.parametrize("case", ["scram", "plain", "authority", "host", "certificate", "mechanism", "protocol"])
def test_a_broker_that_refuses_is_one_sentence(
    secured_servers: Secured, client: Callable[[Kafka], object], case: str
) -> None:
    kafka, words = refusals(secured_servers)[case]
    with pytest.raises(ChurnError) as caught:
        client(kafka)
    assert words in caught.value.problem
    assert caught.value.remedy
    assert PASSWORD not in str(caught.value)


@pytest.mark.servers
def test_redis_lets_in_and_refuses(secured_servers: Secured, tmp_path: Path) -> None:
    from churn.redis_refusal import refusal  # noqa: PLC0415

    place = secured_servers.redis
    assert View.connect(place).redis.ping()
    (tmp_path / "secret").write_text(f"{PASSWORD}\n")
    assert View.connect(place.model_copy(update={"password": None, "password_file": tmp_path / "secret"})).redis.ping()
    for change, words in (
        ({"password": SecretStr("wrong")}, f"Redis at {place.address} refuses the user or the password."),
        ({"username": None, "password": None}, f"Redis at {place.address} refuses the user or the password."),
        ({"tls_ca": secured_servers.certificates.stranger}, "is not trusted: unable to get local issuer certificate."),
        ({"url": place.url.replace("127.0.0.1", "localhost")}, "is not trusted: Hostname mismatch"),
    ):
        with pytest.raises(redis.ConnectionError) as caught:
            View.connect(place.model_copy(update=change)).redis.ping()
        told = refusal(caught.value, place.model_copy(update=change))
        assert told is not None, change
        assert words in told.problem
        assert PASSWORD not in str(told)
