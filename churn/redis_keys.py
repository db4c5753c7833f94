"""Every key in Redis: how long it is kept, and what brings it back when it is lost. The manual has the same table."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

Origin = Literal["scores", "programs", "backup", "nothing"]


@dataclass(frozen=True)
class RedisKey:
    """One key, or all of a pattern.

    Attributes:
        pattern: of the key's name; `*` is an id.
        kept: how long.
        origin: what brings it back: the scores topic (`churn rebuild`), the programs by themselves, only a backup, or
            nothing, because it does not last anyway.
    """

    pattern: str
    kept: str
    origin: Origin


KEYS: tuple[RedisKey, ...] = (
    # The view.
    RedisKey("churn:schema", "for ever", "programs"),
    RedisKey("churn:user:*", "until the user is forgotten", "scores"),
    RedisKey("churn:features:*", "until the user is forgotten", "scores"),
    RedisKey("churn:history:*", "60 days of event time", "scores"),
    RedisKey("churn:moments:*", "the last 16", "scores"),
    RedisKey("churn:ranking", "while the user is active", "scores"),
    RedisKey("churn:ranking:*", "while the user is in the band", "scores"),
    RedisKey("churn:due", "until the user has cancelled", "scores"),
    RedisKey("churn:books:*", "for ever, one an epoch", "scores"),
    RedisKey("churn:epoch", "for ever", "scores"),
    RedisKey("churn:clock", "for ever", "scores"),
    RedisKey("churn:hold", "for ever", "scores"),
    RedisKey("churn:offsets", "for ever", "scores"),
    RedisKey("churn:silent-until", "for ever", "programs"),
    RedisKey("churn:policy", "for ever", "programs"),
    RedisKey("churn:policy:*", "for ever, one a model", "programs"),
    RedisKey("churn:policy-chosen", "for ever", "backup"),
    RedisKey("churn:policy-applied", "for ever", "programs"),
    RedisKey("churn:heartbeats", "for ever", "programs"),
    RedisKey("churn:rebanding", "while bands are set anew", "nothing"),
    RedisKey("churn:forgotten", "for ever", "scores"),
    # What publish leaves for the console.
    RedisKey("churn:pulse", "the last ten minutes", "nothing"),
    RedisKey("churn:spread", "14 days of event time", "nothing"),
    # The tally of what came in. No backup has it: offsets and counts of different moments would not fit together.
    RedisKey("churn:tally", "for ever", "nothing"),
    RedisKey("churn:tally:*", "120 days after it last grew, at most 400 days", "nothing"),
    RedisKey("churn:tally:days", "as long as the days", "nothing"),
    # Alerts.
    RedisKey("churn:alerts", "a year of event time", "backup"),
    RedisKey("churn:alerts:waiting", "until the quiet hours end", "backup"),
    RedisKey("churn:alerts:of:*", "as long as the alerts", "backup"),
    RedisKey("churn:alerts:sequence", "for ever", "backup"),
    RedisKey("churn:alert:*", "a year of event time", "backup"),
    RedisKey("churn:marks:*", "until the last mark has ended", "backup"),
    # In no backup: a Redis without marks would hold it, and count as one that must not be restored into.
    RedisKey("churn:marks-sequence", "for ever", "programs"),
    # The API.
    RedisKey("churn:key:*", "90 days after the key has ended", "backup"),
    RedisKey("churn:keys", "as long as the keys", "backup"),
    RedisKey("churn:bucket:*", "seconds", "nothing"),
    RedisKey("churn:session:*", "12 hours", "nothing"),
    RedisKey("churn:link:*", "15 minutes, or until used", "nothing"),
    RedisKey("churn:idempotency:*", "a day", "nothing"),
    RedisKey("churn:new-users:*", "two days", "nothing"),
    RedisKey("churn:audit", "100,000 entries, about", "backup"),
    # Webhooks.
    RedisKey("churn:endpoint:*", "until it is deleted", "backup"),
    RedisKey("churn:endpoints", "until they are deleted", "backup"),
    RedisKey("churn:delivery:*", "7 days after it was delivered, 30 after it died", "backup"),
    RedisKey("churn:attempts:*", "as long as the delivery; the last 50", "backup"),
    RedisKey("churn:queue:*", "while they wait", "backup"),
    RedisKey("churn:deliveries:place", "for ever", "backup"),
    RedisKey("churn:deliveries:of:*", "as long as the deliveries", "backup"),
    RedisKey("churn:deliveries:*", "as long as the deliveries, about", "backup"),
)


def declared(name: str) -> RedisKey | None:
    """The entry of a key; the most particular pattern counts. None for a key that nobody has declared."""
    fitting = [key for key in KEYS if fnmatchcase(name, key.pattern)]
    return max(fitting, key=lambda key: len(key.pattern.rstrip("*")), default=None)
