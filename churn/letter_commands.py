"""`churn dead-letters`: what could not be used, looked at and sent again."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import redis
import typer

from churn import settings as configuration
from churn.errors import ChurnError
from churn.redis_refusal import refusal
from churn.view import View

if TYPE_CHECKING:
    from streaming.letter import Letter
    from streaming.redrive import Box

app = typer.Typer(no_args_is_help=True, help="Look at records that are no valid events, and send them again.")

Reason = Annotated[str | None, typer.Option(help="Only those with this reason, such as ts-in-future.")]
Json = Annotated[bool, typer.Option("--json", help="JSON on standard output.")]


@app.command("list")
def list_(
    reason: Reason = None,
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 50,
    as_json: Json = False,
) -> None:
    """The dead letters, the newest last, and what became of them.

    Example: churn dead-letters list --reason ts-in-future
    """
    box = _box()
    found = sorted(_chosen(box, reason), key=lambda letter: letter.received_ms)
    if as_json:
        typer.echo(json.dumps([_facts(box, letter) for letter in found[-limit:]]))
        return
    for letter in found[-limit:]:
        state = "sent again" if letter.id in box.redriven else "waiting"
        size = "no value" if letter.size is None else f"{letter.size:,} bytes"
        typer.echo(f"{letter.id:>8}  {_time(letter.received_ms)}  {letter.reason:15}  {state:10}  {size}")
    counts = Counter(letter.reason for letter in found)
    said = ", ".join(f"{count:,} {name}" for name, count in counts.most_common()) or "none"
    typer.echo(f"{len(found):,} dead letters: {said}.")


@app.command()
def show(letter: Annotated[str, typer.Argument(help="An id from the list.")], as_json: Json = False) -> None:
    """One record: why it could not be used, where it stands, what it holds, what was done with it.

    Example: churn dead-letters show 0-17
    """
    box = _box()
    held = _of(box, letter)
    facts = _facts(box, held)
    if as_json:
        typer.echo(json.dumps(facts))
        return
    typer.echo(f"{held.reason}: {held.topic}, partition {held.partition}, offset {held.offset}")
    typer.echo(f"received {_time(held.received_ms)}; " + ("no value" if held.size is None else f"{held.size:,} bytes"))
    for note in box.redriven.get(letter, []):
        by = f" ({', '.join(note.rules)})" if note.rules else ""
        typer.echo(
            f"sent again {_time(note.at_ms)}{by}: {note.topic}, partition {note.partition}, offset {note.offset}"
        )
    typer.echo(str(facts["text"]))


@app.command()
def redrive(
    letters: Annotated[list[str] | None, typer.Argument(help="Ids from the list.")] = None,
    reason: Reason = None,
    to_set: Annotated[list[str] | None, typer.Option("--set", help="NAME=VALUE: sets a field; JSON or text.")] = None,
    to_scale: Annotated[list[str] | None, typer.Option("--scale", help="NAME=FACTOR: multiplies a number.")] = None,
    to_drop: Annotated[list[str] | None, typer.Option("--drop", help="NAME: takes a field out.")] = None,
    again: Annotated[bool, typer.Option(help="Also those that were sent again already.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be sent.")] = False,
) -> None:
    """Mend records by rule, or take them as they are, and send those that are valid events now. Each leaves a note.

    Examples: churn dead-letters redrive 0-17 1-4; churn dead-letters redrive --reason ts-out-of-range --scale ts=1000;
    churn dead-letters redrive --reason unknown-level --set level=free --dry-run
    """
    from streaming.mending import rules
    from streaming.redrive import redrive as send

    settings = configuration.load()
    if not letters and reason is None:
        raise ChurnError("Which letters?", "Name ids from churn dead-letters list, or a --reason.")
    words, mend = rules(to_set or [], to_scale or [], to_drop or [])
    box = _box()
    asked = [_of(box, letter) for letter in letters] if letters else list(_chosen(box, reason))
    waiting = [letter for letter in asked if again or letter.id not in box.redriven]
    now_ms = int(time.time() * 1000)
    sent, refused = send(waiting, words, mend, settings, now_ms, _event_clock(settings), not dry_run)
    for one in refused:
        typer.echo(f"{one.letter.id}: not sent: {one.why}.")
    verb = "Would send" if dry_run else "Sent"
    typer.echo(f"{verb} {len(sent):,} of {len(asked):,}; {len(asked) - len(waiting):,} were sent again before.")
    raise typer.Exit(1 if refused else 0)


def _box() -> Box:
    from streaming.redrive import open_box

    return open_box(configuration.load())


def _chosen(box: Box, reason: str | None) -> list[Letter]:
    return [letter for letter in box.letters.values() if reason in (None, letter.reason)]


def _of(box: Box, letter: str) -> Letter:
    if letter not in box.letters:
        raise ChurnError(f"There is no dead letter {letter}.", "Look at churn dead-letters list.")
    return box.letters[letter]


def _facts(box: Box, letter: Letter) -> dict[str, Any]:
    facts = {name: value for name, value in asdict(letter).items() if name != "raw"}
    text = letter.raw.decode(errors="backslashreplace")
    return {**facts, "text": text, "redriven": [asdict(note) for note in box.redriven.get(letter.id, [])]}


def _event_clock(settings: configuration.Settings) -> int | None:
    """The event clock, None where Redis does not answer: then nothing can be called too late."""
    try:
        return View.connect(settings.redis).clock()
    except redis.RedisError as error:
        if refused := refusal(error, settings.redis):
            raise refused from None
        return None


def _time(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
