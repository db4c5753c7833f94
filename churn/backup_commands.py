"""`churn backup` and `churn restore`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import redis
import typer

from churn import clients
from churn import settings as configuration
from churn.errors import ChurnError
from churn.redis_refusal import refusal
from churn.say import say
from churn.settings import Settings


def backup(file: Annotated[Path, typer.Argument(help="The file to be written, readable by its owner alone.")]) -> None:
    """Save what a rebuild cannot bring back: alerts, marks, keys, endpoints, deliveries, chosen policy, audit log.

    Example: churn backup churn-2026-11-26.backup
    """
    from churn import backup as job

    settings = configuration.load()
    try:
        count = job.backup(_client(settings), file, say)
    except redis.RedisError as error:
        raise _unavailable(settings, error) from None
    say(f"Saved {count:,} keys to {file}. Secrets in it are encrypted; the secret key is not in it.")


def restore(
    file: Annotated[Path, typer.Argument(help="A file of churn backup.")],
    replace: Annotated[bool, typer.Option(help="Take out first what of its kind Redis holds.")] = False,
) -> None:
    """Bring back what a backup holds; scores come back by churn rebuild.

    Example: churn restore churn-2026-11-26.backup
    """
    from churn import backup as job
    from churn import forgotten
    from churn.view import View

    settings = configuration.load()
    try:
        count = job.restore(_client(settings), file, replace, say)
        if users := forgotten.forget_again(View.connect(settings.redis), forgotten.known(settings)):
            say(f"Erased {users:,} users again who were forgotten after the backup.")
    except redis.RedisError as error:
        raise _unavailable(settings, error) from None
    say(f"Redis holds {count:,} keys of {file}.")


def _client(settings: Settings) -> redis.Redis:
    """One that gives and takes bytes as they are."""
    where = settings.redis
    return redis.Redis.from_url(where.url, decode_responses=False, socket_timeout=30, **clients.redis_py(where))


def _unavailable(settings: Settings, error: redis.RedisError) -> ChurnError:
    return refusal(error, settings.redis) or ChurnError(
        f"Redis does not serve at {settings.redis.address} ({error}).",
        "Start Redis, or correct the settings in [redis].",
    )
