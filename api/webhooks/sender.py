"""One attempt: signed, posted to the addresses that were just checked, and judged by what is answered."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Self

import aiohttp
import structlog
from aiohttp.abc import AbstractResolver, ResolveResult
from standardwebhooks import Webhook

from api.webhooks import addresses
from api.webhooks.addresses import Network, Place, RefusedError

log = structlog.get_logger()

TIMEOUT_S = 15.0
"""From the name of the host to the answer."""
ANSWER_BYTES = 1024
"""Of an answer that are kept; the rest is not even read."""
RESOLVERS = 32
"""Names that are looked up at the same time: the system's resolver may hang for each."""

_place: ContextVar[Place] = ContextVar("place")


@dataclass(frozen=True)
class Answer:
    """What came of an attempt.

    Attributes:
        status: of HTTP, None if no answer came.
        error: why not, empty otherwise.
        text: the first kilobyte of the answer.
        retry_after: the header, None if there was none.
    """

    status: int | None
    error: str = ""
    text: str = ""
    retry_after: str | None = None

    @property
    def delivered(self) -> bool:
        """Any 2xx, and nothing else: a redirect is no answer."""
        return self.status is not None and 200 <= self.status < 300


class _Checked(AbstractResolver):
    """Resolves nothing: it gives the addresses that the attempt has checked."""

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 (a contract)
    ) -> list[ResolveResult]:
        place = _place.get()
        if host.rstrip(".") != place.host.rstrip(".") or port != place.port:
            raise OSError("a connection to a place that was not checked")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in place.addresses
        ]

    async def close(self) -> None:
        """Nothing is open."""


class Sender:
    """Makes attempts. Used within `async with`.

    Args:
        http_networks: may be private, and be spoken to without TLS.
        resolve: gives all addresses of a host; blocks.
    """

    def __init__(self, http_networks: Sequence[Network], resolve: addresses.Resolve = addresses.resolve) -> None:
        self._http_networks, self._resolve = http_networks, resolve
        self._resolvers = ThreadPoolExecutor(RESOLVERS, thread_name_prefix="resolve")
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Opens what connections are made with."""
        connector = aiohttp.TCPConnector(
            resolver=_Checked(), use_dns_cache=False, limit=0, ssl=ssl.create_default_context(), keepalive_timeout=20
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
            trust_env=False,  # no proxy from the environment, and no .netrc
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,  # a small answer may unpack to a large one
            headers={"User-Agent": f"sparkify-churn/{version('sparkify-churn')}"},
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        """Closes them."""
        if self._session is not None:
            await self._session.close()
        self._resolvers.shutdown(wait=False, cancel_futures=True)

    async def send(self, url: str, message_id: str, body: str, secrets: Sequence[str], now_ms: int) -> Answer:
        """One attempt; never raises for what is out there.

        Args:
            url: of the endpoint.
            message_id: the same at every attempt.
            body: as it is signed and posted.
            secrets: the body is signed with each.
            now_ms: the wall clock, which is signed, too.
        """
        try:
            async with asyncio.timeout(TIMEOUT_S):
                loop = asyncio.get_running_loop()
                place = await loop.run_in_executor(
                    self._resolvers, addresses.check, url, self._http_networks, self._resolve
                )
                return await self._post(url, place, signed_headers(message_id, body, secrets, now_ms), body)
        except RefusedError as error:
            return Answer(None, f"refused: {error}")
        except TimeoutError:
            return Answer(None, f"no answer within {TIMEOUT_S:.0f} s")
        except (aiohttp.ClientSSLError, ssl.SSLError) as error:
            return Answer(None, f"TLS: {_tls_words(error)}")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Answer(None, f"{type(error).__name__}: {str(error)[:200]}")
        except Exception as error:
            # Whatever it is, it counts as an attempt: one that is not noted would be made again for ever.
            log.exception("an attempt failed of something nobody foresaw")
            return Answer(None, f"{type(error).__name__}, which the log of churn deliver tells")

    async def _post(self, url: str, place: Place, headers: dict[str, str], body: str) -> Answer:
        if self._session is None:
            raise RuntimeError("used outside of async with")
        _place.set(place)
        async with self._session.post(url, data=body.encode(), headers=headers, allow_redirects=False) as answer:
            text = b""
            while len(text) < ANSWER_BYTES and not answer.content.at_eof():
                text += await answer.content.read(ANSWER_BYTES - len(text))
            retry_after = answer.headers.get("Retry-After")
            if not answer.content.at_eof():
                answer.close()  # the rest is not wanted, nor is a connection that is full of it
            return Answer(answer.status, "", text.decode(errors="replace"), retry_after)


def _tls_words(error: Exception) -> str:
    """What is wrong with a certificate or with what was spoken, without the address that aiohttp puts before it."""
    within = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
    words = getattr(within, "verify_message", None) or getattr(within, "reason", None) or str(within)
    return str(words).replace("_", " ").lower()[:200]


def signed_headers(message_id: str, body: str, secrets: Sequence[str], now_ms: int) -> dict[str, str]:
    """The headers of a message: Standard Webhooks 1.0."""
    at = datetime.fromtimestamp(now_ms // 1000, UTC)
    return {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(now_ms // 1000),
        "webhook-signature": " ".join(Webhook(secret).sign(message_id, at, body) for secret in secrets),
    }


def elapsed_ms(began_s: float) -> int:
    """Since a moment of `time.perf_counter`."""
    return round((time.perf_counter() - began_s) * 1000)
