"""Who may look at a demo: a key for everything, and a link that signs a browser in."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import redis

from churn.clock import wall_clock
from churn.keys import SCOPES, Keys
from churn.sessions import Sessions

LINK_S = 24 * 3600
"""How long the link may be used, once."""


def secret_key(folder: Path) -> Path:
    """Where a demo's secret key is."""
    return folder / "secret_key"


def make_secret_key(folder: Path) -> None:
    """Makes it, for its owner alone."""
    held = os.open(secret_key(folder), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(held, "w") as out:
        out.write(secrets.token_urlsafe(32) + "\n")


def opened(client: redis.Redis) -> tuple[str, str]:
    """A key for everything, and what a link to the console holds."""
    key, token = Keys(client, wall_clock).create("demo", SCOPES)
    return token, Sessions(client).link(key.id, LINK_S)
