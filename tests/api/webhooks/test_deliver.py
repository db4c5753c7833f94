"""`churn deliver` as a process, to real receivers."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from typing import Any

import pytest
from standardwebhooks import Webhook

from api.webhooks import courier, schedule
from api.webhooks.deliveries import Deliveries
from api.webhooks.endpoints import Endpoints
from churn.clock import wall_clock
from tests.api.webhooks.conftest import Deliver
from tests.api.webhooks.receiver import Receiver, receiving
from tests.api.webhooks.test_endpoints import made

pytestmark = pytest.mark.servers


def rise(filled: Any, scored: Any, *user_ids: str, **features: float) -> None:
    """Brings users into the high band."""
    raised = features or {"adverts_14d": 90.0}
    for user_id in user_ids:
        filled.add(scored(user_id), scored(user_id, raised, version=2))


def attempts(served: Any, delivery: str) -> list[dict[str, Any]]:
    return list(served.client.get(f"/v1/deliveries/{delivery}").json()["attempts"])


def test_an_alert_arrives_signed_as_the_api_tells_it(
    filled: Any, served: Any, scored: Any, receiver: Receiver, deliver: Deliver, eventually: Any
) -> None:
    rise(filled, scored, "before")  # nobody had asked for it
    endpoint = made(served, receiver.url)
    deliver.start()
    rise(filled, scored, "7")
    assert eventually(lambda: len(receiver.got) == 1, 15), deliver.log.read_text()
    [got] = receiver.got
    message = Webhook(endpoint["secret"]).verify(got.body, got.headers)
    [alert, _] = served.client.get("/v1/alerts").json()["alerts"]
    assert message == {"type": "alert.raised", "timestamp": alert["raised_at"], "data": alert}
    assert alert["driver"] == "adverts"

    def state() -> Any:
        return served.client.get(f"/v1/deliveries/{got.headers['webhook-id']}").json()

    assert eventually(lambda: state()["state"] == "delivered")
    assert (state()["tries"], state()["alert"], state()["body"]) == (1, alert["id"], got.body.decode())
    [attempt] = state()["attempts"]
    assert (attempt["status"], attempt["error"]) == (204, "")
    listed = served.client.get(f"/v1/endpoints/{endpoint['id']}/deliveries").json()["deliveries"]
    assert [each["id"] for each in listed] == [got.headers["webhook-id"]]
    assert deliver.stop() == 0


def test_each_endpoint_is_told_what_it_wants(
    filled: Any, served: Any, scored: Any, deliver: Deliver, eventually: Any
) -> None:
    with receiving() as adverts, receiving() as silence, receiving() as chat:
        made(served, adverts.url, filter={"drivers": ["adverts"]})
        made(served, silence.url, filter={"drivers": ["silence"], "least_rise": 0.1})
        made(served, chat.url, format="slack")
        deliver.start()
        rise(filled, scored, "7")
        rise(filled, scored, "8", silence_days=29.0)
        assert eventually(lambda: len(adverts.got) + len(silence.got) + len(chat.got) == 4, 15), deliver.log.read_text()
        assert [json.loads(got.body)["data"]["user_id"] for got in adverts.got] == ["7"]
        assert [json.loads(got.body)["data"]["user_id"] for got in silence.got] == ["8"]
        texts = sorted(json.loads(got.body)["text"] for got in chat.got)
        assert [text.split(",")[0] for text in texts] == ["User 7", "User 8"]


def test_a_ping_and_a_replay(served: Any, receiver: Receiver, deliver: Deliver, eventually: Any) -> None:
    endpoint = made(served, receiver.url)
    deliver.start()
    delivery = served.client.post(f"/v1/endpoints/{endpoint['id']}/ping").json()["delivery"]
    assert eventually(lambda: receiver.ids() == [delivery], 15), deliver.log.read_text()
    assert json.loads(receiver.got[0].body)["type"] == "endpoint.ping"
    assert eventually(lambda: len(attempts(served, delivery)) == 1)
    assert served.client.post(f"/v1/deliveries/{delivery}/replay").status_code == 202
    assert eventually(lambda: receiver.ids() == [delivery] * 2)
    assert receiver.got[0].body == receiver.got[1].body


def test_what_fails_is_tried_again_after_five_seconds_with_the_same_id(
    served: Any, receiver: Receiver, deliver: Deliver, eventually: Any
) -> None:
    endpoint = made(served, receiver.url)
    receiver.decide = lambda _: 500 if len(receiver.got) == 1 else 204
    deliver.start()
    delivery = served.client.post(f"/v1/endpoints/{endpoint['id']}/ping").json()["delivery"]
    assert eventually(lambda: len(receiver.got) == 2, 25), deliver.log.read_text()
    assert receiver.ids() == [delivery] * 2
    assert eventually(lambda: len(attempts(served, delivery)) == 2)
    first, second = attempts(served, delivery)
    assert (first["status"], second["status"]) == (500, 204)
    waited_s = time.mktime(time.strptime(second["at"][:19], "%Y-%m-%dT%H:%M:%S")) - time.mktime(
        time.strptime(first["at"][:19], "%Y-%m-%dT%H:%M:%S")
    )
    assert 4 <= waited_s <= 8


def test_gone_switches_off_and_the_others_are_told(
    served: Any, receiver: Receiver, deliver: Deliver, eventually: Any
) -> None:
    with receiving() as watching:
        endpoint = made(served, receiver.url, description="CRM")
        made(served, watching.url, types=["endpoint.disabled"])
        receiver.status = 410
        deliver.start()
        served.client.post(f"/v1/endpoints/{endpoint['id']}/ping")

        def told() -> Any:
            return served.client.get(f"/v1/endpoints/{endpoint['id']}").json()

        assert eventually(lambda: told()["state"] == "disabled", 15), deliver.log.read_text()
        assert told()["disabled_for"] == "it answered that it is gone (410)"
        assert eventually(lambda: len(watching.got) == 1)
        assert "CRM was switched off" in json.loads(watching.got[0].body)["data"]["summary"]
        assert any(entry["action"] == "endpoint.disable" for entry in served.client.get("/v1/audit").json()["entries"])


def test_one_that_hangs_holds_up_no_other(
    filled: Any, served: Any, scored: Any, receiver: Receiver, deliver: Deliver, eventually: Any
) -> None:
    with receiving() as hanging:
        hanging.hang_s = 60
        made(served, hanging.url)
        made(served, receiver.url)
        deliver.start()
        rise(filled, scored, *(f"u{number}" for number in range(60)))
        assert eventually(lambda: len(receiver.got) == 60, 15), deliver.log.read_text()
        assert len(hanging.got) <= 8
        deliver.kill()


def test_at_its_own_pace(served: Any, receiver: Receiver, deliver: Deliver, eventually: Any) -> None:
    endpoint = made(served, receiver.url, per_second=10)
    for _ in range(15):
        served.wall.now_ms += 1
        served.client.post(f"/v1/endpoints/{endpoint['id']}/ping")
    moments: list[float] = []
    receiver.decide = lambda _: moments.append(time.monotonic()) or 204  # type: ignore[func-returns-value]
    deliver.start()
    assert eventually(lambda: len(moments) == 15, 20), deliver.log.read_text()
    assert moments[-1] - moments[0] >= 1.2


def test_a_disabled_one_is_told_nothing_until_it_is_enabled(
    served: Any, receiver: Receiver, deliver: Deliver, eventually: Any
) -> None:
    endpoint = made(served, receiver.url)
    path = f"/v1/endpoints/{endpoint['id']}"
    served.client.post(f"{path}/ping")
    served.client.patch(path, json={"state": "disabled"})
    deliver.start()
    assert eventually(lambda: "delivering" in deliver.log.read_text(), 15)
    assert not eventually(lambda: receiver.connections > 0, 1.5)
    served.client.patch(path, json={"state": "enabled"})
    assert eventually(lambda: len(receiver.got) == 1)


def test_it_waits_for_redis_and_goes_on(
    filled: Any, served: Any, scored: Any, receiver: Receiver, deliver: Deliver, eventually: Any
) -> None:
    made(served, receiver.url)
    deliver.start()
    assert eventually(lambda: filled.view.redis.pubsub_numsub("churn:alerted")[0][1] == 1, 15)
    filled.view.redis.client_kill_filter(_type="pubsub")
    filled.view.redis.client_kill_filter(_type="normal", skipme=True)
    rise(filled, scored, "7")
    assert eventually(lambda: len(receiver.got) == 1, 15), deliver.log.read_text()


def test_killed_20_times_every_alert_arrives_with_its_own_id(
    filled: Any, served: Any, scored: Any, receiver: Receiver, deliver: Deliver, eventually: Any
) -> None:
    made(served, receiver.url)
    alerts, kills, rng = 1000, 20, random.Random(5)
    receiver.decide = lambda _: 204 if rng.random() < 0.98 else 500
    users = [f"u{number}" for number in range(alerts)]
    for kill in range(kills):
        rise(filled, scored, *users[kill * alerts // kills : (kill + 1) * alerts // kills])
        deliver.start()
        begun = len(receiver.got)
        eventually(lambda: len(receiver.got) > begun + rng.randrange(40), 15)  # noqa: B023
        deliver.kill()
    deliver.start()
    lease_s = courier.LEASE_MS / 1000
    arrived = eventually(lambda: len(set(receiver.ids())) == alerts, lease_s + 60)
    assert arrived, f"{len(set(receiver.ids()))} of {alerts}\n{deliver.log.read_text()[-2000:]}"
    by_user = Counter((json.loads(got.body)["data"]["user_id"], got.headers["webhook-id"]) for got in receiver.got)
    assert len(by_user) == alerts  # one id a user, however often it came
    assert {user for user, _ in by_user} == set(users)
    assert max(by_user.values()) <= 6


def test_without_a_secret_key_it_says_what_to_do(
    filled: Any, tmp_path: Any, small_models: Any, eventually: Any
) -> None:
    program = Deliver(filled.url, small_models, tmp_path / "deliver.log")
    program._env["CHURN_SECRETS__KEY"] = ""
    program.start()
    assert program.process is not None
    assert program.process.wait(20) == 1
    assert "There is no secret key. The secrets of webhook endpoints are encrypted with it." in program.log.read_text()


class TestFiveDays:
    """The courier's decisions, by a clock that is passed in."""

    def _run(self, filled: Any, served: Any, url: str, clock: Any) -> Any:
        import asyncio  # noqa: PLC0415

        from redis import asyncio as async_redis  # noqa: PLC0415

        from api.webhooks.sender import Sender  # noqa: PLC0415

        switched_off: list[str] = []

        async def once(endpoint_id: str) -> None:
            client = async_redis.Redis.from_url(filled.url, decode_responses=True)
            async with Sender(served.context.settings.webhooks.http_networks) as sender:
                one = courier.Courier(
                    endpoint_id, client, sender, served.context.secret_keys, 8, clock,
                    lambda _, why: switched_off.append(why), lambda: 0.0,
                )  # fmt: skip
                task = asyncio.create_task(one.run())
                await asyncio.sleep(0.15)
                task.cancel()
                await one.finish(5)
            await client.aclose()

        return once, switched_off

    def test_through_the_whole_schedule_to_the_end(self, filled: Any, served: Any, receiver: Receiver) -> None:
        import asyncio  # noqa: PLC0415

        receiver.status = 500
        endpoint = made(served, receiver.url)
        now = {"ms": served.wall()}
        once, switched_off = self._run(filled, served, receiver.url, lambda: now["ms"])
        delivery = served.client.post(f"/v1/endpoints/{endpoint['id']}/ping").json()["delivery"]
        deliveries = Deliveries(filled.view.redis, lambda: now["ms"])
        due: list[int] = []
        for tries in range(1, 9):
            asyncio.run(once(endpoint["id"]))
            held = deliveries.get(delivery)
            assert held.tries == tries
            if held.due_ms:
                due.append(held.due_ms - now["ms"])
                now["ms"] = held.due_ms
        assert [each / 1000 for each in due] == list(schedule.DELAYS_S[1:])
        assert deliveries.get(delivery).state == "dead"
        left_s = filled.view.redis.ttl(f"churn:delivery:{delivery}")
        assert 29 * 86_400 < left_s <= 30 * 86_400
        assert switched_off == []
        since = {"since": "2018-10-01T00:00:00Z"}
        answer = served.client.post(f"/v1/endpoints/{endpoint['id']}/replay", json=since)
        assert answer.json() == {"deliveries": 1}
        receiver.status = 204
        now["ms"] = served.wall()
        asyncio.run(once(endpoint["id"]))
        assert deliveries.get(delivery).state == "delivered"

    def test_after_five_failing_days_it_is_switched_off_and_a_success_between_starts_anew(
        self, filled: Any, served: Any, receiver: Receiver
    ) -> None:
        import asyncio  # noqa: PLC0415

        endpoint = made(served, receiver.url)
        now = {"ms": served.wall()}
        once, switched_off = self._run(filled, served, receiver.url, lambda: now["ms"])
        endpoints = Endpoints(filled.view.redis, wall_clock)

        def ping(status: int, day: float) -> None:
            receiver.status = status
            now["ms"] = served.wall.now_ms = 1_541_000_000_000 + round(day * 86_400_000)
            served.client.post(f"/v1/endpoints/{endpoint['id']}/ping")
            asyncio.run(once(endpoint["id"]))

        ping(500, 0)
        ping(500, 4.9)
        assert switched_off == []
        ping(204, 4.95)
        assert endpoints.get(endpoint["id"]).failing_since_ms is None
        ping(500, 5)
        ping(500, 9.9)
        assert endpoints.get(endpoint["id"]).state == "enabled"
        ping(500, 10.1)
        assert switched_off == ["it has failed for five days"]
        assert endpoints.get(endpoint["id"]).state == "disabled"

    def test_retry_after_is_honoured(self, filled: Any, served: Any, receiver: Receiver) -> None:
        import asyncio  # noqa: PLC0415

        receiver.status, receiver.headers = 429, {"Retry-After": "120"}
        endpoint = made(served, receiver.url)
        once, _ = self._run(filled, served, receiver.url, served.wall)
        delivery = served.client.post(f"/v1/endpoints/{endpoint['id']}/ping").json()["delivery"]
        asyncio.run(once(endpoint["id"]))
        assert served.context.deliveries.get(delivery).due_ms == served.wall() + 120_000
