"""What is posted: the message of Standard Webhooks, or one that a chat channel shows."""

from __future__ import annotations

import unicodedata
from typing import Any

from pydantic_core import to_json

from api.times import rfc3339
from api.webhooks.endpoints import Format

_NOT_SHOWN = frozenset(("Cc", "Cf", "Zl", "Zp"))
"""Categories of Unicode: control characters, those that turn the direction of writing, ends of lines."""


def body(format_: Format, event_type: str, at_ms: int, data: dict[str, Any]) -> str:
    """The body of a message.

    Args:
        format_: of the endpoint.
        event_type: such as `alert.raised`.
        at_ms: when it happened, by the wall clock.
        data: of the message; `summary` in it is what a person reads.
    """
    if format_ == "slack":
        return to_json(_slack(event_type, data)).decode()
    return to_json({"type": event_type, "timestamp": rfc3339(at_ms), "data": data}).decode()


def _slack(event_type: str, data: dict[str, Any]) -> dict[str, Any]:
    """Slack's block kit; `text` is what notifications show."""
    text = _escaped(data["summary"])
    blocks: list[dict[str, Any]] = [{"type": "section", "text": _mrkdwn(text)}]
    reasons = [f"• {_escaped(reason['words'])}" for reason in data.get("reasons") or []][:5]
    if reasons:
        blocks.append({"type": "section", "text": _mrkdwn("\n".join(reasons))})
    blocks.append({"type": "context", "elements": [_mrkdwn(f"`{event_type}`")]})
    return {"text": text, "blocks": blocks}


def _mrkdwn(text: str) -> dict[str, Any]:
    """Verbatim: Slack makes no links and mentions of what only looks like one."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _escaped(text: str) -> str:
    """A user id comes from the log: it must not become a link, a mention of everybody, or lines of its own."""
    shown = "".join(" " if unicodedata.category(each) in _NOT_SHOWN else each for each in text)
    return shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
