"""Where a webhook may go: to public addresses only, in whatever way one is written, and to none that a name hides.

A server that posts to any URL somebody gives it can be sent against its own network (server-side request forgery,
OWASP). So every address that a name resolves to has to be public, at each attempt anew, and the connection goes to
those very addresses. What is not public: IANA's special-purpose address registries.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Sequence[str]]

_METADATA = frozenset(map(ip_address, ("168.63.129.16", "100.100.100.200", "192.0.0.192", "169.254.169.254")))
"""Of cloud providers: one of them is a public address."""
_NEVER = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "240.0.0.0/4",
            "::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "3fff::/20", "5f00::/16", "fec0::/10",
        ),
    )
)  # fmt: skip
"""Beside what Python's `is_global` knows, which differs between its versions."""
_NAT64 = IPv6Network("64:ff9b::/96")


class RefusedError(ValueError):
    """A webhook may not go there; says why."""


@dataclass(frozen=True)
class Place:
    """Where a URL leads: the addresses that were checked, as text."""

    host: str
    port: int
    addresses: tuple[str, ...]


_FOR_DEVELOPMENT = "For development, networks of one's own can be named in the setting webhooks.http_networks."


def check(url: str, http_networks: Sequence[Network], resolve: Resolve) -> Place:
    """Checks a URL and every address that it leads to.

    Args:
        url: of an endpoint.
        http_networks: addresses in them may be private, and be spoken to without TLS.
        resolve: gives all addresses of a host.

    Raises:
        RefusedError: it is no URL of a webhook, or one of its addresses is not public.
        OSError: the name cannot be resolved.
    """
    scheme, host, port = parts(url)
    try:
        addresses = tuple(dict.fromkeys(resolve(host, port)))
    except UnicodeError:  # of Python's codec for names: a label is empty or too long
        raise RefusedError(f"{host} cannot be the name of a host.") from None
    if not addresses:
        raise RefusedError(f"{host} has no address.")
    for text in addresses:
        address = ip_address(text.partition("%")[0])
        if any(address in network for network in http_networks if network.version == address.version):
            continue
        if scheme != "https":
            raise RefusedError(f"The URL has to begin with https://. {_FOR_DEVELOPMENT}")
        if why := _not_public(address):
            raise RefusedError(f"{host} leads to {text}, which is no public address: {why}. {_FOR_DEVELOPMENT}")
    return Place(host, port, addresses)


def parts(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of a URL.

    Raises:
        RefusedError: it is none of a webhook.
    """
    try:
        split = urlsplit(url)
        host, port = split.hostname or "", split.port
    except ValueError:
        raise RefusedError("The URL cannot be read.") from None
    if split.scheme not in ("http", "https"):
        raise RefusedError("The URL has to begin with https://.")
    if not host or "%" in host or not url.isascii() or any(ord(each) <= 32 or each == "\\" for each in url):
        raise RefusedError("The URL has no host that can be read.")
    if split.username is not None or split.password is not None:
        raise RefusedError("The URL must hold no user and no password.")
    return split.scheme, host, port or (443 if split.scheme == "https" else 80)


def _not_public(address: Address) -> str:
    """Why an address is not public, empty if it is."""
    inner = _carried(address)
    if inner is not None:
        return _not_public(inner)
    if address in _METADATA:
        return "it is a cloud's own"
    for name in ("is_loopback", "is_link_local", "is_multicast", "is_unspecified", "is_private", "is_reserved"):
        if getattr(address, name):
            return f"it is {name.removeprefix('is_').replace('_', '-')}"
    if not address.is_global or any(address in network for network in _NEVER if network.version == address.version):
        return "it is set aside"
    return ""


def _carried(address: Address) -> IPv4Address | None:
    """The address of IPv4 that one of IPv6 stands for: mapped, 6to4, NAT64."""
    if isinstance(address, IPv4Address):
        return None
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def resolve(host: str, port: int) -> list[str]:
    """All addresses of a host, as the system resolves it: it reads `127.1`, `0x7f000001` and `2130706433`, too."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(where[0]) for *_, where in found]
