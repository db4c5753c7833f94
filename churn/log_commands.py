"""Commands that read a log and end: `churn train`, `evaluate`, `bootstrap`, `replay`; `simulate` writes one."""

from __future__ import annotations

import json
import sys
import time
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from churn import settings as configuration
from churn.arguments import as_ms, as_speed
from churn.errors import ChurnError
from churn.say import say
from churn.signals import Stopped, until_signal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import DataFrame

    from churn.history import History

KINDS = "A log: .json, .json.gz, .json.bz2, .json.zst, .parquet, or a folder of them."

Log = Annotated[Path, typer.Option(help=KINDS)]
Memory = Annotated[
    str | None, typer.Option(help="Heap of Spark's driver, e.g. 6g; by default the setting training.memory.")
]
Master = Annotated[str | None, typer.Option(help="A Spark cluster, e.g. spark://host:7077; by default this machine.")]
LogFile = Annotated[Path, typer.Argument(help="A Sparkify log: .json, .json.gz, .json.bz2 or .json.zst.")]
LogFiles = Annotated[
    list[Path], typer.Argument(help="Logs: .json, .json.gz, .json.bz2, .json.zst, .parquet, or folders of them.")
]
Until = Annotated[str | None, typer.Option(help="Leave out what comes after this time, e.g. 2018-11-12T00:00:00Z.")]
Speed = Annotated[str, typer.Option(help="Event seconds per second, or max.")]


@contextmanager
def _history(
    log: Path | list[Path],
    settings: configuration.Settings,
    name: str,
    memory: str | None = None,
    master: str | None = None,
) -> Iterator[History]:
    """The events of a log, in a Spark session of its own."""
    from churn.history import open_history

    with open_history(log, name, settings.var, say, memory or settings.training.memory, master) as history:
        yield history


def train(
    events: Log,
    out: Annotated[Path | None, typer.Option(help="Folder of model bundles; by default the setting models.")] = None,
    until: Until = None,
    openings: Annotated[bool, typer.Option(help="Send the opening balances as of --until as well.")] = False,
    accept_suspicious_auc: Annotated[
        bool, typer.Option("--accept-suspicious-auc", help="Go on when the model is too good to be true.")
    ] = False,
    memory: Memory = None,
    master: Master = None,
) -> None:
    """Train both models on a log and make the new bundle the current one.

    Example: churn train --events sparkify.json.gz --until 2018-11-12T00:00:00Z

    Example, for 12 GB of JSON: churn train --events logs/ --memory 6g
    """
    from churn import topics
    from churn.history import log_files
    from streaming.bootstrap import kept_folder
    from training import job

    settings = configuration.load()
    cut_ms = as_ms(until)
    if openings:
        _require_cut(cut_ms)
    with _history(events, settings, "churn train", memory, master) as history:
        if openings:
            topics.ensure(settings.kafka)  # that nobody answers must not be found out after hours of training
        log = history.events
        known = log if cut_ms is None else log.where(log["ts"] <= cut_ms)
        made = job.train(known, out or settings.models, settings, say, accept_suspicious_auc, history.lines)
        say(f"Model {made.version} is in {made.path} and is the current one.")
        # Not before: a run that fails is followed by one with another cut, and every balance would be opened twice.
        if openings and cut_ms is not None:
            folder = kept_folder(settings.var, log_files([events]), cut_ms)
            _keep_balances(log, cut_ms, folder)
            _open_balances(folder, settings)
    say(f"Look at it: churn models show --models {made.path.parent}")


