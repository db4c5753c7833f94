"""`churn`: the command line, and the one place that knows all programs. Each is imported when it is called."""

from __future__ import annotations

import sys

import structlog
import typer

from churn import backup_commands, key_commands, letter_commands, log_commands, model_commands, program_commands
from churn import settings as configuration
from churn.errors import ChurnError
from churn.say import say
from churn.signals import ending_in_order

app = typer.Typer(
    help="Real-time churn scores for a music service. Settings: conf/churn.toml and CHURN_* variables.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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
        with ending_in_order():
            app()
    except ChurnError as error:
        say(str(error))
        sys.exit(1)
    except OSError as error:
        # A full disk, a folder that may not be written: the system's own sentence says what to do.
        say(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}.")
        sys.exit(1)


def setup() -> None:
    """Fetch the Java archives of the Kafka broker and of Spark's connector, and archive Spark's classes, once.

    Example: churn setup
    """
    from churn import jars, java
    from streaming import class_recording

    home = java.java_home(java.cache_dir())
    found = jars.ensure(jars.FOLDER, home / "bin" / "java", say)
    class_recording.ensure(found, home, say)
    say(f"Java: {home}. Jars: {found.kafka.parent}.")


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


for _command in (
    setup,
    log_commands.train,
    log_commands.evaluate,
    log_commands.bootstrap,
    program_commands.stream,
    program_commands.publish,
    program_commands.rebuild,
    program_commands.serve,
    program_commands.deliver,
    backup_commands.backup,
    backup_commands.restore,
    log_commands.replay,
    log_commands.simulate,
    doctor,
    program_commands.demo,
):
    app.command()(_command)
app.add_typer(model_commands.app, name="models")
app.add_typer(key_commands.app, name="keys")
app.add_typer(letter_commands.app, name="dead-letters")


if __name__ == "__main__":
    main()
