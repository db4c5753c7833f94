"""Endpoints of webhooks, as Redis holds them.

========================= ==== ================================================================================
`churn:endpoint:ID`       hash one endpoint; its secret encrypted, and for a day the one before
`churn:endpoints`         zset ids by the time of their creation
========================= ==== ================================================================================
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal, cast

import redis

from api.webhooks.deliveries import FUNCTIONS, begin
from churn.features import Driver, Level
from churn.outcomes import Band
from churn.secret_keys import SecretKeys
from churn.settings import DAY_MS
from churn.view_records import AlertKind

Format = Literal["standard", "slack"]
EventType = Literal["alert.raised", "endpoint.disabled"]
State = Literal["enabled", "disabled"]

ROTATION_MS = DAY_MS
"""How long the secret before is signed with, too."""


@dataclass(frozen=True)
class Wanted:
    """Which alerts an endpoint is told; what is empty leaves none out."""

    bands: tuple[Band, ...] = ()
    drivers: tuple[Driver, ...] = ()
    levels: tuple[Level, ...] = ()
    kinds: tuple[AlertKind, ...] = ()
    least_rise: float = 0.0

    def fits(self, alert: dict[str, Any]) -> bool:
        """Whether an alert is told, by the members of an `api.alert_answers.Alert`.

        One whose driver is not known, because it has no reasons, may be of any: better told than lost.
        """
        drivers = () if alert["reasons"] is None else self.drivers
        chosen = (("band", self.bands), ("driver", drivers), ("level", self.levels), ("kind", self.kinds))
        return all(not some or alert[name] in some for name, some in chosen) and alert["rise"] >= self.least_rise


@dataclass(frozen=True)
class Endpoint:
    """One endpoint. Times in ms of the wall clock.

    Attributes:
        id: of it.
        url: where it is.
        description: in words.
        format: of the body.
        types: of what it is told.
        wanted: which alerts.
        per_second: deliveries a second at most, None for as many as come.
        state: a disabled one is told nothing; what waits for it waits on.
        disabled_for: why it was disabled, empty if it was not.
        created_ms: when it was made.
        failing_since_ms: when the first failure came that no success has followed.
        secret, old_secret: encrypted; the old one counts until `old_secret_until_ms`.
    """

    id: str
    url: str
    description: str = ""
    format: Format = "standard"
    types: tuple[EventType, ...] = ("alert.raised",)
    wanted: Wanted = field(default_factory=Wanted)
    per_second: float | None = None
    state: State = "enabled"
    disabled_for: str = ""
    created_ms: int = 0
    failing_since_ms: int | None = None
    secret: str = field(default="", repr=False)
    old_secret: str = field(default="", repr=False)
    old_secret_until_ms: int = 0

    def secrets(self, keys: SecretKeys, now_ms: int) -> list[str]:
        """Those that are signed with, the newest first."""
        old = [self.old_secret] if self.old_secret and now_ms < self.old_secret_until_ms else []
        return [keys.decrypt(each) for each in [self.secret, *old]]


class Endpoints:
    """Makes, changes and lists endpoints.

    Args:
        client: decodes answers to text.
        clock: the wall clock in ms.
    """

    def __init__(self, client: redis.Redis, clock: Callable[[], int]) -> None:
        self._redis, self._clock = client, clock

    def create(self, endpoint: Endpoint, keys: SecretKeys) -> tuple[Endpoint, str]:
        """Adds an endpoint under a new id, and returns it with its secret, which is told this once."""
        secret = new_secret()
        made = replace(endpoint, id=f"ep_{secrets.token_hex(8)}", created_ms=self._clock(), secret=keys.encrypt(secret))
        self._redis.hset(f"churn:endpoint:{made.id}", mapping=cast("dict[Any, Any]", written(made)))
        self._redis.zadd("churn:endpoints", {made.id: made.created_ms})
        begin(self._redis)
        return made, secret

    def change(self, endpoint: Endpoint, **changes: Any) -> Endpoint:
        """Changes some fields and no others: `churn deliver` has its own, and may write them at the same time.

        Raises:
            LookupError: it was deleted meanwhile.
        """
        changed = replace(endpoint, **changes)
        values = [each for name, value in written(changed).items() if name in changes for each in (name, value)]
        if not FUNCTIONS.call(self._redis, "churn_change_endpoint", endpoint.id, *values):
            raise LookupError(endpoint.id)
        return changed

    def rotate(self, endpoint: Endpoint, keys: SecretKeys) -> tuple[Endpoint, str]:
        """Gives it another secret, and returns both; for a day everything is signed with the old one as well.

        Raises:
            LookupError: it was deleted meanwhile.
        """
        secret = new_secret()
        until_ms = self._clock() + ROTATION_MS
        old = {"old_secret": endpoint.secret, "old_secret_until_ms": until_ms}
        return self.change(endpoint, secret=keys.encrypt(secret), **old), secret

    def delete(self, endpoint_id: str) -> None:
        """Takes an endpoint away."""
        self._redis.delete(f"churn:endpoint:{endpoint_id}")
        self._redis.zrem("churn:endpoints", endpoint_id)

    def get(self, endpoint_id: str) -> Endpoint:
        """One endpoint.

        Raises:
            LookupError: there is none of this id.
        """
        held = cast("dict[str, str]", self._redis.hgetall(f"churn:endpoint:{endpoint_id}"))
        if not held:
            raise LookupError(endpoint_id)
        return read(endpoint_id, held)

    def all(self) -> list[Endpoint]:
        """Every endpoint, oldest first."""
        ids = cast("list[str]", self._redis.zrange("churn:endpoints", 0, -1))
        pipe = self._redis.pipeline(transaction=False)
        for each in ids:
            pipe.hgetall(f"churn:endpoint:{each}")
        return [read(each, held) for each, held in zip(ids, pipe.execute(), strict=True) if held]


def new_secret() -> str:
    """A secret of 192 bits, written as Standard Webhooks has it."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}"


def written(endpoint: Endpoint) -> dict[str, str]:
    """An endpoint as its hash holds it: every field as JSON."""
    return {name: json.dumps(value) for name, value in asdict(endpoint).items() if name != "id"}


def read(endpoint_id: str, held: dict[str, str]) -> Endpoint:
    """An endpoint out of its hash; a field that this release does not know is left out."""
    known = {each.name for each in fields(Endpoint)}
    values: dict[str, Any] = {name: json.loads(text) for name, text in held.items() if name in known}
    wanted: dict[str, Any] = {
        name: tuple(each) if isinstance(each, list) else each for name, each in values["wanted"].items()
    }
    values["types"] = tuple(values["types"])
    values["wanted"] = Wanted(**wanted)
    return Endpoint(id=endpoint_id, **values)
