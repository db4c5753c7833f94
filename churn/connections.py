"""How Kafka and Redis are reached: addresses, credentials and TLS. `churn/clients.py` tells each client library."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, model_validator

from churn.section import Section

Protocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]

_CREDENTIALS = ("sasl_mechanism", "sasl_username", "sasl_password", "sasl_password_file")
_CERTIFICATES = ("tls_ca", "tls_certificate", "tls_key")
_KEY_BEGINS = "-----BEGIN PRIVATE KEY-----"


def _nothing(value: object) -> object:
    """An empty variable unsets what the file sets; a container's definition can only leave one empty."""
    return None if value == "" else value


_Name = Annotated[str | None, BeforeValidator(_nothing)]
_Password = Annotated[SecretStr | None, BeforeValidator(_nothing)]
_File = Annotated[Path | None, BeforeValidator(_nothing)]


class Kafka(Section):
    """Where the broker is, who signs in there, and what the topics are called."""

    bootstrap: str = "127.0.0.1:9092"
    security_protocol: Protocol = "PLAINTEXT"
    sasl_mechanism: Annotated[Mechanism | None, BeforeValidator(_nothing)] = None
    sasl_username: _Name = None
    sasl_password: _Password = None
    sasl_password_file: _File = None
    tls_ca: _File = None
    tls_certificate: _File = None
    tls_key: _File = None
    events_topic: str = "churn.events"
    scores_topic: str = "churn.scores"
    dead_letters_topic: str = "churn.dead-letters"
    partitions: int = Field(2, ge=1, description="partitions of a topic this program creates")
    replication: int = Field(1, ge=1, description="replication of a topic this program creates")

    @property
    def signs_in(self) -> bool:
        """Whether the broker asks for a name and a password."""
        return self.security_protocol.startswith("SASL_")

    @property
    def encrypted(self) -> bool:
        """Whether the connection is one of TLS."""
        return self.security_protocol.endswith("SSL")

    @property
    def password(self) -> str:
        """The password, read anew from its file each time: a new one needs no new settings. Never to be shown."""
        return _password(self.sasl_password, self.sasl_password_file)

    def variables(self) -> dict[str, str]:
        """What makes a child process have these settings, whatever its file says. For a broker without passwords."""
        values = {name: getattr(self, name) for name in Kafka.model_fields}
        return {f"CHURN_KAFKA__{name.upper()}": "" if value is None else str(value) for name, value in values.items()}

    @model_validator(mode="after")
    def _fits(self) -> Self:
        given = [name for name in _CREDENTIALS if getattr(self, name) is not None]
        if not self.signs_in and given:
            raise ValueError(f"{given[0]} is set, but security_protocol {self.security_protocol} signs nobody in")
        missing = [name for name in _CREDENTIALS[:2] if name not in given]
        if self.signs_in and missing:
            raise ValueError(f"security_protocol is {self.security_protocol}, and {missing[0]} is not set")
        _check_password(self.sasl_password, self.sasl_password_file, "sasl_password", needed=self.signs_in)
        certificates = [name for name in _CERTIFICATES if getattr(self, name) is not None]
        if not self.encrypted and certificates:
            raise ValueError(f"{certificates[0]} is set, but security_protocol {self.security_protocol} is without TLS")
        if ("tls_certificate" in certificates) != ("tls_key" in certificates):
            raise ValueError("tls_certificate and tls_key belong together, and one of them is not set")
        for name in certificates:
            _check_pem(getattr(self, name), name)
        return self


class Redis(Section):
    """Where the view is kept, and who signs in there."""

    # It may hold a password: then it must not be seen where settings are.
    url: str = Field("redis://127.0.0.1:6379/0", repr=False)
    username: _Name = None
    password: _Password = None
    password_file: _File = None
    tls_ca: _File = None

    @property
    def secret(self) -> str:
        """The password, read anew from its file each time; empty if there is none. Never to be shown."""
        return _password(self.password, self.password_file)

    @property
    def address(self) -> str:
        """Host and port, or a path: never the password in the URL."""
        try:
            parts = urlsplit(self.url)
        except ValueError:
            return "an address that cannot be read"
        return parts.netloc.rpartition("@")[2] or parts.path

    @property
    def encrypted(self) -> bool:
        """Whether the connection is one of TLS."""
        return self.url.startswith("rediss://")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        has_password = self.password is not None or self.password_file is not None
        if "@" in self.url and (has_password or self.username):
            raise ValueError("the url holds credentials, and there are others beside it: keep one of the two")
        if self.username and not has_password:
            raise ValueError("username is set, and neither password nor password_file is")
        _check_password(self.password, self.password_file, "password", needed=False)
        if self.tls_ca is not None:
            if not self.encrypted:
                raise ValueError("tls_ca is set, but the url is without TLS: write it as rediss://HOST:PORT/DATABASE")
            _check_pem(self.tls_ca, "tls_ca")
        return self


def _password(given: SecretStr | None, file: Path | None) -> str:
    if file is not None:
        return file.read_text().removesuffix("\n").removesuffix("\r")
    return "" if given is None else given.get_secret_value()


def _check_password(given: SecretStr | None, file: Path | None, name: str, needed: bool) -> None:
    if given is not None and file is not None:
        raise ValueError(f"{name} and {name}_file are both set: keep one of the two")
    if given is None and file is None:
        if needed:
            raise ValueError(f"neither {name} nor {name}_file is set")
        return
    try:
        password = _password(given, file)
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{name}_file names {file}, which cannot be read ({type(error).__name__})") from None
    if not password or not password.isprintable():
        raise ValueError(f"{name if file is None else f'{name}_file'} must hold one line, the password")


def _check_pem(file: Path, name: str) -> None:
    try:
        text = file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{name} names {file}, which cannot be read ({type(error).__name__})") from None
    # Java reads no other kind of key, and kafka-python would ask the terminal for the password of one.
    if name == "tls_key" and _KEY_BEGINS not in text:
        raise ValueError(f"tls_key must be a PEM file with {_KEY_BEGINS!r}: openssl pkcs8 -topk8 -nocrypt makes one")
    if name != "tls_key" and "-----BEGIN CERTIFICATE-----" not in text:
        raise ValueError(f"{name} names {file}, which holds no certificate in PEM")
