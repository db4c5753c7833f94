"""Events by HTTP, on a real broker: what is acknowledged is there, and judged as the stream does."""

from __future__ import annotations

import base64
import json
import threading
import tracemalloc
from typing import Any, get_args

import pytest
from kafka import KafkaConsumer, TopicPartition

from api import idempotency
from api.posted_events import NDJSON, WORDS, judge
from api.problems import ProblemError
from churn.events import RESERVED_PAGES, TS_MAX_MS, Reason, decode
from churn.settings import PROJECT, Kafka
from tests.api.conftest import NOW_MS

VECTORS = json.loads((PROJECT / "tests" / "churn" / "event_vectors.json").read_text())


def raw_of(vector: dict[str, Any]) -> bytes:
    return base64.b64decode(vector["base64"]) if "base64" in vector else vector["text"].encode()


# An empty record, or one with a line break in it, is no line of NDJSON.
LINES = [vector for vector in VECTORS if b"\n" not in raw_of(vector).strip() and raw_of(vector).strip()]


def event(**changes: Any) -> dict[str, Any]:
    return {
        "ts": NOW_MS, "userId": "7", "sessionId": 1, "itemInSession": 1, "page": "NextSong", "level": "free"
    } | changes  # fmt: skip


def judged(body: Any, media_type: str = "application/json") -> Any:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return judge(raw, media_type, NOW_MS)


