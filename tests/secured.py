"""A broker and a Redis that ask for a password and speak TLS, by certificates that `openssl` makes for one test run."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import redis
from kafka.admin import KafkaAdminClient, UserScramCredentialUpsertion
from pydantic import SecretStr

from churn.embedded import Broker, Valkey, free_port
from churn.jars import Jars
from churn.settings import Kafka, Redis

USER = "scorer"
PASSWORD = """qu"o\\te's; x={1} $HOME ü#%@/:"""  # noqa: S105 (of servers that live as long as a test)
"""With every character that some layer on the way may take for its own."""


@dataclass(frozen=True)
class Certificates:
    """PEM files: an authority, what it has signed for 127.0.0.1, and another authority that nobody knows."""

    authority: Path
    certificate: Path
    key: Path
    stranger: Path


@dataclass(frozen=True)
class Secured:
    """Servers that let nobody in without a password.

    Attributes:
        kafka: settings that are let in, by SCRAM over TLS; topics are not there yet.
        plain: the same, by PLAIN.
        certified: the same, by a client certificate and no password.
        redis: settings that are let in, over TLS.
        certificates: of both.
        open_bootstrap: the broker's door for its administrator, without TLS and password.
    """

    kafka: Kafka
    plain: Kafka
    certified: Kafka
    redis: Redis
    certificates: Certificates
    open_bootstrap: str


def certificates(folder: Path) -> Certificates:
    """Makes them, good for a day."""
    folder.mkdir(parents=True, exist_ok=True)
    assert shutil.which("openssl"), "This test needs the program openssl; Debian's package of that name has it."
    for name in ("authority", "stranger"):
        _openssl(folder, *_request(name), *("-x509", "-days", "1", "-out", f"{name}.pem"))
    _openssl(folder, *_request("server"), "-out", "server.csr")
    (folder / "names").write_text("subjectAltName = IP:127.0.0.1\n")
    sign = ("x509", "-req", "-in", "server.csr", "-CA", "authority.pem", "-CAkey", "authority.key", "-CAcreateserial")
    _openssl(folder, *sign, "-days", "1", "-extfile", "names", "-out", "server.pem")
    return Certificates(*(folder / name for name in ("authority.pem", "server.pem", "server.key", "stranger.pem")))


def _request(name: str) -> tuple[str, ...]:
    new = ("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    return (*new, "-keyout", f"{name}.key", "-subj", f"/CN={name}")


def _openssl(folder: Path, *arguments: str) -> None:
    done = subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, text=True, check=False)  # noqa: S607
    assert done.returncode == 0, done.stderr


@contextmanager
def secured(folder: Path, jars: Jars, java_home: Path) -> Iterator[Secured]:
    """Starts the servers."""
    made = certificates(folder / "certificates")
    with ExitStack() as stack:
        ports = _Ports(*(free_port() for _ in range(4)))
        broker = Broker(folder, jars, java_home, ports.open, properties=_properties(made, ports))
        stack.enter_context(broker)
        admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap)
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
            admin.alter_user_scram_credentials([UserScramCredentialUpsertion(USER, mechanism, PASSWORD)])
        admin.close()
        valkey = stack.enter_context(Valkey(folder))
        _let_in_one_user(valkey)
        front = stack.enter_context(tls_in_front_of(valkey.port, made))
        plain = Kafka(
            bootstrap=f"127.0.0.1:{ports.password}",
            security_protocol="SASL_SSL",
            sasl_mechanism="PLAIN",
            sasl_username=USER,
            sasl_password=SecretStr(PASSWORD),
            tls_ca=made.authority,
        )
        certified = Kafka(
            bootstrap=f"127.0.0.1:{ports.certificate}",
            security_protocol="SSL",
            tls_ca=made.authority,
            tls_certificate=made.certificate,
            tls_key=made.key,
        )
        yield Secured(
            plain.model_copy(update={"sasl_mechanism": "SCRAM-SHA-512"}),
            plain,
            certified,
            Redis(
                url=f"rediss://127.0.0.1:{front}/0",
                username=USER,
                password=SecretStr(PASSWORD),
                tls_ca=made.authority,
            ),
            made,
            broker.bootstrap,
        )


@dataclass(frozen=True)
class _Ports:
    """Of the broker: for its administrator, for a password, for a client certificate, for itself."""

    open: int
    password: int
    certificate: int
    controller: int


def _properties(made: Certificates, ports: _Ports) -> dict[str, str]:
    own = made.certificate.with_name("keystore.pem")
    own.write_text(made.key.read_text() + made.certificate.read_text())
    doors = {"PLAINTEXT": ports.open, "PASSWORD": ports.password, "CERTIFICATE": ports.certificate}
    listeners = ",".join(f"{name}://127.0.0.1:{port}" for name, port in doors.items())
    # How the broker itself has a string; its users' passwords stand in it.
    password = PASSWORD.replace("\\", "\\\\").replace('"', '\\"')
    plain = f'org.apache.kafka.common.security.plain.PlainLoginModule required user_{USER}="{password}";'
    scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    return {
        "listeners": f"{listeners},CONTROLLER://127.0.0.1:{ports.controller}",
        "advertised.listeners": listeners,
        "controller.quorum.voters": f"1@127.0.0.1:{ports.controller}",
        "listener.security.protocol.map": (
            "PLAINTEXT:PLAINTEXT,PASSWORD:SASL_SSL,CERTIFICATE:SSL,CONTROLLER:PLAINTEXT"
        ),
        "inter.broker.listener.name": "PLAINTEXT",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(own),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(made.authority),
        "listener.name.certificate.ssl.client.auth": "required",
        "listener.name.password.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
        "listener.name.password.plain.sasl.jaas.config": plain,
        "listener.name.password.scram-sha-256.sasl.jaas.config": scram,
        "listener.name.password.scram-sha-512.sasl.jaas.config": scram,
    }


def _let_in_one_user(valkey: Valkey) -> None:
    with redis.Redis.from_url(valkey.url) as client:
        client.acl_setuser(
            USER, enabled=True, passwords=[f"+{PASSWORD}"], keys=["*"], channels=["*"], commands=["+@all"]
        )
        client.acl_setuser("default", enabled=False)


@contextmanager
def tls_in_front_of(port: int, made: Certificates) -> Iterator[int]:
    """A port that speaks TLS and hands on to one that does not: the embedded Valkey is built without."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, made.key)
    loop = asyncio.new_event_loop()

    async def hand_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(_pump(reader, behind_writer), _pump(behind_reader, writer))

    async def serve() -> asyncio.Server:
        return await asyncio.start_server(hand_on, "127.0.0.1", 0, ssl=context)

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(serve(), loop).result(10)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):  # whoever hangs up first
        while chunk := await reader.read(65_536):
            writer.write(chunk)
            await writer.drain()
    writer.close()
