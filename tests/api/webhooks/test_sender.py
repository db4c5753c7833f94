"""One attempt, over real connections: signed by the standard, and going nowhere but where it was checked."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

import pytest
from standardwebhooks import Webhook

from api.webhooks import sender as sending
from api.webhooks.addresses import Place
from api.webhooks.endpoints import new_secret
from api.webhooks.sender import ANSWER_BYTES, Answer, Sender
from tests.api.webhooks.receiver import Receiver, receiving
from tests.secured import certificates

pytestmark = pytest.mark.servers

HERE = (ip_network("127.0.0.0/8"),)
BODY = json.dumps({"type": "alert.raised", "data": {"user_id": "é"}})


def send(url: str, *secrets: str, networks: Any = HERE, resolve: Any = None, times: int = 1) -> list[Answer]:
    async def attempts() -> list[Answer]:
        options = {} if resolve is None else {"resolve": resolve}
        async with Sender(networks, **options) as sender:
            now_ms = int(time.time() * 1000)
            return [await sender.send(url, "msg_1", BODY, secrets or (new_secret(),), now_ms) for _ in range(times)]

    return asyncio.run(attempts())


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as started:
        yield started


def test_the_receiving_side_verifies_it(receiver: Receiver) -> None:
    secret = new_secret()
    [answer] = send(receiver.url, secret)
    assert answer == Answer(204)
    [got] = receiver.got
    assert Webhook(secret).verify(got.body, got.headers) == json.loads(BODY)
    assert got.headers["webhook-id"] == "msg_1"
    assert got.headers["content-type"] == "application/json"
    with pytest.raises(Exception, match="No matching signature"):
        Webhook(new_secret()).verify(got.body, got.headers)
    with pytest.raises(Exception, match="No matching signature"):
        Webhook(secret).verify(got.body + b" ", got.headers)


def test_during_a_rotation_both_secrets_verify_it(receiver: Receiver) -> None:
    new, old = new_secret(), new_secret()
    send(receiver.url, new, old)
    for secret in (new, old):
        assert Webhook(secret).verify(receiver.got[0].body, receiver.got[0].headers)


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_any_2xx_is_delivered(receiver: Receiver, status: int) -> None:
    receiver.status = status
    assert send(receiver.url)[0].delivered


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed_and_is_no_delivery(receiver: Receiver, status: int) -> None:
    with receiving() as elsewhere:
        receiver.status, receiver.headers = status, {"Location": elsewhere.url}
        [answer] = send(receiver.url)
        assert (answer.status, answer.delivered, elsewhere.connections) == (status, False, 0)


def test_only_the_first_kilobyte_of_an_answer_is_kept(receiver: Receiver) -> None:
    receiver.status, receiver.answer = 500, b"x" * 50_000_000
    began_s = time.monotonic()
    [answer] = send(receiver.url)
    assert answer.text == "x" * ANSWER_BYTES
    assert time.monotonic() - began_s < 5


def test_an_endless_wait_ends(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "TIMEOUT_S", 0.3)
    receiver.hang_s = 3
    [answer] = send(receiver.url)
    assert (answer.status, answer.error) == (None, "no answer within 0 s")


def test_nobody_there_is_told(receiver: Receiver) -> None:
    [answer] = send("http://127.0.0.1:1/x")
    assert answer.status is None
    assert "Cannot connect" in answer.error


def test_a_name_that_cannot_be_one_is_refused() -> None:
    [answer] = send("https://a..b.com/")
    assert answer == Answer(None, "refused: a..b.com cannot be the name of a host.")


def test_a_connection_is_used_again(receiver: Receiver) -> None:
    assert [answer.status for answer in send(receiver.url, times=5)] == [204] * 5
    assert receiver.connections == 1


def test_no_proxy_and_no_credentials_of_the_environment(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password hunter2\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("HOME", str(tmp_path))
    with receiving() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "https_proxy"):
            monkeypatch.setenv(name, proxy.url)
        assert send(receiver.url)[0].delivered
        assert proxy.connections == 0
    assert "authorization" not in receiver.got[0].headers


class TestRefused:
    """A listener on this machine counts: not one connection."""

    SPELLINGS = (
        "127.0.0.1", "127.1", "0x7f000001", "2130706433", "017700000001", "localhost", "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
    )  # fmt: skip

    @pytest.mark.parametrize("scheme", ["http", "https"])
    @pytest.mark.parametrize("host", SPELLINGS)
    def test_in_every_spelling(self, receiver: Receiver, host: str, scheme: str) -> None:
        port = receiver.url.rpartition(":")[2]
        [answer] = send(f"{scheme}://{host}:{port}", networks=())
        assert answer.status is None
        assert receiver.connections == 0

    def test_a_name_that_turns_between_two_attempts(self, receiver: Receiver) -> None:
        port = int(receiver.url.rpartition(":")[2].split("/")[0])
        turns = iter([["93.184.216.34"], ["127.0.0.1"], ["127.0.0.1"]])

        def resolve(host: str, asked: int) -> list[str]:
            return next(turns)

        async def attempts() -> Answer:
            async with Sender((), resolve) as sender:
                secret, now_ms = new_secret(), int(time.time() * 1000)
                url = f"https://turns.example:{port}/x"
                sending.addresses.check(url, (), resolve)  # at creation it was public
                return await sender.send(url, "msg_1", BODY, [secret], now_ms)

        answer = asyncio.run(attempts())
        assert "no public address: it is loopback" in answer.error
        assert receiver.connections == 0

    def test_a_name_that_turns_between_the_check_and_the_connection(self, receiver: Receiver) -> None:
        """The connection goes to the address that was checked: nobody asks for the name a second time."""
        port = int(receiver.url.rpartition(":")[2].split("/")[0])
        asked: list[str] = []

        def resolve(host: str, _: int) -> list[str]:
            asked.append(host)
            return ["127.0.0.9"] if len(asked) == 1 else ["127.0.0.1"]

        [answer] = send(f"http://turns.example:{port}/x", resolve=resolve)
        assert asked == ["turns.example"]
        assert answer.status is None  # nobody listens at 127.0.0.9
        assert receiver.connections == 0


@pytest.mark.parametrize(("host", "port"), [("other.example", 443), ("hook.example", 444)])
def test_a_connection_to_what_was_not_checked_is_never_made(host: str, port: int) -> None:
    """Nothing asks for one; but what would, say a redirect that is followed one day, finds no address."""

    async def resolve(host: str, port: int) -> list[str]:
        sending._place.set(Place("hook.example", 443, ("192.0.2.7",)))
        return [each["host"] for each in await sending._Checked().resolve(host, port)]

    assert asyncio.run(resolve("hook.example", 443)) == ["192.0.2.7"]
    with pytest.raises(OSError, match="not checked"):
        asyncio.run(resolve(host, port))


def test_a_certificate_that_nobody_vouches_for_is_an_attempt_that_failed(tmp_path: Any) -> None:
    made = certificates(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, made.key)
    with receiving(context) as receiver:
        [answer] = send(receiver.url)
    assert answer.status is None
    assert answer.error.startswith("TLS: ")
    assert "certificate" in answer.error
    assert receiver.got == []


def test_a_place_that_speaks_no_tls_is_an_attempt_that_failed(receiver: Receiver) -> None:
    [answer] = send(receiver.url.replace("http:", "https:"))
    assert (answer.status, answer.error[:5]) == (None, "TLS: ")


def test_what_nobody_foresaw_is_an_attempt_too(receiver: Receiver) -> None:
    def resolve(host: str, port: int) -> list[str]:
        raise LookupError("nobody thought of it")

    [answer] = send(receiver.url, resolve=resolve)
    assert (answer.status, answer.error) == (None, "LookupError, which the log of churn deliver tells")
