"""Who is measured: the product in both modes, parts of it, and what a user would write or take instead."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

_OURS = (sys.executable, "-m", "churn.cli")
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


def peer(name: str, module: str, *options: str) -> Contestant:
    """Another program that does the same."""
    return Contestant(name, {name: (*_HERE, f"benchmarks.peers.{module}", *options)})


LIVE = (
    product("realtime"),
    product("microbatch"),
    peer("plain_consumer", "plain_consumer"),
    peer("plain_consumer_durable", "plain_consumer", "--durable"),
    peer("quix", "quix", "--tuned", "latency"),
)
"""Measured for latency."""

BACKLOG = (
    product("microbatch"),
    part("microbatch_without_dedupe", "without-dedupe"),
    part("parse_only", "parse-only"),
    product("realtime"),
    peer("plain_consumer", "plain_consumer"),
    peer("plain_consumer_durable", "plain_consumer", "--durable"),
    peer("quix", "quix", "--tuned", "throughput"),
)
"""Measured for throughput."""
