"""What each client library is told of the settings of a connection: kafka-python, Spark's connector, redis-py.

The only place where a password leaves the settings.
"""

from __future__ import annotations

from typing import Any

from churn.connections import Kafka, Redis

_LOGIN_MODULES = {
    "PLAIN": "org.apache.kafka.common.security.plain.PlainLoginModule",
    "SCRAM-SHA-256": "org.apache.kafka.common.security.scram.ScramLoginModule",
    "SCRAM-SHA-512": "org.apache.kafka.common.security.scram.ScramLoginModule",
}


def kafka_python(kafka: Kafka) -> dict[str, Any]:
    """Options of kafka-python's clients of every kind."""
    options: dict[str, Any] = {"bootstrap_servers": kafka.bootstrap, "security_protocol": kafka.security_protocol}
    if kafka.signs_in:
        options |= {
            "sasl_mechanism": kafka.sasl_mechanism,
            "sasl_plain_username": kafka.sasl_username,  # of every mechanism, whatever it is called
            "sasl_plain_password": kafka.password,
        }
    files = {"ssl_cafile": kafka.tls_ca, "ssl_certfile": kafka.tls_certificate, "ssl_keyfile": kafka.tls_key}
    return options | {name: str(file) for name, file in files.items() if file is not None}


def spark(kafka: Kafka) -> dict[str, str]:
    """Options of Spark's Kafka source and sink.

    Certificates and key are handed over themselves, not the paths of their files: executors of a cluster need no copy.
    """
    options = {"bootstrap.servers": kafka.bootstrap, "security.protocol": kafka.security_protocol}
    if kafka.sasl_mechanism is not None:
        options["sasl.mechanism"] = kafka.sasl_mechanism
        options["sasl.jaas.config"] = (
            f"{_LOGIN_MODULES[kafka.sasl_mechanism]} required "
            f"username={_quoted(kafka.sasl_username or '')} password={_quoted(kafka.password)};"
        )
    if kafka.tls_ca is not None:
        options |= {"ssl.truststore.type": "PEM", "ssl.truststore.certificates": kafka.tls_ca.read_text()}
    if kafka.tls_certificate is not None and kafka.tls_key is not None:
        options |= {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.certificate.chain": kafka.tls_certificate.read_text(),
            "ssl.keystore.key": kafka.tls_key.read_text(),
        }
    return {f"kafka.{name}": value for name, value in options.items()}


def redis_py(redis: Redis) -> dict[str, Any]:
    """Options of redis-py beside the URL."""
    options: dict[str, Any] = {}
    if redis.secret:
        options["password"] = redis.secret
    if redis.username:
        options["username"] = redis.username
    if redis.tls_ca is not None:
        options["ssl_ca_certs"] = str(redis.tls_ca)
    return options


def _quoted(text: str) -> str:
    """A string as Java's login configuration has it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
