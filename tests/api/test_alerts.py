from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, contextmanager, suppress
from typing import Any

import httpx
import pytest
import redis

from api import alert_answers, alert_feed, alert_stream, alerts, listeners, server_sent
from api.alert_answers import AlertWords
from api.alert_feed import AlertFeed
from api.context import subscriber
from api.listeners import Listener
from api.passes import Pass
from api.times import parsed
from churn.metrics import API_LISTENERS_DROPPED
from churn.outcomes import AlertPolicy
from churn.settings import DAY_MS

pytestmark = pytest.mark.servers


def rise(filled: Any, score: Any, *user_ids: str, **changes: Any) -> None:
    """Brings users into the high band, one after the other."""
    for user_id in user_ids:
        filled.add(score(user_id), score(user_id, version=2, p_cancel=0.6, **changes))


def listed(get: Any, **params: Any) -> list[str]:
    return [alert["user_id"] for alert in get("/v1/alerts", params=params).json()["alerts"]]


def test_an_alert_tells_all(filled: Any, get: Any, score: Any) -> None:
    rise(filled, score, "7")
    [alert] = get("/v1/alerts").json()["alerts"]
    assert alert == {
        "id": alert["id"],
        "user_id": "7",
        "kind": "band",
        "band": "high",
        "from_band": "low",
        "risk": 0.65,
        "p_cancel": 0.6,
        "p_lapse": 0.05,
        "rise": 0.5,
        "outcome": "cancel",
        "driver": None,
        "reasons": None,
        "summary": "User 7, on the paid plan, rose from low to high risk: 65\N{NARROW NO-BREAK SPACE}% to leave within "
        "30 days, 60\N{NARROW NO-BREAK SPACE}% by cancelling and 5\N{NARROW NO-BREAK SPACE}% by falling silent.",
        "level": "paid",
        "as_of": "2018-10-31T15:33:20.000Z",
        "raised_at": "2018-10-31T15:33:20.005Z",
        "model_version": "m1",
    }
    assert get(f"/v1/alerts/{alert['id']}").json() == alert
    unknown = get("/v1/alerts/alert_nothing")
    assert (unknown.status_code, unknown.json()["type"]) == (404, "urn:churn:problem:unknown-alert")


def test_the_reason_stands_in_its_words(filled: Any, get: Any, scored: Any) -> None:
    filled.add(scored("7"), scored("7", {"adverts_14d": 90.0}, version=2))
    [alert] = get("/v1/alerts").json()["alerts"]
    assert alert["driver"] == "adverts"
    assert alert["summary"].endswith("by falling silent; 4.5 adverts a day lately; typical 0.2.")


def test_the_reason_is_that_of_its_own_moment(filled: Any, get: Any, scored: Any) -> None:
    filled.add(scored("7"), scored("7", {"adverts_14d": 90.0}, version=2), scored("7", version=3))
    assert get("/v1/alerts").json()["alerts"][0]["driver"] == "adverts"


def test_alerts_of_one_page_keep_their_reasons_although_fewer_are_held(
    filled: Any, get: Any, scored: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_answers, "KEPT", 2)
    for user_id in "abcde":
        filled.add(scored(user_id), scored(user_id, {"adverts_14d": 90.0}, version=2))
    for _ in range(2):
        assert [alert["driver"] for alert in get("/v1/alerts").json()["alerts"]] == ["adverts"] * 5


def test_threads_that_explain_at_once_do_not_disturb_each_other(
    filled: Any, served: Any, scored: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_answers, "KEPT", 1)
    for user_id in "ab":
        filled.add(scored(user_id), scored(user_id, {"adverts_14d": 90.0}, version=2))
    alerts = filled.view.alerts(2)
    words = AlertWords(served.context.explainers)
    meeting = threading.Barrier(2, timeout=5)

    class Dict(dict[str, Any]):
        """Two threads that list it at once, if they can, see the same."""

        def __iter__(self) -> Iterator[str]:
            found = list(super().__iter__())
            with suppress(threading.BrokenBarrierError):
                meeting.wait(0.3)
            return iter(found)

    words._held = Dict()
    with ThreadPoolExecutor(2) as threads:
        told = list(threads.map(lambda _: words.told(alerts, 30), range(2)))
    assert [alert["driver"] for each in told for alert in each] == ["adverts"] * 4


