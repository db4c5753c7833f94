"""Deliveries as Redis holds them: how long they are kept, and that nothing is left of them."""

from __future__ import annotations

from typing import Any

import pytest

from api.webhooks.deliveries import FUNCTIONS, Deliveries, New
from api.webhooks.schedule import KEPT_DEAD_S, KEPT_DELIVERED_S

pytestmark = pytest.mark.servers


@pytest.fixture
def deliveries(filled: Any) -> Deliveries:
    """With two endpoints and an alert to tell them of."""
    for endpoint in ("ep_1", "ep_2"):
        filled.view.redis.hset(f"churn:endpoint:{endpoint}", "state", '"enabled"')
    filled.view.redis.hset("churn:alert:a", "user_id", "7")
    return Deliveries(filled.view.redis, lambda: 1000)


def new(delivery: str, endpoint: str = "ep_1", alert: str = "a") -> New:
    return New(delivery, endpoint, alert, "alert.raised", "{}", 1, 1)


def ends(redis: Any, delivery: str, endpoint: str, state: str, at_ms: int = 1000) -> None:
    kept_s = KEPT_DELIVERED_S if state == "delivered" else KEPT_DEAD_S
    assert FUNCTIONS.call(redis, "churn_attempted", delivery, endpoint, "{}", state, at_ms, "", kept_s) == 1


def kept_days(redis: Any, key: str) -> float:
    """How long a key is kept, in days; below zero for ever."""
    left_ms = redis.pttl(key)
    return float(left_ms if left_ms < 0 else round(left_ms / 86_400_000, 2))


def test_an_alert_is_known_to_its_deliveries_as_long_as_one_waits_or_is_kept(
    filled: Any, deliveries: Deliveries
) -> None:
    redis, key = filled.view.redis, "churn:deliveries:of:a"
    deliveries.enqueue([new("msg_1"), new("msg_2", "ep_2")])
    ends(redis, "msg_1", "ep_1", "delivered")
    assert kept_days(redis, key) == -1  # the other one waits
    ends(redis, "msg_2", "ep_2", "dead")
    assert kept_days(redis, key) == 30
    assert deliveries.replay("msg_1")
    assert kept_days(redis, key) == -1
    ends(redis, "msg_1", "ep_1", "delivered")
    assert kept_days(redis, key) == 30
    deliveries.delete_endpoint("ep_2")
    assert kept_days(redis, key) == 7
    deliveries.enqueue([new("msg_3", "ep_2")])
    assert kept_days(redis, key) == -1


def test_of_a_deleted_endpoint_nothing_is_left_though_its_deliveries_were_in_no_list(
    filled: Any, deliveries: Deliveries
) -> None:
    redis = filled.view.redis
    deliveries.enqueue([new("msg_1"), new("msg_2")])
    ends(redis, "msg_2", "ep_1", "dead")
    redis.zrem("churn:deliveries:ep_1", "msg_1")
    redis.zadd("churn:deliveries:ep_1", {"msg_gone": 1})
    deliveries.delete_endpoint("ep_1")
    patterns = ("churn:deliver*", "churn:queue*", "churn:attempts*")
    assert [key for pattern in patterns for key in redis.scan_iter(pattern)] == []


def test_the_list_of_an_endpoint_does_not_grow_and_keeps_what_waits(filled: Any, deliveries: Deliveries) -> None:
    redis = filled.view.redis
    deliveries.enqueue([new("msg_waits")])
    for number in range(2000):
        deliveries.enqueue([new(f"msg_{number}")])
        redis.delete(f"churn:delivery:msg_{number}")  # as Redis does when its time is over
    assert redis.zcard("churn:deliveries:ep_1") < 100
    assert redis.zscore("churn:deliveries:ep_1", "msg_waits") is not None
    assert [each.id for each in deliveries.newest("ep_1", None, 10)] == ["msg_waits"]


def test_what_waits_is_listed_however_old_it_is(filled: Any, deliveries: Deliveries) -> None:
    deliveries.enqueue([new("msg_1")])
    later = Deliveries(filled.view.redis, lambda: 1000 * 86_400_000)
    assert [each.id for each in later.newest("ep_1", None, 10)] == ["msg_1"]


def test_of_the_dead_those_are_sent_once_more_that_died_since_a_time(filled: Any, deliveries: Deliveries) -> None:
    redis = filled.view.redis
    deliveries.enqueue([new(f"msg_{number}") for number in range(4)])
    for number, (state, at_ms) in enumerate([("dead", 499), ("dead", 500), ("dead", 900), ("delivered", 900)]):
        ends(redis, f"msg_{number}", "ep_1", state, at_ms)
    assert deliveries.replay_dead("ep_1", 500) == 2
    assert [deliveries.get(f"msg_{number}").state for number in range(4)] == ["dead", "waiting", "waiting", "delivered"]
    assert deliveries.replay_dead("ep_1", 500) == 0


def claimed(redis: Any, now_ms: int, until_ms: int) -> list[str]:
    *found, _ = FUNCTIONS.call(redis, "churn_claim", "ep_1", now_ms, until_ms, 10)
    return [delivery for delivery, *_ in found]


def test_what_one_has_claimed_is_nobody_elses_until_its_time_is_over(filled: Any, deliveries: Deliveries) -> None:
    redis = filled.view.redis
    deliveries.enqueue([new("msg_1")])
    assert claimed(redis, 1000, 60_000) == ["msg_1"]
    assert claimed(redis, 59_999, 120_000) == []
    assert claimed(redis, 60_000, 120_000) == ["msg_1"]  # whoever had it is taken for dead


def test_an_attempt_at_what_was_erased_meanwhile_leaves_nothing(filled: Any, deliveries: Deliveries) -> None:
    redis = filled.view.redis
    deliveries.enqueue([new("msg_1")])
    assert claimed(redis, 1000, 60_000) == ["msg_1"]
    deliveries.delete_endpoint("ep_1")
    assert FUNCTIONS.call(redis, "churn_attempted", "msg_1", "ep_1", "{}", "waiting", 1000, 2000, KEPT_DEAD_S) == 0
    patterns = ("churn:deliver*", "churn:queue*", "churn:attempts*")
    assert [key for pattern in patterns for key in redis.scan_iter(pattern)] == []
