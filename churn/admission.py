"""Whether a broker lets us in, asked before a client is made.

kafka-python tries again until its time is over, whatever the broker says, and then knows only that it took too long.
Here TLS and the password are tried once, and a refusal is one sentence.
"""

from __future__ import annotations

import socket
import ssl
import struct
from contextlib import suppress

from kafka.net.sasl import get_sasl_mechanism

from churn import clients
from churn.connections import Kafka
from churn.errors import ChurnError

ANSWER_S = 3.0
# https://kafka.apache.org/protocol; of each the version without tagged fields.
_API_VERSIONS, _HANDSHAKE, _AUTHENTICATE = 18, 17, 36
_UNSUPPORTED_MECHANISM, _AUTHENTICATION_FAILED = 33, 58


def require(kafka: Kafka) -> None:
    """Returns if one of the brokers lets us in, or if none listens: then it is for the client to wait.

    Raises:
        ChurnError: the first that listens refuses us, or is not who it should be.
    """
    if kafka.security_protocol == "PLAINTEXT":
        return
    for address in kafka.bootstrap.split(","):
        host, _, port = address.strip().rpartition(":")
        with suppress(OSError, ValueError):
            connection = socket.create_connection((host.strip("[]"), int(port)), ANSWER_S)
            with connection:
                _ask(kafka, address.strip(), host.strip("[]"), connection)
                return


def _ask(kafka: Kafka, address: str, host: str, connection: socket.socket) -> None:
    connection.settimeout(ANSWER_S)
    try:
        if kafka.encrypted:
            connection = _tls(kafka).wrap_socket(connection, server_hostname=host)
        if kafka.signs_in:
            _sign_in(kafka, address, host, connection)
        else:  # a broker refuses a client's certificate, or the lack of one, only behind the handshake
            _answer(connection, _API_VERSIONS, 0, b"")
    except ssl.SSLCertVerificationError as error:
        raise ChurnError(
            f"Kafka at {address} is not trusted: {error.verify_message}.",
            "Name the authority of its certificate in kafka.tls_ca, and a host of the certificate in kafka.bootstrap.",
        ) from None
    except ssl.SSLError as error:
        raise ChurnError(
            f"Kafka at {address} does not agree on TLS ({error.reason}).",
            "Correct kafka.bootstrap, kafka.security_protocol, or kafka.tls_certificate and kafka.tls_key.",
        ) from None


def _tls(kafka: Kafka) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=kafka.tls_ca)
        if kafka.tls_certificate is not None:
            context.load_cert_chain(kafka.tls_certificate, kafka.tls_key)
    except ssl.SSLError as error:
        raise ChurnError(
            f"The certificates or the key of Kafka's settings cannot be used ({error.reason}).",
            "Correct the files that kafka.tls_ca, kafka.tls_certificate and kafka.tls_key name.",
        ) from None
    return context


def _sign_in(kafka: Kafka, address: str, host: str, connection: socket.socket) -> None:
    name = (kafka.sasl_mechanism or "").encode()
    if _error(_answer(connection, _HANDSHAKE, 1, struct.pack(">h", len(name)) + name)) == _UNSUPPORTED_MECHANISM:
        raise ChurnError(
            f"Kafka at {address} does not take the mechanism {kafka.sasl_mechanism}.",
            "Name another one in the setting kafka.sasl_mechanism.",
        )
    mechanism = get_sasl_mechanism(kafka.sasl_mechanism)(host=host, **clients.kafka_python(kafka))
    while not mechanism.is_done():
        token = mechanism.auth_bytes()
        answer = _answer(connection, _AUTHENTICATE, 0, struct.pack(">i", len(token)) + token)
        if _error(answer) == _AUTHENTICATION_FAILED:
            raise ChurnError(
                f"Kafka at {address} refuses user {kafka.sasl_username} or the password.",
                "Correct the settings kafka.sasl_username and kafka.sasl_password, or its file.",
            )
        if _error(answer):
            return
        mechanism.receive(_token(answer))


def _answer(connection: socket.socket, key: int, version: int, body: bytes) -> bytes:
    """What is answered behind the correlation id."""
    request = struct.pack(">hhih", key, version, 1, -1) + body
    connection.sendall(struct.pack(">i", len(request)) + request)
    (size,) = struct.unpack(">i", _exactly(connection, 4))
    return _exactly(connection, size)[4:]


def _exactly(connection: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        more = connection.recv(size - len(found))
        if not more:
            raise ConnectionResetError
        found += more
    return found


def _error(answer: bytes) -> int:
    return int(struct.unpack_from(">h", answer)[0])


def _token(answer: bytes) -> bytes:
    """Of an answer to `_AUTHENTICATE`: behind its error there is a text, which may be absent, and then this."""
    (length,) = struct.unpack_from(">h", answer, 2)
    return answer[4 + max(0, length) + 4 :]
