"""Forgetting, on a real broker and with a real publisher: erased, and kept from coming back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from kafka import KafkaConsumer, TopicPartition

from api.webhooks.deliveries import Deliveries, New
from churn.forgotten import marker_record, read_marker
from churn.settings import Kafka

pytestmark = pytest.mark.servers


@pytest.fixture
def forgetting(filled: Any, serve_on: Any, kafka: Kafka) -> Any:
    return serve_on(filled.url, kafka=kafka)


def traces(redis: Any, user_id: str) -> list[str]:
    """Every key that names a user or holds the id."""
    found = []
    for key in redis.scan_iter("*"):
        kind = redis.type(key)
        held = {
            "hash": redis.hgetall, "string": redis.get, "set": redis.smembers,
            "zset": lambda each: redis.zrange(each, 0, -1), "list": lambda each: redis.lrange(each, 0, -1),
            "stream": redis.xrange,
        }[kind](key)  # fmt: skip
        if user_id in f"{key} {held}":
            found.append(key)
    return found


def on_topic(kafka: Kafka) -> list[tuple[int, bytes, bytes | None]]:
    consumer = KafkaConsumer(bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest")
    try:
        parts = [TopicPartition(kafka.scores_topic, number) for number in range(kafka.partitions)]
        consumer.assign(parts)
        ends = consumer.end_offsets(parts)
        found: list[tuple[int, bytes, bytes | None]] = []
        while any(consumer.position(part) < ends[part] for part in parts):
            for some in consumer.poll(500).values():
                found += [(each.partition, each.key, each.value) for each in some]
        return found
    finally:
        consumer.close()


def test_nothing_of_the_user_is_left_and_the_receipt_says_so(
    filled: Any, forgetting: Any, score: Any, kafka: Kafka
) -> None:
    filled.add(score("Ann"), score("Bob"))
    filled.add(score("Ann", version=2, p_cancel=0.7), score("Bob", version=2, p_cancel=0.7))
    forgetting.client.post("/v1/users/Ann/snooze", json={"hours": 1, "note": "x"})
    [alert] = forgetting.client.get("/v1/alerts", params={"user_id": "Ann"}).json()["alerts"]
    filled.view.redis.hset("churn:endpoint:ep_1", "url", '"https://x"')
    deliveries = Deliveries(filled.view.redis, forgetting.wall)
    deliveries.enqueue([New("msg_1", "ep_1", alert["id"], "alert.raised", json.dumps(alert), 1, 1)])
    assert len(traces(filled.view.redis, "Ann")) >= 10
    answer = forgetting.client.delete("/v1/users/Ann")
    assert answer.status_code == 200
    receipt = answer.json()
    assert {each["what"]: each["count"] for each in receipt["erased"]} == {
        "score": 1, "history points": 2, "moments with features": 1, "snooze and acknowledgement": 1, "alerts": 1,
        "webhook deliveries": 1, "audit entries": 1,
    }  # fmt: skip
    assert traces(filled.view.redis, "Ann") == []
    assert forgetting.client.get("/v1/users/Bob/risk").status_code == 200
    assert forgetting.client.get("/v1/users/Ann/risk").json()["type"] == "urn:churn:problem:unknown-user"
    assert receipt["remains"][0]["where"] == f"topic {kafka.events_topic}"
    assert "7 days" in receipt["remains"][0]["until"]
    assert filled.view.books().users == 1


def test_where_publish_was_quicker_the_deliveries_are_erased_and_the_receipt_is_the_same(
    filled: Any, forgetting: Any, score: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled.add(score("Ann"))
    filled.add(score("Ann", version=2, p_cancel=0.7))
    [alert] = forgetting.client.get("/v1/alerts", params={"user_id": "Ann"}).json()["alerts"]
    redis = filled.view.redis
    new = []
    for name in ("ep_1", "ep_2"):
        redis.hset(f"churn:endpoint:{name}", "url", '"https://x"')
        new.append(New(f"msg_{name}", name, alert["id"], "alert.raised", json.dumps(alert), 1, 1))
    Deliveries(redis, forgetting.wall).enqueue(new)
    monkeypatch.setattr("api.forgetting.tell_topic", lambda _, user_id, __: filled.view.forget(user_id))
    receipt = forgetting.client.delete("/v1/users/Ann").json()
    assert {each["what"]: each["count"] for each in receipt["erased"]} == {
        "score": 1, "history points": 2, "moments with features": 1, "snooze and acknowledgement": 0, "alerts": 1,
        "webhook deliveries": 2, "audit entries": 0,
    }  # fmt: skip
    assert traces(redis, "Ann") == traces(redis, "msg_ep") == []


def test_the_topic_holds_a_marker_between_tombstones_and_the_marker_tells_no_id(forgetting: Any, kafka: Kafka) -> None:
    receipt = forgetting.client.delete("/v1/users/Ann").json()
    held = on_topic(kafka)
    assert len({partition for partition, _, _ in held}) == 1
    assert [(key, value) for _, key, value in held] == [
        (b"Ann", None), marker_record(receipt["marker"]), (b"Ann", None)
    ]  # fmt: skip
    assert read_marker(held[1][2] or b"") == receipt["marker"]
    assert "Ann" not in receipt["marker"]


def test_asked_again_it_does_the_same_again(filled: Any, forgetting: Any, score: Any) -> None:
    filled.add(score("Ann"))
    first, second = (forgetting.client.delete("/v1/users/Ann").json() for _ in range(2))
    assert first["marker"] == second["marker"]
    assert all(each["count"] == 0 for each in second["erased"])


def test_events_of_the_forgotten_are_ignored(forgetting: Any) -> None:
    forgetting.client.delete("/v1/users/Ann")
    event = {"ts": forgetting.wall(), "userId": "Ann", "sessionId": 1, "itemInSession": 1, "page": "Home"}
    answer = forgetting.client.post("/v1/events", json=[event, event | {"userId": "Bob"}])
    assert (answer.json()["accepted"], answer.json()["ignored"]) == (1, 1)


def test_without_a_broker_nothing_is_erased(filled: Any, serve_on: Any, score: Any) -> None:
    served = serve_on(filled.url, kafka={"bootstrap": "127.0.0.1:1"})
    filled.add(score("Ann"))
    answer = served.client.delete("/v1/users/Ann")
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:churn:problem:kafka-unavailable")
    assert served.client.get("/v1/users/Ann/risk").status_code == 200


def test_without_a_secret_key_nobody_can_be_forgotten(filled: Any, serve_on: Any, kafka: Kafka, score: Any) -> None:
    served = serve_on(filled.url, kafka=kafka, secrets={})
    filled.add(score("Ann"))
    answer = served.client.delete("/v1/users/Ann")
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:churn:problem:no-secret")


def test_only_an_administrator_forgets(forgetting: Any) -> None:
    assert forgetting.client.delete("/v1/users/Ann", headers=forgetting.key("read", "write")).status_code == 403


def test_an_id_with_a_line_break_is_not_the_one_without(filled: Any, forgetting: Any, score: Any) -> None:
    filled.add(score("Ann"), score("Ann\n"))
    assert forgetting.client.delete("/v1/users/Ann%0A").status_code == 200
    assert [user.score.user_id for user in filled.view.users(["Ann", "Ann\n"]) if user] == ["Ann"]
