"""Where a webhook may go: no address that is not public, in whatever way it is written."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.webhooks.addresses import Place, RefusedError, check, parts, resolve

PRIVATE = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1",  # noqa: S104
    "172.16.5.4", "172.31.255.255", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "100.100.100.200", "192.0.0.192", "168.63.129.16", "198.18.0.1", "192.0.2.1", "198.51.100.1",
    "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.88.99.1",
    "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "fec0::1", "2001:db8::1", "100::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:7f00:1", "::127.0.0.1", "::7f00:1", "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "5f00::1", "3fff::1",
]  # fmt: skip
PUBLIC = ["93.184.216.34", "8.8.8.8", "2606:2800:220:1:248:1893:25c8:1946", "64:ff9b::808:808", "2002:808:808::1"]


def to(*addresses: str) -> Place:
    return check("https://host.example/x", (), lambda *_: list(addresses))


@pytest.mark.parametrize("address", PRIVATE)
def test_what_is_not_public_is_refused(address: str) -> None:
    with pytest.raises(RefusedError, match="no public address"):
        to(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_public_is_not(address: str) -> None:
    assert to(address) == Place("host.example", 443, (address,))


@pytest.mark.parametrize("address", PRIVATE)
def test_one_bad_address_among_good_ones_is_enough(address: str) -> None:
    with pytest.raises(RefusedError):
        to(*PUBLIC, address)


@given(st.ip_addresses(v=4))
def test_an_address_is_judged_alike_in_every_way_that_ipv6_carries_it(address: IPv4Address) -> None:
    def refused(text: str) -> bool:
        try:
            to(text)
        except RefusedError:
            return True
        return False

    bits = int(address)
    carried = [
        IPv6Address((0xFFFF << 32) | bits),
        IPv6Address((0x64FF9B << 96) | bits),
        IPv6Address((0x2002 << 112) | (bits << 80)),
    ]
    assert {refused(str(each)) for each in carried} == {refused(str(address))}


@pytest.mark.parametrize(
    "spelling",
    [
        "127.0.0.1", "127.1", "127.0.1", "0177.0.0.1", "0x7f.0.0.1", "0x7f000001", "2130706433", "017700000001", "0",
        "[::1]", "[::ffff:127.0.0.1]", "[0:0:0:0:0:0:0:1]", "localhost", "LOCALHOST", "[::ffff:7f00:1]", "127.0.0.1.",
    ],
)  # fmt: skip
def test_this_machine_in_every_spelling_that_the_system_reads(spelling: str) -> None:
    with pytest.raises((RefusedError, OSError)):
        check(f"https://{spelling}/hook", (), resolve)


@pytest.mark.parametrize(
    "url",
    [
        "http://93.184.216.34/x", "ftp://93.184.216.34/x", "file:///etc/passwd", "gopher://93.184.216.34", "//x", "x",
        "https://", "https:///x", "https://user@93.184.216.34/", "https://user:secret@93.184.216.34/",
        "https://exa mple.com/", "https://host\\@127.0.0.1/", "https://host:99999/", "https://[::1", "https://hö.example/",
        "https://%31%32%37.0.0.1/", "https://host/\r\nX: y", "",
    ],
)  # fmt: skip
def test_what_is_no_url_of_a_webhook_is_refused(url: str) -> None:
    with pytest.raises(RefusedError):
        check(url, (), lambda *_: ["93.184.216.34"])


def test_a_network_of_the_settings_is_allowed_and_by_http() -> None:
    networks = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
    for url in ("http://localhost:8080/x", "https://localhost/x"):
        assert check(url, networks, lambda *_: ["127.0.0.1", "::1"]).addresses == ("127.0.0.1", "::1")
    with pytest.raises(RefusedError):
        check("http://localhost/x", networks, lambda *_: ["127.0.0.1", "10.0.0.1"])
    with pytest.raises(RefusedError, match="https"):
        check("http://host.example/x", networks, lambda *_: ["93.184.216.34"])


def test_a_name_without_an_address_is_refused() -> None:
    with pytest.raises(RefusedError, match="has no address"):
        to()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.example", ("https", "a.example", 443)),
        ("https://A.example:8443/x?y", ("https", "a.example", 8443)),
        ("http://[2606:2800::1]/", ("http", "2606:2800::1", 80)),
    ],
)
def test_parts(url: str, expected: tuple[str, str, int]) -> None:
    assert parts(url) == expected
