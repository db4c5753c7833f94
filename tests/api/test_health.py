from __future__ import annotations

import math
import re
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.servers

CHECKS = ["redis", "writable", "append_only_file", "noeviction", "schema", "policy"]


def _failed(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["ready"] is False
    assert [check["name"] for check in body["checks"]] == CHECKS
    failed = [check for check in body["checks"] if not check["ok"]]
    assert all(check["remedy"] for check in failed)
    assert body["detail"] == f"Not ready: {', '.join(check['name'] for check in failed)}."
    return [check["name"] for check in failed]


def test_ready_when_all_is_well(get: Any) -> None:
    answer = get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["ready"] is True
    assert [(check["name"], check["ok"]) for check in answer.json()["checks"]] == [(name, True) for name in CHECKS]


@pytest.mark.parametrize(
    ("setting", "value", "check"),
    [
        ("appendonly", "no", "append_only_file"),
        ("maxmemory-policy", "allkeys-lru", "noeviction"),
    ],
)
def test_a_redis_that_may_lose_data_is_not_ready(filled: Any, get: Any, setting: str, value: str, check: str) -> None:
    well = filled.view.redis.config_get(setting)[setting]
    filled.view.redis.config_set(setting, value)
    try:
        assert _failed(get("/readyz")) == [check]
    finally:
        filled.view.redis.config_set(setting, well)


def test_another_layout_is_not_ready(filled: Any, get: Any) -> None:
    filled.view.redis.set("churn:schema", "0")
    assert _failed(get("/readyz")) == ["schema"]


def test_without_a_policy_not_ready(filled: Any, get: Any) -> None:
    filled.view.redis.delete("churn:policy")
    assert _failed(get("/readyz")) == ["policy"]


def test_an_empty_redis_is_not_ready(filled: Any, get: Any) -> None:
    filled.view.redis.flushdb()
    assert _failed(get("/readyz")) == ["schema", "policy"]


def test_without_redis_alive_but_not_ready(unreachable: Any) -> None:
    assert unreachable.client.get("/healthz").json() == {"status": "ok"}
    assert _failed(unreachable.client.get("/readyz")) == CHECKS


def _value(text: str, sample: str, absent: float = math.nan) -> float:
    found = re.search(rf"^{re.escape(sample)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else absent


def test_metrics_count_by_template_and_never_by_user(filled: Any, get: Any, score: Any) -> None:
    sample = 'churn_api_requests_total{method="GET",route="/v1/users/{user_id}/risk",status="200"}'
    took = sample.replace("requests_total", "request_seconds_count")
    filled.add(score("somebody"))
    before = get("/metrics").text
    for path in ("/v1/users/somebody/risk", "/v1/users/nobody/risk", "/no/such/path"):
        get(path)
    after = get("/metrics").text
    assert _value(after, sample) - _value(before, sample, 0) == 1
    assert _value(after, took) - _value(before, took, 0) == 1
    assert _value(after, sample.replace("200", "404")) >= 1
    assert 'route="unknown",status="404"' in after
    assert "nobody" not in after
    assert "no/such" not in after


def test_an_odd_method_makes_no_new_series(served: Any, get: Any) -> None:
    served.client.request("PROPFIND", "/v1/users")
    text = get("/metrics").text
    assert "PROPFIND" not in text
    assert 'method="other"' in text


def test_metrics_show_the_view(filled: Any, get: Any, score: Any) -> None:
    filled.add(score("7", p_cancel=0.6), score("8"), score("9"))
    answer = get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert _value(answer.text, 'churn_api_ranked_users{band="high"}') == 1
    assert _value(answer.text, 'churn_api_ranked_users{band="low"}') == 2
    assert _value(answer.text, "churn_api_users") == 3
    assert _value(answer.text, "churn_api_event_clock_seconds") == 1_541_000_000
    assert _value(answer.text, "churn_api_view_up") == 1
    assert set(re.findall(r"^churn_([a-z]+)_", answer.text, re.MULTILINE)) == {"api"}


def test_metrics_without_redis_invent_nothing(unreachable: Any) -> None:
    answer = unreachable.client.get("/metrics")
    assert answer.status_code == 200
    assert _value(answer.text, "churn_api_view_up") == 0
    assert "churn_api_ranked_users{" not in answer.text
    assert "churn_api_users NaN" in answer.text
    assert "churn_api_event_clock_seconds NaN" in answer.text
