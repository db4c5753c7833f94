"""The alert policy that was chosen through the API: changes to that of the settings, which publish takes over.

======================= ====== =======================================================
`churn:policy-chosen`   string the changes, JSON of some members of :class:`churn.settings.Policy`
`churn:policy-applied`  string those by which publish decides
======================= ====== =======================================================
"""

from __future__ import annotations

import json
from typing import Any, cast

import redis
from pydantic import ValidationError

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
