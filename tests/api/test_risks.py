"""Many users are looked up in parts, the next one while one is told."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import redis

from api import risks
from api.risks import AT_ONCE, Risks


def test_where_redis_hangs_one_wait_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    over, asked = threading.Event(), list[int]()

    def call(*_: Any) -> None:
        asked.append(1)
        if len(asked) > 1:
            over.wait(30)
        raise redis.TimeoutError

    class View:
        redis = None

    monkeypatch.setattr(risks.functions, "call", call)
    looking = threading.Thread(target=_look, args=(Risks(View(), None, None),))  # type: ignore[arg-type]
    looking.start()
    looking.join(10)
    ended = not looking.is_alive()
    over.set()
    assert ended


def _look(held: Risks) -> None:
    with pytest.raises(redis.TimeoutError):
        held.look_up([str(number) for number in range(3 * AT_ONCE)])