def test_newest_first_in_pages(filled: Any, get: Any, score: Any) -> None:
    users = [f"u{i}" for i in range(25)]
    rise(filled, score, *users)
    found, following = [], None
    while True:
        page = get("/v1/alerts", params={"limit": 10, **({"cursor": following} if following else {})}).json()
        found += [alert["user_id"] for alert in page["alerts"]]
        following = page["next"]
        if following is None:
            break
    assert found == users[::-1]


def test_those_of_one_user_are_found_however_many_others_there_are(
    filled: Any, get: Any, score: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerts, "CHUNK", 2)
    monkeypatch.setattr(alerts, "LOOKED_AT", 6)
    days = [score().as_of + day * 20 * DAY_MS for day in range(3)]
    for version, day in enumerate(days):
        times = {"as_of": day, "last_event": day}
        filled.add(score("7", version=2 * version, **times), score("7", version=2 * version + 1, p_cancel=0.6, **times))
    rise(filled, score, *(f"u{number}" for number in range(9)))
    page = get("/v1/alerts", params={"user_id": "7", "limit": 2}).json()
    rest = get("/v1/alerts", params={"user_id": "7", "cursor": page["next"]}).json()
    found = [*page["alerts"], *rest["alerts"]]
    assert [alert["user_id"] for alert in found] == ["7"] * 3
    assert [parsed(alert["as_of"]) for alert in found] == days[::-1]
    assert (rest["next"], listed(get, user_id="nobody")) == (None, [])


def test_filters(filled: Any, get: Any, score: Any, scored: Any) -> None:
    rise(filled, score, "old")
    filled.add(scored("7"), scored("7", {"adverts_14d": 90.0}, version=2, level="free"), wall_ms=1_541_000_060_000)
    filled.add(scored("8"), scored("8", {"silence_days": 25.0}, version=2), wall_ms=1_541_000_120_000)
    assert listed(get) == ["8", "7", "old"]
    assert listed(get, user_id="7") == ["7"]
    assert listed(get, driver="silence") == ["8"]
    assert listed(get, outcome="lapse") == ["8"]
    assert listed(get, level="free") == ["7"]
    assert listed(get, kind="rise") == []
    assert listed(get, since="2018-10-31T15:34:20Z") == ["8", "7"]
    assert listed(get, until="2018-10-31T15:34:20Z") == ["7", "old"]


def test_a_rise_is_told_in_any_band(filled: Any, get: Any, score: Any) -> None:
    policy = AlertPolicy(0.3, 0.9, 0.85, 7 * DAY_MS, 1000 * DAY_MS, 0, rise=0.2, rise_ms=3 * DAY_MS)
    filled.view.know("m1", policy)
    filled.view.reband()
    first = score("7", p_cancel=0.05)
    filled.add(first)
    filled.add(score("7", p_cancel=0.2, version=2, as_of=first.as_of + DAY_MS))
    assert listed(get) == []
    filled.add(score("7", p_cancel=0.26, version=3, as_of=first.as_of + 2 * DAY_MS))
    [alert] = get("/v1/alerts").json()["alerts"]
    assert (alert["kind"], alert["band"], alert["rise"]) == ("rise", "medium", pytest.approx(0.21))
    assert "is 21\N{NARROW NO-BREAK SPACE}% more likely to leave than lately" in alert["summary"]
    # Spread over more than the policy's days, the same growth is none; and the cool-down holds.
    filled.add(score("8", p_cancel=0.05), score("8", p_cancel=0.26, version=2, as_of=first.as_of + 4 * DAY_MS))
    filled.add(score("7", p_cancel=0.5, version=4, as_of=first.as_of + 3 * DAY_MS))
    assert listed(get) == ["7"]


