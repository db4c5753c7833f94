"""Commands that run until they are told to stop: `stream`, `publish`, `serve`, `deliver`, and `demo`: all of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from churn import settings as configuration
from churn.arguments import as_mode, as_speed
from churn.say import say
from churn.signals import until_signal

Wait = Annotated[float, typer.Option(min=0, help="Seconds to wait for a first model before giving up.")]


def stream(
    mode: Annotated[
        str | None, typer.Option(help="auto, realtime or microbatch; by default the setting stream.mode.")
    ] = None,
    wait: Wait = 0.0,
) -> None:
    """Score every event on the events topic until Ctrl-C or SIGTERM.

    Example: churn stream --mode microbatch
    """
    from streaming import job

    settings = configuration.load()
    if mode is not None:
        chosen = settings.stream.model_copy(update={"mode": as_mode(mode)})
        settings = settings.model_copy(update={"stream": chosen})
    job.run(settings, until_signal(), wait)


def publish(wait: Wait = 0.0) -> None:
    """Bring every score into Redis, with bands and alerts, until Ctrl-C or SIGTERM.

    Example: CHURN_REDIS__URL=redis://10.0.0.5:6379/0 churn publish
    """
    from streaming import publish as job

    job.run(configuration.load(), until_signal(), wait)


def rebuild(
    replace: Annotated[bool, typer.Option(help="Take out the scores that Redis holds first; alerts stay.")] = False,
) -> None:
    """Fill an empty Redis from the scores topic: every score, bands set silently. The API may be read meanwhile.

    Example: churn rebuild
    """
    from streaming import rebuild as job

    users = job.rebuild(configuration.load(), say, until_signal(), replace)
    say(f"Redis holds the scores of {users:,} users.")


def serve() -> None:
    """Answer HTTP requests and show the first page until Ctrl-C or SIGTERM.

    Example: CHURN_API__PORT=8080 churn serve
    """
    from api import server

    server.serve(configuration.load())


def deliver() -> None:
    """Deliver alerts to webhook endpoints until Ctrl-C or SIGTERM.

    Example: CHURN_SECRETS__KEY_FILE=/run/secrets/churn_key churn deliver
    """
    from api.webhooks import deliver as job

    job.run(configuration.load(), until_signal())


def demo(
    events: Annotated[
        Path | None,
        typer.Option(
            help="Your own Sparkify log: .json, .json.gz, .json.bz2 or .json.zst; by default simulated listeners."
        ),
    ] = None,
    speed: Annotated[
        str,
        typer.Option(help="Event seconds per second, or max; by default 2160. Above 8000 the silent are passed over."),
    ] = "",
    mode: Annotated[
        str | None,
        typer.Option(help="auto, realtime or microbatch; by default microbatch for --speed max, auto otherwise."),
    ] = None,
    users: Annotated[int, typer.Option(help="How many simulated listeners, 150 or more.")] = 300,
    seconds: Annotated[
        float | None, typer.Option(min=1, help="Stop by itself after this time in all; by default at Ctrl-C.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="At the end, one JSON object on standard output.")] = False,
    var: Annotated[Path | None, typer.Option(help="Folder of all data; by default the setting var.")] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of the API; 0 takes 8000 or a free one.")] = 0,
) -> None:
    """Run the whole system on embedded servers: Kafka, Valkey, Spark, publish, API, webhooks.

    Examples: churn demo; churn demo --events sparkify.json.gz --speed 3600;
    churn demo --events sparkify.json.gz --speed max --seconds 240 --json
    """
    from churn import demo as whole

    chosen = as_speed(speed) if speed else whole.SIMULATED_SPEED
    plan = whole.Plan(
        events=events,
        speed=chosen,
        mode=as_mode(mode) or ("microbatch" if chosen is None else "auto"),
        users=users,
        seconds=seconds,
        port=port,
    )
    settings = configuration.load(**({"var": var} if var else {}))
    figures = whole.run(plan, settings, until_signal(), say)
    if as_json:
        typer.echo(json.dumps(figures))
