"""Whatever anybody sends: no fault of the server, and no answer that the contract does not know.

schemathesis makes the requests out of the contract itself, good ones and bad ones, and holds every answer to it.
"""

from __future__ import annotations

from typing import Any

import hypothesis
import pytest

from churn.settings import Kafka

pytestmark = pytest.mark.servers

ENDLESS = "/v1/alerts/stream"


@pytest.fixture
def all_of_it(filled: Any, serve_on: Any, kafka: Kafka, scored: Any) -> Any:
    """A server with something to find, on a real Redis and a real Kafka."""
    served = serve_on(filled.url, kafka=kafka, webhooks={"http_networks": ["127.0.0.0/8"]})
    filled.add(*(scored(str(number)) for number in range(20)))
    filled.add(*(scored(str(number), {"adverts_14d": 90.0}, version=2) for number in range(5)))
    served.client.post("/v1/endpoints", json={"url": "http://127.0.0.1:9/hook"})
    return served


def test_no_answer_is_outside_of_the_contract(all_of_it: Any) -> None:
    import schemathesis  # noqa: PLC0415 (it takes a second)
    from schemathesis.checks import load_all_checks  # noqa: PLC0415

    load_all_checks()
    schema = schemathesis.openapi.from_dict(all_of_it.client.get("/openapi.json").json())
    headers = {"Authorization": all_of_it.client.headers["authorization"]}
    # A cursor, a policy, an address, an event: what else must hold of them than a schema can say, 422 tells.
    may_be_refused = schemathesis.checks.CHECKS.get_one("positive_data_acceptance")
    base_url, tried, wrong = str(all_of_it.client.base_url).rstrip("/"), 0, list[str]()
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path == ENDLESS:
            continue
        tried += 1

        @hypothesis.settings(
            max_examples=25, database=None, deadline=None, suppress_health_check=list(hypothesis.HealthCheck)
        )
        @hypothesis.given(case=operation.as_strategy())
        def holds(case: Any) -> None:
            case.call_and_validate(base_url=base_url, headers=headers, excluded_checks=[may_be_refused])

        try:
            holds()
        except (Exception, BaseExceptionGroup) as error:
            wrong.append(f"{operation.method} {operation.path}: {error}")
    assert wrong == []
    assert tried > 35
