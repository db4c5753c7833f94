"""The Python of the manuals, run against a server on a real Redis and a real Kafka."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from churn.settings import DAY_MS, Kafka
from tests.api.webhooks.receiver import receiving
from tests.test_snippets import blocks

pytestmark = pytest.mark.servers


@pytest.mark.parametrize("manual", ["api.md", "webhooks.md"])
def test_what_the_manual_shows_works(
    filled: Any, serve_on: Any, scored: Any, kafka: Kafka, manual: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    served = serve_on(filled.url, kafka=kafka, webhooks={"http_networks": ["127.0.0.0/8"]})
    first = scored("1045")
    filled.add(
        first,
        scored("1045", {"adverts_14d": 20.0}, version=2, as_of=first.as_of + DAY_MS),
        scored("1045", {"adverts_14d": 90.0}, version=3, as_of=first.as_of + 2 * DAY_MS),
        *(scored(f"u{number}", {"adverts_14d": 90.0}) for number in range(130)),
    )
    with receiving() as receiver:
        names: dict[str, Any] = {"KEY": served.client.headers["authorization"].split()[1], "URL": receiver.url}
        shown = blocks(manual, "python")
        assert shown
        for code in shown:
            here = re.sub(r"http://127\.0\.0\.1:8000", str(served.client.base_url).rstrip("/"), code)
            exec(compile(here, f"docs/{manual}", "exec"), names)  # noqa: S102 (it is our own)
        names["api"].close()
    if manual == "api.md":
        assert (tmp_path / "users.csv").read_bytes().count(b"\r\n") > 100
