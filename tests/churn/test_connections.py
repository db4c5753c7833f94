"""Which settings of a connection fit together, and that no password is seen where settings are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from churn.errors import ChurnError
from churn.settings import Kafka, Redis, load
from churn.view import View

SIGNING_IN = {
    "security_protocol": "SASL_PLAINTEXT",
    "sasl_mechanism": "PLAIN",
    "sasl_username": "ann",
    "sasl_password": "hunter2",
}


@pytest.fixture(autouse=True)
def files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in {
        "empty.toml": "",
        "secret": "hunter2\n",
        "two-lines": "hunter2\nhunter3\n",
        "nothing": "\n",
        "ca.pem": "-----BEGIN CERTIFICATE-----\n",
        "key.pem": "-----BEGIN PRIVATE KEY-----\n",
        "old-key.pem": "-----BEGIN RSA PRIVATE KEY-----\n",
    }.items():
        Path(name).write_text(text)
    monkeypatch.setenv("CHURN_CONFIG", "empty.toml")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"sasl_username": "ann"}, "sasl_username is set, but security_protocol PLAINTEXT signs nobody in"),
        ({"tls_ca": "ca.pem"}, "tls_ca is set, but security_protocol PLAINTEXT is without TLS"),
        ({"security_protocol": "SASL_SSL"}, "security_protocol is SASL_SSL, and sasl_mechanism is not set"),
        (SIGNING_IN | {"sasl_username": ""}, "security_protocol is SASL_PLAINTEXT, and sasl_username is not set"),
        (SIGNING_IN | {"sasl_password": ""}, "neither sasl_password nor sasl_password_file is set"),
        (SIGNING_IN | {"sasl_password_file": "secret"}, "sasl_password and sasl_password_file are both set"),
        (
            SIGNING_IN | {"sasl_password": "", "sasl_password_file": "lost"},
            r"sasl_password_file names lost, which cannot be read \(FileNotFoundError\)",
        ),
        (
            SIGNING_IN | {"sasl_password": "", "sasl_password_file": "two-lines"},
            "sasl_password_file must hold one line",
        ),
        (SIGNING_IN | {"sasl_password": "", "sasl_password_file": "nothing"}, "sasl_password_file must hold one line"),
        (SIGNING_IN | {"sasl_mechanism": "GSSAPI"}, "kafka.sasl_mechanism is not right"),
        ({"security_protocol": "TLS"}, "kafka.security_protocol is not right"),
        ({"security_protocol": "SSL", "tls_ca": "lost"}, "tls_ca names lost, which cannot be read"),
        ({"security_protocol": "SSL", "tls_ca": "secret"}, "tls_ca names secret, which holds no certificate in PEM"),
        ({"security_protocol": "SSL", "tls_key": "key.pem"}, "tls_certificate and tls_key belong together"),
        (
            {"security_protocol": "SSL", "tls_certificate": "ca.pem", "tls_key": "old-key.pem"},
            "tls_key must be a PEM file with .*openssl pkcs8",
        ),
    ],
)
def test_what_does_not_fit_together_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], words: str
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(f"CHURN_KAFKA__{name.upper()}", value)
    with pytest.raises(ChurnError, match=words) as caught:
        load()
    assert "hunter" not in str(caught.value)
    assert caught.value.problem.startswith("Setting kafka")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"url": "redis://:hunter2@somewhere", "password_file": "secret"}, "the url holds credentials, and there are"),
        ({"username": "ann"}, "username is set, and neither password nor password_file is"),
        ({"password": "hunter2", "password_file": "secret"}, "password and password_file are both set"),
        ({"password_file": "lost"}, "password_file names lost, which cannot be read"),
        ({"tls_ca": "ca.pem"}, "tls_ca is set, but the url is without TLS"),
        ({"url": "rediss://somewhere", "tls_ca": "secret"}, "tls_ca names secret, which holds no certificate"),
    ],
)
def test_the_same_of_redis(monkeypatch: pytest.MonkeyPatch, given: dict[str, str], words: str) -> None:
    for name, value in given.items():
        monkeypatch.setenv(f"CHURN_REDIS__{name.upper()}", value)
    with pytest.raises(ChurnError, match=words) as caught:
        load()
    assert "hunter" not in str(caught.value)


def test_what_fits_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = {"tls_ca": "ca.pem", "tls_certificate": "ca.pem", "tls_key": "key.pem"}
    for name, value in {**SIGNING_IN, **certificate, "security_protocol": "SASL_SSL"}.items():
        monkeypatch.setenv(f"CHURN_KAFKA__{name.upper()}", value)
    monkeypatch.setenv("CHURN_REDIS__PASSWORD_FILE", "secret")
    settings = load()
    assert (settings.kafka.password, settings.redis.secret) == ("hunter2", "hunter2")
    assert settings.kafka.encrypted
    assert settings.kafka.signs_in


def test_a_new_password_in_the_file_needs_no_new_settings() -> None:
    kafka = Kafka.model_validate({**SIGNING_IN, "sasl_password": None, "sasl_password_file": "secret"})
    Path("secret").write_text("hunter3")
    assert kafka.password.endswith("3")


def test_an_empty_variable_unsets_what_the_file_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("empty.toml").write_text("[kafka]\n" + "".join(f'{name} = "{value}"\n' for name, value in SIGNING_IN.items()))
    assert load().kafka.signs_in
    monkeypatch.setenv("CHURN_KAFKA__SECURITY_PROTOCOL", "PLAINTEXT")
    for name in SIGNING_IN:
        if name.startswith("sasl_"):
            monkeypatch.setenv(f"CHURN_KAFKA__{name.upper()}", "")
    assert load().kafka == Kafka()


def test_settings_do_not_show_a_password() -> None:
    kafka: Any = Kafka.model_validate(SIGNING_IN)
    shown = [str(kafka), repr(kafka), kafka.model_dump_json(), str(kafka.model_dump())]
    for place in (Redis.model_validate({"password": "hunter2"}), Redis(url="redis://ann:hunter2@somewhere:1/0")):
        shown += [str(place), repr(place), place.address]
    assert [text for text in shown if "hunter2" in text] == []


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://127.0.0.1:6379/0", "127.0.0.1:6379"),
        ("rediss://ann:hunter2@redis.example:6379/3", "redis.example:6379"),
        ("unix:///run/redis.sock", "/run/redis.sock"),
        ("redis://[hunter2", "an address that cannot be read"),
    ],
)
def test_an_address_is_told_without_what_is_secret(url: str, address: str) -> None:
    assert Redis(url=url).address == address


def test_a_password_in_the_url_still_does() -> None:
    options = View.connect(Redis(url="redis://ann:hunter2@somewhere:1/0")).redis.connection_pool.connection_kwargs
    assert (options["username"], options["password"]) == ("ann", "hunter2")
