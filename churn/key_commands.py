"""`churn keys`: who may ask the API."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import redis
import typer

from churn import settings as configuration
from churn.errors import ChurnError
from churn.redis_refusal import refusal
from churn.say import say

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from churn.keys import Key

app = typer.Typer(help="API keys: make, list, rotate and revoke them.", no_args_is_help=True)

_BY = ("command line", "command line")


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Who has it, in words.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(help="read, write, events or admin; may be given several times; by default read."),
    ] = None,
    days: Annotated[float | None, typer.Option(min=0.001, help="Until it expires; by default never.")] = None,
    per_second: Annotated[
        float | None, typer.Option(min=0.001, help="Requests a second; by default the setting api.requests_per_second.")
    ] = None,
) -> None:
    """Make a key. It stands on standard output, and is never shown again.

    Examples: churn keys create "CRM import" --scope events; churn keys create dashboard --scope read --scope write
    """
    key, token = _do(lambda keys, _: keys.create(name, scope or ["read"], days, per_second), "key.create")
    say(f"Made key {key.id} for {key.name}: {', '.join(key.scopes)}. Nobody can show it again.")
    typer.echo(token)


@app.command("list")
def list_keys() -> None:
    """List every key, oldest first.

    Example: churn keys list
    """
    from churn.clock import wall_clock

    for key in _do(lambda keys, _: keys.all()):
        used = "never used" if key.last_used_ms is None else f"used {_day(key.last_used_ms)}"
        ends = "" if key.expires_ms is None else f", until {_day(key.expires_ms)}"
        state = key.state(wall_clock())
        typer.echo(
            f"{key.id}  {state:8}{','.join(key.scopes):24}{key.name}  (made {_day(key.created_ms)}, {used}{ends})"
        )


@app.command()
def rotate(
    key_id: Annotated[str, typer.Argument(help="The key's id, as in churn keys list.")],
    overlap_days: Annotated[float, typer.Option(min=0, help="How long the old key goes on.")] = 1.0,
) -> None:
    """Make a key that may the same; the old one goes on for a while.

    Example: churn keys rotate 9f2c5e7a1b3d --overlap-days 7
    """
    key, token = _do(lambda keys, _: keys.rotate(key_id, overlap_days), "key.rotate")
    say(f"Made key {key.id} in the place of {key_id}, which ends in {overlap_days:g} days.")
    typer.echo(token)


@app.command()
def revoke(key_id: Annotated[str, typer.Argument(help="The key's id, as in churn keys list.")]) -> None:
    """End a key at once, and every session that it began.

    Example: churn keys revoke 9f2c5e7a1b3d
    """
    key = _do(lambda keys, _: keys.revoke(key_id), "key.revoke")
    say(f"Key {key.id} of {key.name} is revoked.")


@app.command()
def link(
    key_id: Annotated[str, typer.Argument(help="Whose session the link begins.")],
    base: Annotated[
        str | None, typer.Option(help="Where the console is; by default the settings api.host and api.port.")
    ] = None,
) -> None:
    """Make a link that signs a browser in, once, within 15 minutes.

    Example: churn keys link 9f2c5e7a1b3d --base https://churn.example.com
    """
    settings = configuration.load()
    where = (base or f"http://{settings.api.host}:{settings.api.port}").rstrip("/")

    def make(keys: Any, client: redis.Redis) -> tuple[Key, str]:
        from churn.sessions import Sessions

        return keys.get(key_id), Sessions(client).link(key_id)

    _, token = _do(make, "key.link")
    typer.echo(f"{where}/sign-in?link={token}")


def _do(work: Callable[[Any, redis.Redis], Any], action: str = "") -> Any:
    """Does something with the keys in Redis, and notes a change.

    Raises:
        ChurnError: Redis does not serve, or there is no such key.
    """
    from churn.audit import Audit
    from churn.clock import wall_clock
    from churn.keys import Key, Keys
    from churn.view import View

    settings = configuration.load()
    client = View.connect(settings.redis).redis
    try:
        found = work(Keys(client, wall_clock), client)
        subject = found[0] if isinstance(found, tuple) else found
        if action and isinstance(subject, Key):
            Audit(client, wall_clock).note(*_BY, action, subject.id, name=subject.name)
    except LookupError as error:
        raise ChurnError(f"There is no key {error}.", "Look at: churn keys list.") from None
    except redis.RedisError as error:
        raise refusal(error, settings.redis) or ChurnError(
            f"Redis does not serve at {settings.redis.address} ({error}).",
            "Start Redis, or correct the settings in [redis].",
        ) from None
    return found


def _day(time_ms: int) -> str:
    return f"{datetime.fromtimestamp(time_ms / 1000, UTC):%Y-%m-%d %H:%M}"
