"""The Quix Streams peer on a disturbed log, and when it is killed: what its guarantees really give."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.benchmarks.peers.conftest import QUIX_PYTHON, Peers
from tests.e2e.conftest import Row, identities, send

pytestmark = [
    pytest.mark.servers,
    pytest.mark.spark,
    pytest.mark.peers,
    pytest.mark.skipif(not QUIX_PYTHON.exists(), reason="Quix Streams is not installed: make peers"),
]


@pytest.mark.parametrize(
    "arguments", [("--tuned", "throughput"), ("--tuned", "latency")], ids=["throughput", "latency"]
)
def test_every_feature_of_every_user_equals_the_oracle(
    arguments: tuple[str, ...], rows: list[Row], peers: Peers
) -> None:
    send([*rows, {**rows[0], "level": "gold"}], peers.kafka)
    peer = peers.start("quix", *arguments, "--group", peers.kafka.events_topic)
    peers.reach(identities(rows), peer)
    assert peer.stop(15) == 0, peer.tail(30)
    assert peers.wrong(rows) == []


@pytest.mark.parametrize("tuned", ["throughput", "latency"])
@pytest.mark.parametrize("guarantee", [(), ("--exactly-once",)], ids=["at-least-once", "exactly-once"])
def test_one_that_is_killed_counts_every_event_once(
    tuned: str, guarantee: tuple[str, ...], rows: list[Row], peers: Peers, eventually: Callable[..., bool]
) -> None:
    often = ("--commit-interval", "0.2", "--commit-every", "300")
    arguments = ("--tuned", tuned, *often, *guarantee, "--group", peers.kafka.events_topic)
    half, total = len(rows) // 2, identities(rows)
    send(rows[:half], peers.kafka)
    in_the_middle = 0
    for kill in range(5):
        peer = peers.start("quix", *arguments)
        reached = peers.view.books().events_scored
        assert eventually(lambda: peers.view.books().events_scored > reached, 90), peer.tail(30)  # noqa: B023
        peer.kill()
        in_the_middle += peers.view.books().events_scored < total
        if kill == 2:
            send(rows[half:], peers.kafka)
    assert in_the_middle >= 3, "it was too quick to be killed in the middle"
    peer = peers.start("quix", *arguments)
    peers.reach(total, peer)
    # Doubles of events that an earlier process has counted are told from new ones, too.
    sent = peers.follow_up(rows, peer)
    assert peer.stop(15) == 0, peer.tail(30)
    assert peers.wrong(sent) == []