def evaluate(
    version: Annotated[str, typer.Argument(help="A version in the folder of models, or current.")],
    events: Log,
    models: Annotated[Path | None, typer.Option(help="Folder of model bundles; by default the setting models.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
    memory: Memory = None,
    master: Master = None,
) -> None:
    """Judge a model on a log, by the figures of its card.

    Example: churn evaluate current --events newer.json.gz --json
    """
    from churn import bundle
    from churn.model_commands import table
    from training import judge

    settings = configuration.load()
    held = bundle.load(models or settings.models, version)
    with _history(events, settings, "churn evaluate", memory, master) as history:
        metrics = judge.evaluate(held, history.events, settings, say)
    typer.echo(json.dumps(metrics) if as_json else "\n".join(table(metrics["test"])))


def bootstrap(
    log_files: LogFiles,
    until: Annotated[str, typer.Option(help="The cut, e.g. 2018-11-12T00:00:00Z.")],
    memory: Memory = None,
    master: Master = None,
) -> None:
    """Send one opening balance per user, made of all events up to the cut. Sent twice it counts once.

    Interrupted, it goes on where it was when it is called again.

    Examples: churn bootstrap sparkify.json.gz --until 2018-11-12T00:00:00Z;
    churn bootstrap 2018-10.parquet 2018-11.parquet --until 2018-11-12T00:00:00Z --memory 6g
    """
    from churn import topics
    from churn.history import log_files as found
    from streaming.bootstrap import is_kept, kept_folder

    settings = configuration.load()
    cut_ms = _require_cut(as_ms(until))
    folder = kept_folder(settings.var, found(log_files), cut_ms)
    topics.ensure(settings.kafka)
    if is_kept(folder):
        say("The balances were summed before; sending them.")
    else:
        with _history(log_files, settings, "churn bootstrap", memory, master) as history:
            _keep_balances(history.events, cut_ms, folder)
    _open_balances(folder, settings)


def _require_cut(cut_ms: int | None) -> int:
    """The cut of opening balances, ms since 1970.

    Raises:
        ChurnError: there is none, or the stream would take no record of that time.
    """
    from churn.events import AHEAD_MS, TS_MAX_MS, TS_MIN_MS

    if cut_ms is None:
        raise ChurnError("Opening balances need a cut.", "Add --until TIME.")
    if not TS_MIN_MS <= cut_ms < TS_MAX_MS:
        raise ChurnError(
            "The cut lies outside the years 2017 to 2030: every opening balance would be a dead letter.",
            "Correct --until.",
        )
    if cut_ms > time.time() * 1000 + AHEAD_MS:
        raise ChurnError(
            "The cut lies in the future: every opening balance would be a dead letter.", "Give an --until up to now."
        )
    return cut_ms


def _keep_balances(log: DataFrame, cut_ms: int, folder: Path) -> None:
    from streaming.bootstrap import keep

    say("Summing every user's history up to the cut.")
    keep(log, cut_ms, folder)


def _open_balances(folder: Path, settings: configuration.Settings) -> None:
    from churn import forgotten
    from streaming.bootstrap import is_kept
    from streaming.open_balances import open_balances

    opened = open_balances(folder, settings.kafka, say, until_signal().is_set, forgotten.known(settings).holds)
    if is_kept(folder):
        say("Not all were sent; the same command goes on there.")
        raise typer.Exit(1)
    if not opened.users:
        raise ChurnError(
            "No event of a user lies before the cut: there is no balance to open.", "Give a later --until."
        )
    say(f"Opened {opened.users:,} balances that hold {opened.events:,} events.")


def replay(
    log_file: LogFile,
    speed: Speed = "max",
    after: Annotated[
        str | None, typer.Option(help="Leave out events up to and including this time, e.g. 2018-11-12T00:00:00Z.")
    ] = None,
) -> None:
    """Send a log to the events topic in event time, and say how many events Kafka acknowledged.

    Examples: churn replay sparkify.json.gz --speed 3600; churn replay sparkify.json.gz --speed max
    """
    from churn import event_log, log_order, topics
    from streaming import replay as job
    from streaming.pace import Pace

    settings = configuration.load()
    # What is wrong with the request is said before any server is asked.
    pace, after_ms = Pace(as_speed(speed), time.time), as_ms(after)
    event_log.require(log_file)
    topics.ensure(settings.kafka)
    found = event_log.survey(log_file, lambda rows: say(f"Read {rows:,} rows."))
    sent, stopping = job.Sent(), until_signal()

    def sorting(rows: int) -> None:
        say(f"Putting in order: {rows:,} rows.")
        if stopping.is_set():
            raise Stopped

    lines = log_order.arranged(log_file, found, settings.stream.dedupe_window_days, settings.var, sorting)
    with suppress(Stopped):
        job.replay(lines, settings.kafka, pace, sent, stopping, after_ms=after_ms)
    say(f"Kafka acknowledged {sent.events:,} events, {sent.with_user:,} of them of users.")


def simulate(
    users: Annotated[int, typer.Option(min=1, help="How many listeners.")] = 400,
    days: Annotated[float, typer.Option(min=0.01, help="How many days.")] = 61,
    start: Annotated[str, typer.Option(help="The first moment; UTC where it names no zone.")] = "2018-10-01T00:00:00Z",
    seed: Annotated[int, typer.Option(help="Same seed, same events.")] = 7,
    out: Annotated[Path | None, typer.Option(help="A file; by default standard output.")] = None,
) -> None:
    """Write the log of simulated listeners as JSON lines.

    Example: churn simulate --users 1000 --days 61 --out history.json
    """
    from churn.events import encode
    from churn.simulator import Simulation

    start_ms = as_ms(start) or 0
    people = Simulation(users, start_ms, start_ms + round(days * configuration.DAY_MS), seed)
    with out.open("wb") if out else nullcontext(sys.stdout.buffer) as file:
        count = 0
        for event in people.events():
            file.write(encode(event) + b"\n")
            count += 1
            if count % 100_000 == 0:
                say(f"Simulated {count:,} events.")
    say(f"Simulated {count:,} events of {users:,} users.")
