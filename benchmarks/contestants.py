"""Who is measured: the product in both modes, parts of it, and what a user would write or take instead."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from churn.settings import PROJECT

_OURS = (sys.executable, "-m", "churn.cli")
GROUP = "{group}"
"""In a command: a name that no other run has."""
_HERE = (sys.executable, "-m")


@dataclass(frozen=True)
class Contestant:
    """Programs that together bring events to readable scores.

    Attributes:
        name: as it stands in the results.
        programs: the command of each, by a name for its log; the first is the one that is killed for recovery.
        env: settings, as variables.
    """

    name: str
    programs: Mapping[str, tuple[str, ...]]
    env: Mapping[str, str] = field(default_factory=dict)


def product(mode: str) -> Contestant:
    """`churn stream` and `churn publish`, in one mode."""
    programs = {"stream": (*_OURS, "stream"), "publish": (*_OURS, "publish")}
    return Contestant(mode, programs, {"CHURN_STREAM__MODE": mode})


def part(name: str, what: str) -> Contestant:
    """A part of the stream, alone."""
    programs = {"stream": (*_HERE, "benchmarks.partial_stream", what), "publish": (*_OURS, "publish")}
    return Contestant(name, programs, {"CHURN_STREAM__MODE": "microbatch"})


def plain(name: str, *options: str) -> Contestant:
    """What a user would write instead (docs/peers.md)."""
    return Contestant(name, {name: (*_HERE, "benchmarks.peers.plain_consumer", *options)})


def quix(tuned: str, *options: str) -> Contestant:
    """Quix Streams, from an environment of its own: it asks for other versions than the program has."""
    python = str(PROJECT / ".venv-bench" / "bin" / "python")
    command = (python, "-m", "benchmarks.peers.quix", "--tuned", tuned, "--group", GROUP, *options)
    return Contestant("quix", {"quix": command})


LIVE = (
    product("realtime"),
    product("microbatch"),
    plain("plain_consumer"),
    plain("plain_consumer_durable", "--durable"),
    quix("latency"),
)
"""Measured for latency."""

BACKLOG = (
    product("microbatch"),
    part("microbatch_without_dedupe", "without-dedupe"),
    part("parse_only", "parse-only"),
    product("realtime"),
    # Two processes, one for each core and partition, are their best.
    plain("plain_consumer", "--processes", "2"),
    plain("plain_consumer_durable", "--durable", "--processes", "2"),
    quix("throughput", "--processes", "2"),
)
"""Measured for throughput."""