class TestStream:
    @contextmanager
    def listening(self, served: Any, last: str | None = None, headers: dict[str, str] | None = None) -> Iterator[Any]:
        """The lines of a stream as they come."""
        headers = {**(headers or {}), **({"Last-Event-ID": last} if last else {})}
        with (
            httpx.Client(base_url=served.client.base_url, headers=served.client.headers, timeout=10) as client,
            client.stream("GET", "/v1/alerts/stream", headers=headers) as stream,
        ):
            assert stream.status_code == 200
            assert stream.headers["content-type"].startswith("text/event-stream")
            lines = stream.iter_lines()
            assert next(lines) == "retry: 2000"
            yield lines

    def _next(self, lines: Any) -> dict[str, Any]:
        """The next event: its id, its name and its data."""
        found: dict[str, Any] = {}
        for line in lines:
            name, _, value = line.partition(": ")
            if name in ("id", "event"):
                found[name] = value
            elif name == "data":
                return found | {"data": json.loads(value)}
        raise AssertionError("the stream has ended")

    def _beats(self, lines: Any, count: int) -> None:
        """Reads until so many signs of life have come."""
        for _ in range(count):
            assert next(line for line in lines if line.startswith(":")) == ": still here"

    def _wait_for_listeners(self, served: Any, count: int, eventually: Any) -> None:
        assert eventually(lambda: len(served.context.feed._listeners) == count)

    def test_an_alert_reaches_everybody_as_it_is_raised(
        self, filled: Any, served: Any, get: Any, score: Any, eventually: Any
    ) -> None:
        rise(filled, score, "before")
        with self.listening(served) as first, self.listening(served) as second:
            self._wait_for_listeners(served, 2, eventually)
            rise(filled, score, "7", "8")
            for lines in (first, second):
                told = [self._next(lines), self._next(lines)]
                assert [each["data"]["user_id"] for each in told] == ["7", "8"]
                assert told[0]["event"] == "alert"
                assert told[0]["id"] == told[0]["data"]["id"]
                assert told[0]["data"] == get(f"/v1/alerts/{told[0]['id']}").json()
        self._wait_for_listeners(served, 0, eventually)

    def test_who_comes_back_is_told_what_was_missed_and_nothing_twice(
        self, filled: Any, served: Any, get: Any, score: Any, eventually: Any
    ) -> None:
        rise(filled, score, "a", "b", "c")
        first = get("/v1/alerts").json()["alerts"][-1]["id"]
        with self.listening(served, first) as lines:
            self._wait_for_listeners(served, 1, eventually)
            rise(filled, score, "d")
            assert [self._next(lines)["data"]["user_id"] for _ in range(3)] == ["b", "c", "d"]

    def test_who_got_nothing_resumes_where_they_stood_on_another_server_too(
        self, filled: Any, served: Any, serve_on: Any, score: Any
    ) -> None:
        rise(filled, score, "a")
        with self.listening(served) as lines:
            assert [next(lines) for _ in range(3)] == ["", "id: place_1", ""]  # without data: an id, and no event
        rise(filled, score, "b")
        with self.listening(serve_on(filled.url), "place_1") as lines:
            assert self._next(lines)["data"]["user_id"] == "b"

    def test_a_place_that_redis_has_lost_is_a_gap_and_the_next_place_is_told(
        self, filled: Any, served: Any, score: Any
    ) -> None:
        rise(filled, score, "a")
        with self.listening(served, "place_2") as lines:
            assert {"event": "gap", "id": "place_1"}.items() <= self._next(lines).items()
        rise(filled, score, "b")
        with self.listening(served, "place_1") as lines:
            assert self._next(lines)["data"]["user_id"] == "b"

    def _burst(self, filled: Any, score: Any) -> list[str]:
        """More alerts at once than anybody may be behind; returns of whom."""
        users = [f"u{place}" for place in range(listeners.BEHIND + 2 * alert_feed.AT_ONCE + 7)]
        filled.add(*(score(user) for user in users))
        filled.add(*(score(user, version=2, p_cancel=0.6) for user in users))
        return users

    def test_a_burst_drops_nobody_who_reads(self, filled: Any, served: Any, score: Any, eventually: Any) -> None:
        dropped = API_LISTENERS_DROPPED._value.get()
        with self.listening(served) as lines:
            self._wait_for_listeners(served, 1, eventually)
            users = self._burst(filled, score)
            assert [self._next(lines)["data"]["user_id"] for _ in users] == users
        assert API_LISTENERS_DROPPED._value.get() == dropped

    def test_a_burst_waits_a_moment_for_whoever_has_no_room(
        self, filled: Any, served: Any, score: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(alert_feed, "TURN_S", 0.02)
        context = served.context
        feed = AlertFeed(context.view, context.alert_words, lambda: subscriber(context.settings.redis))

        async def read() -> None:
            told = b""
            async with feed.listening() as (listener, _):
                users = await asyncio.to_thread(self._burst, filled, score)
                while listener.has_room(alert_feed.AT_ONCE):
                    await asyncio.sleep(0.001)
                await asyncio.sleep(10 * alert_feed.TURN_S)  # less than it waits: what is tried here is a wait
                while told.count(b"event: alert") < len(users) and (some := await listener.told()):
                    told += some
                feed.end()
            assert told.count(b"event: alert") == len(users)

        asyncio.run(asyncio.wait_for(read(), 10))

    def test_a_burst_drops_who_does_not_read_and_the_others_are_told_all(
        self, filled: Any, served: Any, score: Any, eventually: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(alert_feed, "TURN_S", 0.001)
        dropped, stuck = API_LISTENERS_DROPPED._value.get(), Listener()
        with self.listening(served) as lines:
            self._wait_for_listeners(served, 1, eventually)
            served.context.feed._listeners.add(stuck)
            users = self._burst(filled, score)
            assert [self._next(lines)["data"]["user_id"] for _ in users] == users
        assert stuck.waiting.get_nowait() is None
        assert API_LISTENERS_DROPPED._value.get() == dropped + 1

    def test_an_id_that_nobody_knows_is_a_gap(self, filled: Any, served: Any, score: Any, eventually: Any) -> None:
        rise(filled, score, "a")
        with self.listening(served, "alert_nothing") as lines:
            assert self._next(lines)["event"] == "gap"
            self._wait_for_listeners(served, 1, eventually)
            rise(filled, score, "b")
            assert self._next(lines)["data"]["user_id"] == "b"

    def test_it_goes_on_when_redis_closes_the_subscription(
        self, filled: Any, served: Any, score: Any, eventually: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(alert_feed, "RETRY_S", 0.05)
        with self.listening(served) as lines:
            self._wait_for_listeners(served, 1, eventually)
            assert eventually(lambda: filled.view.redis.pubsub_numsub("churn:alerted")[0][1] == 1)
            filled.view.redis.client_kill_filter(_type="pubsub")
            rise(filled, score, "7")
            assert self._next(lines)["data"]["user_id"] == "7"

    def test_after_a_loss_of_data_there_is_a_gap_and_new_alerts_are_told(
        self, filled: Any, served: Any, score: Any, eventually: Any
    ) -> None:
        rise(filled, score, "a", "b", "c")
        with self.listening(served) as lines:
            self._wait_for_listeners(served, 1, eventually)
            filled.view.redis.delete("churn:alerts", "churn:alerts:sequence")
            rise(filled, score, "d")
            assert self._next(lines)["event"] == "gap"
            rise(filled, score, "e")
            assert self._next(lines)["data"]["user_id"] == "e"

    def test_without_new_alerts_a_loss_of_data_is_told_too(
        self, filled: Any, served: Any, score: Any, eventually: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(alert_feed, "LOOK_S", 0.05)
        rise(filled, score, "a")
        with self.listening(served) as lines:
            self._wait_for_listeners(served, 1, eventually)
            filled.view.redis.delete("churn:alerts", "churn:alerts:sequence")
            assert self._next(lines)["event"] == "gap"

    def test_an_alert_that_was_erased_is_no_gap(self, filled: Any, served: Any, score: Any) -> None:
        rise(filled, score, "a", "b")
        feed = served.context.feed
        feed._place = 2
        filled.view.forget("b")
        assert feed._new() == ([], 2, False)

    def test_nothing_beyond_the_place_is_told_where_some_were_erased(
        self, filled: Any, served: Any, get: Any, score: Any
    ) -> None:
        rise(filled, score, "a", "b", "c", "d")
        filled.view.forget("b")
        told = served.context.feed.between(1, 3)
        assert [json.loads(each.split(b"data: ")[1])["user_id"] for each in told] == ["c"]

    def test_one_subscription_serves_all_listeners(self, filled: Any, served: Any, eventually: Any) -> None:
        with self.listening(served), self.listening(served), self.listening(served):
            self._wait_for_listeners(served, 3, eventually)
            assert eventually(lambda: filled.view.redis.pubsub_numsub("churn:alerted")[0][1] == 1)

    def test_of_many_that_come_at_once_one_begins(self) -> None:
        begun: list[int] = []

        class View:
            def last_alert_place(self) -> int:
                begun.append(1)
                return 0

        def away() -> Any:
            raise OSError

        async def come() -> None:
            feed = AlertFeed(View(), None, away)  # type: ignore[arg-type]
            async with AsyncExitStack() as stack:
                await asyncio.gather(*(stack.enter_async_context(feed.listening()) for _ in range(20)))
                feed.end()

        asyncio.run(come())
        assert len(begun) == 1

    def test_whoever_comes_when_the_server_stops_is_let_go_at_once(self, served: Any) -> None:
        async def come() -> bytes | None:
            context = served.context
            feed = AlertFeed(context.view, context.alert_words, lambda: subscriber(context.settings.redis))
            feed.end()
            async with feed.listening() as (late, _):
                return await asyncio.wait_for(late.told(), 5)

        assert asyncio.run(come()) is None

    def test_a_fault_does_not_end_it_for_good(
        self, filled: Any, served: Any, score: Any, eventually: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(alert_feed, "RETRY_S", 0.05)
        told, faults = served.context.alert_words.told, [KeyError("a fault")]

        def faulty(*given: Any) -> Any:
            if faults:
                raise faults.pop()
            return told(*given)

        monkeypatch.setattr(served.context.alert_words, "told", faulty)
        with self.listening(served) as lines:
            self._wait_for_listeners(served, 1, eventually)
            rise(filled, score, "7")
            assert self._next(lines)["data"]["user_id"] == "7"
            assert not faults

    def test_it_ends_soon_when_the_server_stops(self, filled: Any, served: Any, eventually: Any) -> None:
        with self.listening(served) as lines:
            self._wait_for_listeners(served, 1, eventually)
            ended = threading.Event()

            def drain() -> None:
                for _ in lines:
                    pass
                ended.set()

            reader = threading.Thread(target=drain)
            reader.start()
            began_s = time.monotonic()
            served.context.feed.end()
            assert ended.wait(5)
            assert time.monotonic() - began_s < 2
            reader.join()

    def test_it_ends_with_its_key(
        self, filled: Any, served: Any, score: Any, eventually: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(server_sent, "HEARTBEAT_S", 0.05)
        expiring, (revoked, token) = served.key("read", days=1), served.context.keys.create("test", ["read"])
        with (
            self.listening(served) as goes_on,
            self.listening(served, headers=expiring) as first,
            self.listening(served, headers={"Authorization": f"Bearer {token}"}) as second,
        ):
            for lines in (first, second):
                self._beats(lines, 1)
            served.context.keys.revoke(revoked.id)
            assert list(second)[-1] == ""  # it ends
            served.wall.now_ms += DAY_MS
            assert list(first)[-1] == ""
            self._wait_for_listeners(served, 1, eventually)
            rise(filled, score, "7")
            assert self._next(goes_on)["data"]["user_id"] == "7"

    def test_it_ends_with_its_session(self, filled: Any, served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(server_sent, "HEARTBEAT_S", 0.05)
        key, _ = served.context.keys.create("test", ["read"])
        session = served.context.sessions.begin(key.id)
        url, cookies = f"{served.client.base_url}/v1/alerts/stream", {"churn_session": session}
        with httpx.Client(cookies=cookies, timeout=10) as client, client.stream("GET", url) as stream:
            lines = stream.iter_lines()
            self._beats(lines, 1)
            served.context.sessions.end(session)
            assert list(lines)[-1] == ""

    def test_a_heartbeat_looks_at_the_key_also_while_alerts_come_all_the_time(
        self, filled: Any, served: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(server_sent, "HEARTBEAT_S", 0.2)
        key, _ = served.context.keys.create("test", ["read"])

        async def first_comment() -> bytes:
            async for each in alert_stream._events(served.context, Pass(key.id, None), None, missed=False):
                if each.startswith(b":"):
                    return each
                for listener in served.context.feed._listeners:
                    listener.tell(b"data: {}\n\n")
                await asyncio.sleep(0.05)
            return b""

        async def within(limit_s: float) -> bytes:
            return await asyncio.wait_for(first_comment(), limit_s)

        try:
            assert asyncio.run(within(5)).startswith(b": still here")
        finally:
            served.context.feed._task = None  # its loop is over

    def test_it_goes_on_while_redis_cannot_tell_of_its_key(
        self, filled: Any, served: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(server_sent, "HEARTBEAT_S", 0.05)

        def away(key_id: str) -> bool:
            raise redis.ConnectionError

        monkeypatch.setattr(served.context.keys, "holds", away)
        with self.listening(served) as lines:
            self._beats(lines, 2)

    def test_looking_at_the_key_counts_as_no_request(
        self, filled: Any, served: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(server_sent, "HEARTBEAT_S", 0.05)
        headers = served.key("read", per_second=1)
        with self.listening(served, headers=headers) as lines:
            self._beats(lines, 4)
            assert served.client.get("/v1/alerts", headers=headers).status_code == 200

    def test_a_key_has_so_many_streams_and_no_more(self, filled: Any, serve_on: Any, eventually: Any) -> None:
        served = serve_on(filled.url, api={"streams_per_key": 2})
        other = served.key("read")
        with self.listening(served), self.listening(served), self.listening(served, headers=other):
            answer = served.client.get("/v1/alerts/stream")
            assert (answer.status_code, answer.headers["Retry-After"]) == (429, "15")
            assert answer.json()["type"] == "urn:churn:problem:too-many-requests"
        assert eventually(lambda: not served.context.feed._open)
        with self.listening(served):
            pass

    def test_few_threads_read_for_listeners(self) -> None:
        at_once, most = [0], [0]
        lock = threading.Lock()
        meeting = threading.Barrier(alert_feed.READERS, timeout=5)

        def reading() -> None:
            with lock:
                at_once[0] += 1
                most[0] = max(most[0], at_once[0])
            meeting.wait()
            with lock:
                at_once[0] -= 1

        async def read() -> None:
            feed = AlertFeed(None, None, None)  # type: ignore[arg-type]
            asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(4 * alert_feed.READERS))
            await asyncio.gather(*(feed.read(reading) for _ in range(4 * alert_feed.READERS)))

        asyncio.run(read())
        assert most[0] == alert_feed.READERS

    def test_it_needs_a_key(self, served: Any) -> None:
        assert httpx.get(f"{served.client.base_url}/v1/alerts/stream").status_code == 401


def test_a_listener_that_is_too_far_behind_is_dropped_and_told_no_more() -> None:
    listener = Listener()
    assert all(listener.tell(b"x") for _ in range(listeners.BEHIND))
    assert not listener.tell(b"y")
    listener.end()
    assert asyncio.run(listener.told()) is None
    assert listener.waiting.empty()


def test_events_that_wait_are_sent_together_and_not_all_at_once() -> None:
    listener = Listener()
    events = [b"%d " % place for place in range(listeners.AT_ONCE + 2)]
    for each in events:
        listener.tell(each)
    listener.waiting.put_nowait(None)

    async def told() -> list[bytes | None]:
        return [await listener.told() for _ in range(3)]

    assert asyncio.run(told()) == [b"".join(events[:-2]), b"".join(events[-2:]), None]
