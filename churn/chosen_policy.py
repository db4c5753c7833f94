"""The alert policy that was chosen through the API: changes to that of the settings, which publish takes over.

======================= ====== =======================================================
`churn:policy-chosen`   string the changes, JSON of some members of :class:`churn.settings.Policy`
`churn:policy-applied`  string those by which publish decides
======================= ====== =======================================================

The hash `churn:policy` also holds `card_medium` and `card_high`: the thresholds where a policy leaves them open.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, cast

import redis
from pydantic import ValidationError
from redis.client import Pipeline

from churn.errors import ChurnError
from churn.settings import Policy


def read(client: redis.Redis) -> str:
    """The changes as they were written, empty if nobody has chosen anything."""
    return cast("str | None", client.get("churn:policy-chosen")) or ""


def write(client: redis.Redis, changes: dict[str, Any]) -> None:
    """Chooses; publish takes it over within a second or two. Nothing chosen goes back to the settings."""
    if changes:
        client.set("churn:policy-chosen", json.dumps(changes, sort_keys=True))
    else:
        client.delete("churn:policy-chosen")


def changed(held: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Changes with others over them; one that is null is taken back."""
    return {name: value for name, value in {**held, **given}.items() if value is not None}


def change(client: redis.Redis, decide: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Chooses by what is chosen now; where somebody else chooses meanwhile, it is decided anew."""

    def attempt(pipe: Pipeline) -> None:
        chosen = decide(json.loads(cast("str | None", pipe.get("churn:policy-chosen")) or "{}"))
        pipe.multi()
        write(pipe, chosen)

    client.transaction(attempt, "churn:policy-chosen")


def know_card(client: redis.Redis, medium: float, high: float) -> None:
    """Notes the thresholds of the card of the model in use."""
    client.hset("churn:policy", mapping={"card_medium": medium, "card_high": high})


def thresholds(client: redis.Redis, policy: Policy) -> tuple[float, float] | None:
    """Where publish would have the medium and the high band begin by a policy; None while no card is known."""
    card = cast("list[str | None]", client.hmget("churn:policy", "card_medium", "card_high"))
    found = [float(given or known or 0) for given, known in zip((policy.medium, policy.high), card, strict=True)]
    return (found[0], found[1]) if all(found) else None


def applied(client: redis.Redis, changes: str) -> None:
    """Notes that publish decides by these changes now."""
    client.set("churn:policy-applied", changes)


def is_applied(client: redis.Redis) -> bool:
    """Whether publish decides by what was chosen last."""
    chosen, done = cast("list[str | None]", client.mget("churn:policy-chosen", "churn:policy-applied"))
    return (chosen or "") == done


def merged(settings: Policy, changes: str) -> Policy:
    """The policy of the settings with changes.

    Raises:
        ChurnError: together they are no policy.
    """
    chosen = json.loads(changes) if changes else {}
    try:
        return Policy.model_validate({**settings.model_dump(), **chosen})
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the policy"
        raise ChurnError(f"{where}: {first['msg']}.", "Choose another value.") from None
