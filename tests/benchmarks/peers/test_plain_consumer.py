"""The plain consumer on a disturbed log; the durable one when it is killed, and when Redis goes back in time."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable

import pytest

from churn.child import Child
from tests.benchmarks.peers.conftest import Peers
from tests.e2e.conftest import Row, identities, send

pytestmark = [pytest.mark.servers, pytest.mark.spark, pytest.mark.peers]


def told(peer: Child) -> dict[str, float]:
    """What it says at its end."""
    assert peer.stop(15) == 0, peer.tail(30)
    return dict(json.loads(peer.tail(1)))


@pytest.mark.parametrize("client", ["confluent", "kafka-python"])
@pytest.mark.parametrize("more", [(), ("--durable",)], ids=["memory", "durable"])
def test_every_feature_of_every_user_equals_the_oracle(
    client: str, more: tuple[str, ...], rows: list[Row], peers: Peers
) -> None:
    bad = {**rows[0], "level": "gold"}
    send([*rows, bad], peers.kafka)
    peer = peers.start("plain_consumer", "--client", client, "--poll-records", "500", *more)
    peers.reach(identities(rows), peer)
    end = told(peer)
    of_users = sum(bool(row["userId"]) for row in rows)
    kinds = {
        "counted": identities(rows),
        "duplicates": of_users - identities(rows),
        "late": 0,
        "invalid": 1,
        "logged_out": len(rows) - of_users,
    }
    assert kinds.items() <= end.items()
    assert peers.wrong(rows) == []
    assert end["scores"] == peers.view.books().scores


def test_without_dedupe_a_double_counts_twice(rows: list[Row], peers: Peers) -> None:
    send(rows, peers.kafka)
    of_users = sum(bool(row["userId"]) for row in rows)
    peers.reach(of_users, peers.start("plain_consumer", "--no-dedupe"))
    assert identities(rows) < of_users == peers.view.books().events_scored


def test_in_memory_a_second_start_counts_everything_anew(rows: list[Row], peers: Peers) -> None:
    send(rows, peers.kafka)
    for _ in range(2):
        peer = peers.start("plain_consumer")
        peers.reach(identities(rows), peer)
        peer.kill()
    assert peers.wrong(rows) == []


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_durable_one_that_is_killed_counts_every_event_once(
    processes: str, rows: list[Row], peers: Peers, eventually: Callable[..., bool]
) -> None:
    arguments = ("--durable", "--poll-records", "100", "--processes", processes)
    half, total = len(rows) // 2, identities(rows)
    send(rows[:half], peers.kafka)
    kills = Counter[bool]()
    for kill in range(6):
        peer = peers.start("plain_consumer", *arguments)
        reached = peers.view.books().events_scored
        assert eventually(lambda: peers.view.books().events_scored > reached, 60), peer.tail(30)  # noqa: B023
        peer.kill()
        kills[peers.view.books().events_scored < total] += 1
        if kill == 2:
            send(rows[half:], peers.kafka)
    assert kills[True] >= 3, "it was too quick to be killed in the middle"
    peer = peers.start("plain_consumer", *arguments)
    peers.reach(total, peer)
    # Doubles of events that an earlier process has counted are told from new ones, too.
    sent = peers.follow_up(rows, peer)
    assert peers.wrong(sent) == []


def test_no_record_is_read_twice_when_a_durable_one_is_killed(
    rows: list[Row], peers: Peers, eventually: Callable[..., bool]
) -> None:
    """Without dedupe, which would hide it."""
    arguments = ("--durable", "--no-dedupe", "--poll-records", "100")
    of_users = sum(bool(row["userId"]) for row in rows)
    send(rows, peers.kafka)
    for _ in range(3):
        peer = peers.start("plain_consumer", *arguments)
        reached = peers.view.books().events_scored
        assert eventually(lambda: peers.view.books().events_scored > reached, 60), peer.tail(30)  # noqa: B023
        peer.kill()
    assert peers.view.books().events_scored < of_users, "it was too quick to be killed in the middle"
    peer = peers.start("plain_consumer", *arguments)
    peers.reach(of_users, peer)
    assert told(peer)["counted"] > 0
    assert peers.view.books().events_scored == of_users


def test_state_is_kept_only_with_the_view_that_holds_it(
    rows: list[Row], peers: Peers, eventually: Callable[..., bool]
) -> None:
    """Redis goes back in time beneath a running consumer: it stops, and the next one goes on from what there is."""
    send(rows[:2000], peers.kafka)
    peer = peers.start("plain_consumer", "--durable")
    peers.reach(identities(rows[:2000]), peer)
    redis = peers.view.redis
    redis.flushdb()  # as a Redis that had nothing on its disk
    send(rows[2000:], peers.kafka)
    assert eventually(lambda: not peer.alive, 60)
    assert redis.hgetall("peer:positions") == {}, "state without the scores before it"
    peers.reach(identities(rows), peers.start("plain_consumer", "--durable"))
    assert peers.wrong(rows) == []
