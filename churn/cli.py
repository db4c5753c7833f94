"""`churn`: the command line, and the one place that knows all programs. Each is imported when it is called."""

from __future__ import annotations

import json
import signal
import sys
import threading
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import structlog
import typer

from churn import model_commands
from churn import settings as configuration
from churn.arguments import as_mode, as_ms, as_speed
from churn.errors import ChurnError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import DataFrame

    from churn.history import History

app = typer.Typer(
    help="Real-time churn scores for a music service. Settings: conf/churn.toml and CHURN_* variables.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.add_typer(model_commands.app, name="models")

Log = Annotated[
    Path,
    typer.Option(help="A log: .json, .json.gz, .json.bz2, .json.zst, .parquet, or a folder of them."),
]
Memory = Annotated[
    str | None, typer.Option(help="Heap of Spark's driver, e.g. 6g; by default the setting training.memory.")
]
Master = Annotated[str | None, typer.Option(help="A Spark cluster, e.g. spark://host:7077; by default this machine.")]
LogFile = Annotated[Path, typer.Argument(help="A Sparkify log: .json, .json.gz, .json.bz2 or .json.zst.")]
Until = Annotated[str | None, typer.Option(help="Leave out what comes after it, e.g. 2018-11-12T00:00:00Z.")]
Wait = Annotated[float, typer.Option(min=0, help="Seconds to wait for a first model before giving up.")]
Speed = Annotated[str, typer.Option(help="Event seconds per second, or max.")]


def main() -> None:
    """Runs a command. An error that a person can mend is one line on standard error and exit code 1."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    try:
        app()
    except ChurnError as error:
        say(str(error))
        sys.exit(1)
    except OSError as error:
        # A full disk, a folder that may not be written: the system's own sentence says what to do.
        say(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}.")
        sys.exit(1)


def say(line: str) -> None:
    """Progress and errors go to standard error, marked apart from logs; standard output is for results."""
    print(f"churn: {line}", file=sys.stderr, flush=True)  # noqa: T201 (this is the command line)


def until_signal() -> threading.Event:
    """Set by the first Ctrl-C or SIGTERM."""
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    return stopping


@contextmanager
def _history(
    log: Path, settings: configuration.Settings, name: str, memory: str | None = None, master: str | None = None
) -> Iterator[History]:
    """The events of a log, in a Spark session of its own."""
    from churn.history import open_history

    with open_history(log, name, settings.var, say, memory or settings.training.memory, master) as history:
        yield history


@app.command()
def setup() -> None:
    """Fetch the Java archives of the Kafka broker and of Spark's connector, once.

    Example: churn setup
    """
    from churn import jars, java

    home = java.java_home(java.cache_dir())
    found = jars.ensure(configuration.PROJECT / ".jars", home / "bin" / "java", say)
    say(f"Java: {home}. Jars: {found.kafka.parent}.")


@app.command()
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
    from training import job

    settings = configuration.load()
    cut_ms = as_ms(until)
    if openings and cut_ms is None:
        raise ChurnError("Opening balances need a cut.", "Add --until TIME.")
    with _history(events, settings, "churn train", memory, master) as history:
        log = history.events
        known = log if cut_ms is None else log.where(log["ts"] <= cut_ms)
        if openings:
            _open_balances(log, settings, cut_ms or 0)
        made = job.train(known, out or settings.models, settings, say, accept_suspicious_auc, history.lines)
    say(f"Model {made.version} is in {made.path} and is the current one.")
    say("Look at it: churn models show.")


@app.command()
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


@app.command()
def bootstrap(
    log_file: LogFile, until: Annotated[str, typer.Option(help="The cut, e.g. 2018-11-12T00:00:00Z.")]
) -> None:
    """Send one opening balance per user, made of all events up to the cut. Sent twice it counts once.

    Example: churn bootstrap sparkify.json.gz --until 2018-11-12T00:00:00Z
    """
    settings = configuration.load()
    cut_ms = as_ms(until) or 0
    with _history(log_file, settings, "churn bootstrap") as history:
        _open_balances(history.events, settings, cut_ms)


def _open_balances(log: DataFrame, settings: configuration.Settings, cut_ms: int) -> None:
    from churn import topics
    from streaming.bootstrap import bootstrap as send

    topics.ensure(settings.kafka)
    users, opened = send(log, settings.kafka, cut_ms)
    say(f"Opened {users:,} balances that hold {opened:,} events.")


@app.command()
def stream(
    mode: Annotated[
        str | None, typer.Option(help="realtime or microbatch; by default the setting stream.mode.")
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


@app.command()
def publish(wait: Wait = 0.0) -> None:
    """Bring every score into Redis, with bands and alerts, until Ctrl-C or SIGTERM.

    Example: CHURN_REDIS__URL=redis://10.0.0.5:6379/0 churn publish
    """
    from streaming import publish as job

    job.run(configuration.load(), until_signal(), wait)


@app.command()
def serve() -> None:
    """Answer HTTP requests and show the first page until Ctrl-C or SIGTERM.

    Example: CHURN_API__PORT=8080 churn serve
    """
    from api import server

    server.serve(configuration.load())


@app.command()
def replay(
    log_file: LogFile,
    speed: Speed = "max",
    after: Annotated[
        str | None, typer.Option(help="Leave out what comes before it, e.g. 2018-11-12T00:00:00Z.")
    ] = None,
) -> None:
    """Send a log to the events topic in event time, and say how many events Kafka acknowledged.

    Examples: churn replay sparkify.json.gz --speed 3600; churn replay sparkify.json.gz --speed max
    """
    import time

    from churn import event_log, topics
    from streaming import replay as job
    from streaming.pace import Pace

    settings = configuration.load()
    # What is wrong with the request is said before any server is asked.
    pace, after_ms = Pace(as_speed(speed), time.time), as_ms(after)
    event_log.require(log_file)
    topics.ensure(settings.kafka)
    found = event_log.survey(log_file, lambda rows: say(f"Read {rows:,} rows."))
    lines = event_log.arranged(log_file, found, settings.stream.dedupe_window_days, settings.var)
    sent = job.Sent()
    job.replay(lines, settings.kafka, pace, sent, until_signal(), after_ms=after_ms)
    say(f"Kafka acknowledged {sent.events:,} events, {sent.with_user:,} of them of users.")


@app.command()
def simulate(
    users: Annotated[int, typer.Option(min=1, help="How many listeners.")] = 400,
    days: Annotated[float, typer.Option(min=0.01, help="How long.")] = 61,
    start: Annotated[str, typer.Option(help="The first moment.")] = "2018-10-01T00:00:00Z",
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


@app.command()
def doctor() -> None:
    """Check Java, jars, Kafka, Redis, the model and the checkpoint, and say how to mend each.

    Example: churn doctor
    """
    from churn.doctor import examine

    findings = examine(configuration.load())
    for finding in findings:
        typer.echo(f"{'ok  ' if finding.ok else 'FAIL'} {finding.subject}: {finding.state}")
        if not finding.ok:
            typer.echo(f"     {finding.remedy}")
    raise typer.Exit(0 if all(finding.ok for finding in findings) else 1)


@app.command()
def demo(
    events: Annotated[Path | None, typer.Option(help="Your own Sparkify log; by default simulated listeners.")] = None,
    speed: Annotated[str, typer.Option(help="Event seconds per second, or max.")] = "",
    mode: Annotated[str | None, typer.Option(help="realtime or microbatch; by default as fits the speed.")] = None,
    users: Annotated[int, typer.Option(help="How many simulated listeners, 150 or more.")] = 300,
    seconds: Annotated[float | None, typer.Option(min=1, help="Stop by itself after this time in all.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="At the end, one JSON object on standard output.")] = False,
    var: Annotated[Path | None, typer.Option(help="Folder of all data; by default the setting var.")] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of the API; 0 takes 8000 or a free one.")] = 0,
) -> None:
    """Run the whole system on embedded servers: Kafka, Valkey, Spark, publish, API.

    Examples: churn demo; churn demo --events sparkify.json.gz --speed 3600;
    churn demo --events sparkify.json.gz --speed max --seconds 240 --json
    """
    from churn import demo as whole

    chosen = as_speed(speed) if speed else whole.SIMULATED_SPEED
    plan = whole.Plan(
        events=events,
        speed=chosen,
        mode=as_mode(mode) or ("microbatch" if chosen is None else "realtime"),
        users=users,
        seconds=seconds,
        port=port,
    )
    settings = configuration.load(**({"var": var} if var else {}))
    figures = whole.run(plan, settings, until_signal(), say)
    if as_json:
        typer.echo(json.dumps(figures))


if __name__ == "__main__":
    main()
