"""A Redis that answers and refuses: it is full, a replica, or cannot write to its disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from api.problems import reason
from churn.outcomes import HeartbeatPolicy
from churn.settings import DAY_MS, Kafka
from churn.view import View
from tests.api.conftest import HORIZON_DAYS, POLICY, Filled, Served

pytestmark = pytest.mark.servers

FULL = "Redis is full: it takes only what makes room"
REPLICA = "Redis is a replica: it takes no changes, and the API counts every request in it"
DISK = "Redis cannot write to its disk: it takes no changes, and the API counts every request in it"


@pytest.fixture
def redis_of_its_own(own_view: View) -> Iterator[redis.Redis]:
    client = own_view.redis
    well = client.config_get("maxmemory", "save")
    yield client
    client.replicaof("NO", "ONE")
    for name, value in well.items():
        client.config_set(name, value)
    client.flushall()


@pytest.fixture
def filled(own_view: View, redis_of_its_own: redis.Redis) -> Filled:
    own_view.prepare(POLICY, HORIZON_DAYS, HeartbeatPolicy(DAY_MS, 7 * DAY_MS))
    kwargs = redis_of_its_own.connection_pool.connection_kwargs
    return Filled(own_view, f"redis://{kwargs['host']}:{kwargs['port']}/0")


def assert_told(served: Served, words: str) -> None:
    """Readiness fails for the one thing, and says which."""
    answer = served.client.get("/readyz")
    [failed] = [check for check in answer.json()["checks"] if not check["ok"]]
    assert (answer.status_code, failed["name"], failed["detail"]) == (503, "writable", words)
    assert "maxmemory" in failed["remedy"]


def assert_refused(answer: Any, words: str) -> None:
    assert (answer.status_code, answer.json()["detail"]) == (503, f"{words}. See /readyz for what to do.")


class TestFull:
    @pytest.fixture
    def full(self, filled: Filled, serve_on: Any, kafka: Kafka, score: Callable[..., Any]) -> Served:
        """Knows a user with a snooze, and has its functions in Redis: loading them takes room."""
        served: Served = serve_on(filled.url, kafka=kafka)
        filled.add(score("7"))
        assert served.client.post("/v1/users/7/snooze", json={"hours": 1}).status_code == 200
        assert served.client.get("/v1/users/7/risk").status_code == 200
        self.key = served.key("read", per_second=1.0)
        filled.view.redis.config_set("maxmemory", 1)
        return served

    def test_reads_go_on_and_are_counted(self, full: Served) -> None:
        answers = [full.client.get("/v1/users/7/risk", headers=self.key) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert full.client.post("/v1/users/risk", json={"user_ids": ["7"]}).status_code == 200

    def test_of_changes_it_is_told_why_not(self, full: Served) -> None:
        assert_refused(full.client.post("/v1/users/7/snooze", json={"hours": 1}), FULL)
        assert_told(full, FULL)

    def test_a_mark_is_taken_away(self, full: Served) -> None:
        assert full.client.delete("/v1/users/7/snooze").status_code == 204
        assert full.client.get("/v1/users/7/risk").json()["marks"]["snoozed"] is None

    def test_a_user_is_forgotten(self, full: Served) -> None:
        answer = full.client.delete("/v1/users/7")
        assert {each["what"]: each["count"] for each in answer.json()["erased"]}["score"] == 1
        assert full.client.get("/v1/users/7/risk").status_code == 404
        [newest] = full.client.get("/v1/audit", params={"limit": 1}).json()["entries"]
        assert newest["action"] == "user.forget"


def test_a_replica_says_so(filled: Filled, served: Served) -> None:
    filled.view.redis.replicaof("127.0.0.1", "1")
    assert_refused(served.client.get("/v1/users"), REPLICA)
    assert_told(served, REPLICA)


def test_a_disk_that_takes_nothing_is_told(filled: Filled, served: Served, eventually: Callable[..., bool]) -> None:
    client = filled.view.redis
    (Path(client.config_get("dir")["dir"]) / "dump.rdb").mkdir()  # no file can take its place
    client.config_set("save", "3600 1")
    client.bgsave()
    assert eventually(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err")
    assert_refused(served.client.get("/v1/users"), DISK)
    assert_told(served, DISK)


def test_whatever_else_is_refused_stays_without_its_words() -> None:
    assert reason(redis.ResponseError("WRONGTYPE of a key")) == "Redis refuses a command that the API needs."
