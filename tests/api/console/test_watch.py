"""Whoever watches is told of what they do not have, and of nothing else."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from api.console import watch
from api.console.shell import PAGES
from api.console.watch import EVERYTHING, Watch, reader


def test_a_listener_is_told_only_of_what_it_does_not_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "LOOK_S", 0)
    states = {"a": "one", "b": "other"}

    def read(subjects: list[str]) -> Mapping[str, str]:
        return {subject: states[subject] for subject in subjects}

    async def told() -> list[bytes | None]:
        watching = Watch(read)
        async with watching.watching("a", "one") as new, watching.watching("a", "zero") as old:
            found = [await old.waiting.get()]
            assert new.waiting.empty()
            states["a"] = "two"
            found += [await new.waiting.get(), await old.waiting.get()]
            assert new.waiting.empty()
        return found

    with ThreadPoolExecutor(1) as beside:  # a browser's loop may run in this thread
        first, *both = beside.submit(asyncio.run, told()).result()
    assert first is not None
    assert first.startswith(b"id: one\n")
    assert both == [b"id: two\nevent: changed\ndata: {}\n\n"] * 2


def test_whoever_comes_when_the_server_stops_is_let_go_at_once() -> None:
    async def come() -> bytes | None:
        watching = Watch(dict.fromkeys)
        watching.end()
        async with watching.watching("a", "one") as late:
            return await asyncio.wait_for(late.told(), 5)

    with ThreadPoolExecutor(1) as beside:  # a browser's loop may run in this thread
        assert beside.submit(asyncio.run, come()).result() is None


def test_a_state_is_the_same_in_every_process() -> None:
    assert watch._state("1", ["a", None]) == "f26f6568e476c9b5"


PATHS = (*(path for path, _ in PAGES), "/users/10%2F45", "/what-if?user=10%2F45")


@pytest.mark.servers
@pytest.mark.parametrize("path", PATHS)
def test_a_page_that_watches_knows_its_state(filled: Any, served: Any, get: Any, scored: Any, path: str) -> None:
    filled.add(scored("10/45"))
    html = get(path).text
    found = re.search(r'<body data-watch="([^"]+)" data-state="([^"]+)">', html)
    assert found
    assert reader(filled.view)([found[1]]) == {found[1]: found[2]}


@pytest.mark.servers
def test_whoever_connects_again_is_told_of_what_came_since(filled: Any, served: Any, scored: Any) -> None:
    filled.add(scored("7"))
    state = reader(filled.view)([EVERYTHING])[EVERYTHING]
    headers = {"Last-Event-ID": state}
    with served.client.stream("GET", "/live?watch=everything&have=older", headers=headers) as answer:
        lines = answer.iter_lines()
        retry_ms = int(next(lines).removeprefix("retry: "))
        assert 2000 <= retry_ms <= 4000
        filled.add(scored("7", version=2))
        told = next(line for line in lines if line.startswith("id: "))
    assert told != f"id: {state}"