class TestJudging:
    def test_one_an_array_or_lines_are_the_same(self) -> None:
        some = [event(itemInSession=item) for item in range(3)]
        lines = b"\n".join(json.dumps(each).encode() for each in some)
        as_array, as_lines = judged(some), judged(b"\n" + lines + b"\n\n", "application/x-ndjson")
        assert [each.event for each in as_array.valid] == [each.event for each in as_lines.valid]
        assert [each.line for each in as_lines.valid] == [1, 2, 3]
        assert judged(some[0]).valid[0].event == as_array.valid[0].event

    @pytest.mark.parametrize("vector", LINES, ids=lambda vector: vector["name"])
    def test_the_rules_are_those_of_the_stream(self, vector: dict[str, Any]) -> None:
        raw = raw_of(vector)
        # What is posted is judged by the server's clock, which stands for the broker's.
        now_ms = vector["received_ms"] or TS_MAX_MS
        found = judge(raw, "application/x-ndjson", now_ms)
        reserved = vector["reason"] is None and decode(raw, now_ms).page in RESERVED_PAGES
        expected = "reserved-page" if reserved else vector["reason"]
        assert found.refused == ({} if expected is None else {1: expected})
        assert len(found.valid) == (expected is None)

    def test_every_reason_has_its_words(self) -> None:
        assert set(WORDS) == {*get_args(Reason), "reserved-page", "too-large", "too-many-new-users"}

    @pytest.mark.parametrize(
        ("body", "media_type", "name"),
        [
            (b"", "application/json", "invalid-request"),
            (b"{", "application/json", "invalid-request"),
            (b"[]", "application/json", "invalid-request"),
            (b"\n\n", "application/x-ndjson", "invalid-request"),
            (b"{}\n" * 5001, "application/x-ndjson", "invalid-request"),
            (b"[" * 100_000, "application/json", "invalid-request"),
            (b"{}", "text/plain", "unsupported-media-type"),
            (b"{}", "", "unsupported-media-type"),
        ],
    )
    def test_what_cannot_be_taken_apart_is_refused(self, body: bytes, media_type: str, name: str) -> None:
        with pytest.raises(ProblemError) as caught:
            judged(body, media_type)
        assert caught.value.name == name

    @pytest.mark.parametrize(
        ("piece", "media_type"),
        [(b"[],", "application/json"), (b"{},", "application/json"), (b"1,", "application/json"), (b"1\n", NDJSON[0])],
    )
    def test_what_holds_too_many_is_refused_before_it_fills_the_memory(self, piece: bytes, media_type: str) -> None:
        held = piece * (8_000_000 // len(piece))
        body = held if media_type == NDJSON[0] else b"[" + held[:-1] + b"]"
        tracemalloc.start()
        try:
            with pytest.raises(ProblemError, match="more than 5,000"):
                judge(body, media_type, NOW_MS)
            assert tracemalloc.get_traced_memory()[1] < 1_000_000
        finally:
            tracemalloc.stop()

    def test_an_event_of_more_than_a_megabyte_is_refused_alone(self) -> None:
        found = judged([event(artist="x" * (1 << 20)), event()])
        assert (found.refused, len(found.valid)) == ({1: "too-large"}, 1)


@pytest.mark.servers
class TestTaking:
    @pytest.fixture
    def taking(self, filled: Any, serve_on: Any, kafka: Kafka) -> Any:
        return serve_on(filled.url, kafka=kafka)

    def _held(self, kafka: Kafka) -> list[tuple[bytes | None, bytes]]:
        """Every record on the topic of events."""
        consumer = KafkaConsumer(bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest")
        try:
            parts = [TopicPartition(kafka.events_topic, number) for number in range(kafka.partitions)]
            consumer.assign(parts)
            ends = consumer.end_offsets(parts)
            found: list[tuple[bytes | None, bytes]] = []
            while any(consumer.position(part) < ends[part] for part in parts):
                for some in consumer.poll(500).values():
                    found += [(each.key, each.value) for each in some]
            return found
        finally:
            consumer.close()

    def test_what_is_answered_is_on_the_topic(self, taking: Any, kafka: Kafka) -> None:
        some = [event(itemInSession=1), event(userId="", itemInSession=2), {"ts": "soon"}, event(userId="é")]
        answer = taking.client.post("/v1/events", json=some)
        assert answer.status_code == 202
        assert answer.json() == {
            "accepted": 3,
            "ignored": 0,
            "errors": [{"line": 3, "reason": "malformed", "detail": WORDS["malformed"]}],
        }
        held = self._held(kafka)
        assert sorted(key or b"" for key, _ in held) == [b"", b"7", "é".encode()]
        assert sorted(json.loads(value)["itemInSession"] for _, value in held) == [1, 1, 2]

    def test_none_valid_is_a_problem_with_each_line(self, taking: Any) -> None:
        answer = taking.client.post("/v1/events", json=[{"ts": "soon"}, event(page="Heartbeat", sessionId=-1)])
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:churn:problem:invalid-events")
        assert [error["reason"] for error in answer.json()["errors"]] == ["malformed", "reserved-page"]

    def test_5000_lines_at_once(self, taking: Any, kafka: Kafka) -> None:
        lines = "\n".join(json.dumps(event(itemInSession=item)) for item in range(5000))
        answer = taking.client.post("/v1/events", content=lines, headers={"Content-Type": "application/x-ndjson"})
        assert answer.json()["accepted"] == 5000
        assert len(self._held(kafka)) == 5000

    def test_sent_again_with_its_key_it_is_done_once(self, taking: Any, kafka: Kafka) -> None:
        headers = {"Idempotency-Key": "import 17"}
        first = taking.client.post("/v1/events", json=event(), headers=headers)
        again = taking.client.post("/v1/events", json=event(), headers=headers)
        assert again.json() == first.json()
        assert "idempotency-replayed" not in first.headers
        assert again.headers["idempotency-replayed"] == "true"
        assert len(self._held(kafka)) == 1
        other = taking.client.post("/v1/events", json=event(itemInSession=2), headers=headers)
        assert (other.status_code, other.json()["type"]) == (422, "urn:churn:problem:key-reused")
        somebody = taking.client.post("/v1/events", json=event(itemInSession=2), headers=headers | taking.key("events"))
        assert somebody.status_code == 202

    def test_answers_that_are_kept_are_small_and_not_too_many(
        self, taking: Any, filled: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(idempotency, "MOST", 2)
        body = json.dumps([event(), *[1] * 4999])
        sent = [
            taking.client.post(
                "/v1/events", content=body, headers={"Content-Type": "application/json", "Idempotency-Key": key}
            )
            for key in ("a", "a", "b", "b", "c")  # sent again, one counts once
        ]
        assert [each.status_code for each in sent] == [202, 202, 202, 202, 429]
        assert len(sent[0].json()["errors"]) == 4999
        assert int(sent[4].headers["retry-after"]) > 0
        held = [filled.view.redis.memory_usage(key) for key in filled.view.redis.scan_iter("churn:idempotency:*:*")]
        assert len(held) == 2
        assert max(held) < 20_000

    def test_what_failed_may_be_sent_again_with_the_same_key(self, taking: Any) -> None:
        headers = {"Idempotency-Key": "k"}
        assert taking.client.post("/v1/events", json={"ts": "soon"}, headers=headers).status_code == 422
        assert taking.client.post("/v1/events", json={"ts": "soon"}, headers=headers).status_code == 422

    def test_two_at_once_with_one_key_are_not_both_done(self, taking: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        begun, go_on = threading.Event(), threading.Event()
        send = taking.context.sending.send

        def slow(records: Any) -> Any:
            begun.set()
            go_on.wait(5)
            return send(records)

        monkeypatch.setattr(taking.context.sending, "send", slow)
        headers, statuses = {"Idempotency-Key": "k"}, list[int]()
        first = threading.Thread(
            target=lambda: statuses.append(taking.client.post("/v1/events", json=event(), headers=headers).status_code)
        )
        first.start()
        assert begun.wait(5)
        second = taking.client.post("/v1/events", json=event(), headers=headers)
        go_on.set()
        first.join()
        assert (second.status_code, second.headers["retry-after"]) == (409, "1")
        assert statuses == [202]

    def test_one_key_brings_only_so_many_unknown_users_a_day(
        self, filled: Any, serve_on: Any, kafka: Kafka, score: Any
    ) -> None:
        taking = serve_on(filled.url, kafka=kafka, api={"new_users_per_day": 2})
        filled.add(score("known"))
        key = taking.key("events")

        def post(*users: str, headers: dict[str, str] = key) -> Any:
            answer = taking.client.post("/v1/events", json=[event(userId=user) for user in users], headers=headers)
            return answer.json().get("accepted"), [error["reason"] for error in answer.json()["errors"]]

        assert post("a", "known", "b", "c", "a") == (4, ["too-many-new-users"])
        assert post("a", "b", "known") == (3, [])
        assert post("d") == (None, ["too-many-new-users"])
        assert post("d", headers=taking.key("events")) == (1, [])
        taking.wall.now_ms += 86_400_000
        assert post("d") == (1, [])

    def test_without_a_broker_it_says_so_and_to_send_again(self, filled: Any, serve_on: Any) -> None:
        taking = serve_on(filled.url, kafka={"bootstrap": "127.0.0.1:1"})
        answer = taking.client.post("/v1/events", json=event())
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:churn:problem:kafka-unavailable")
        assert answer.headers["retry-after"]

    def test_only_who_may_send_events(self, taking: Any) -> None:
        assert taking.client.post("/v1/events", json=event(), headers=taking.key("read", "write")).status_code == 403


def test_what_is_posted_is_in_the_manual() -> None:
    manual = (PROJECT / "docs" / "api.md").read_text()
    for reason, words in WORDS.items():
        assert f"| `{reason}` | {words} |" in manual
