"""The alert policy in words: what holds now, and what can be changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from api.alert_answers import percent
from api.context import Context
from api.policies import PolicyNow, policy_now
from churn.settings import DAY_MS


@dataclass(frozen=True)
class Field:
    """One member of the policy in the form.

    Attributes:
        name: of the member.
        label: what it is.
        kind: of the input.
        unit: of the value.
        value: what was chosen here, as the input shows it; empty for nothing.
        otherwise: what holds where nothing is chosen, in words.
        most: the largest value; empty for one that has none.
    """

    name: str
    label: str
    kind: str
    unit: str
    value: str
    otherwise: str
    most: str = ""


@dataclass(frozen=True)
class PolicyWords:
    """What a page tells of the policy.

    Attributes:
        known: whether publish has ever said by what it decides.
        sentences: what holds now.
        state: `applied`, `waits` or `refused`.
        told: that in words.
        chosen: what is other than in the settings, in words.
        fields: of the form.
        high: risk from which the high band begins now.
    """

    known: bool
    sentences: list[str]
    state: str
    told: str
    chosen: list[str]
    fields: list[Field]
    high: float


_LABELS = (
    ("high", "High band from a risk of", "number", "%"),
    ("medium", "Medium band from a risk of", "number", "%"),
    ("exit_ratio", "A band is left below", "number", "% of its start"),
    ("cool_down_days", "Between two alerts about one user", "number", "days"),
    ("rise", "Alert when the risk grows by", "number", "points"),
    ("rise_days", "Within", "number", "days"),
    ("quiet_from", "Quiet from", "time", ""),
    ("quiet_until", "Quiet until", "time", ""),
    ("quiet_zone", "Time zone of the two", "text", ""),
)
SHARES = ("high", "medium", "exit_ratio", "rise")
"""Members that people read in per cent."""
_MOST = {
    "high": "99.9",
    "medium": "99.9",
    "exit_ratio": "100",
    "rise": "99",
    "cool_down_days": "366",
    "rise_days": "60",
}


def policy_words(context: Context) -> PolicyWords:
    """The policy as it is now.

    Raises:
        redis.RedisError: Redis does not serve.
    """
    now = policy_now(context)
    held = context.view.policy("")
    known = context.view.horizon_days() is not None
    sentences = _sentences(now, held.exit_ratio, held.rise_ms / DAY_MS) if known else []
    state = "refused" if now.refused else "applied" if now.applied or not now.changes else "waits"
    settings = context.settings.policy.model_dump()
    return PolicyWords(
        known=known,
        sentences=sentences,
        state=state,
        told=_state(now, state),
        chosen=[f"{_label(name)} {_said(name, value)}" for name, value in now.changes.items()],
        fields=[_field(*row, now.changes, settings) for row in _LABELS],
        high=now.high,
    )


def _sentences(now: PolicyNow, exit_ratio: float, rise_days: float) -> list[str]:
    quiet = now.policy
    return [
        f"A user enters the high band at {share(now.high)} risk, and leaves it below "
        f"{share(now.high_left_below)}.",
        f"The medium band begins at {share(now.medium)}, and is left below {share(now.medium_left_below)}: "
        f"{share(exit_ratio)} of where it begins.",
        "Entering the high band raises an alert"
        + (f", at most one about a user in {_days(now.cool_down_days)} of event time." if now.cool_down_days else "."),
        f"A risk that grows by {points(now.rise)} within {_days(rise_days)} raises one in any band."
        if now.rise
        else "A rise of the risk by itself raises none.",
        f"From {quiet['quiet_from']} to {quiet['quiet_until']} ({quiet['quiet_zone']}) alerts wait until that is over."
        if quiet["quiet_from"]
        else "There are no quiet hours.",
    ]  # fmt: skip


def _state(now: PolicyNow, state: str) -> str:
    if state == "refused":
        return f"Publish does not take what was chosen here: {now.refused} Change it, or go back to the settings."
    if state == "waits":
        return "It was changed here; publish takes it over within two seconds, if it runs."
    if now.changes:
        return "Publish decides by it, with what was chosen here."
    return "Publish decides by it; it is that of the settings and of the model's card."


def _field(
    name: str, label: str, kind: str, unit: str, changes: Mapping[str, Any], settings: Mapping[str, Any]
) -> Field:
    otherwise = settings[name]
    if otherwise is None:
        words = "the model's card says where" if name in ("high", "medium") else "none by the settings"
    else:
        words = f"{_said(name, otherwise)} by the settings"
    chosen = changes.get(name)
    shown = "" if chosen is None else _number(chosen * 100) if name in SHARES else _number(chosen)
    return Field(name, label, kind, unit, shown, words, _MOST.get(name, ""))


def _label(name: str) -> str:
    """Of a member; one that this release does not know by its name."""
    return next((label for each, label, *_ in _LABELS if each == name), name).lower()


def _said(name: str, value: Any) -> str:
    if name == "rise":
        return points(float(value))
    if name in SHARES:
        return share(float(value))
    return _days(float(value)) if name.endswith("_days") else str(value)


def _number(value: Any) -> str:
    return f"{value:.10g}" if isinstance(value, (int, float)) else str(value)


def _days(days: float) -> str:
    return "1 day" if days == 1 else f"{days:g} days"


def points(rise: float) -> str:
    """A growth of the risk in points of a hundred, with all the digits that it has.

    >>> [points(each) for each in (0.01, 0.125, 0.004, 0.29)]
    ['1 point', '12.5 points', '0.4 points', '29 points']
    """
    shown = f"{rise * 100:.10g}"
    return f"{shown} point{'' if shown == '1' else 's'}"


def share(value: float) -> str:
    """A share in per cent, of one digit where it has one: 50 %, 47.1 %."""
    return percent(value, 0 if abs(value * 100 - round(value * 100)) < 0.05 else 1)
