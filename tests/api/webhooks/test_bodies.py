"""What a chat channel shows: no more than was meant."""

from __future__ import annotations

import json
from typing import Any

import pytest

from api.webhooks.bodies import body


def slack(user_id: str) -> dict[str, Any]:
    data = {"summary": f"User {user_id}, high.", "reasons": [{"words": f"of {user_id}"}, {"words": "adverts"}]}
    return dict(json.loads(body("slack", "alert.raised", 0, data)))


def test_slack_is_shown_the_summary_and_the_reasons_verbatim() -> None:
    assert slack("7") == {
        "text": "User 7, high.",
        "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": "User 7, high.", "verbatim": True}},
            {"type": "section", "text": {"type": "mrkdwn", "text": "• of 7\n• adverts", "verbatim": True}},
            {"type": "context", "elements": [{"type": "mrkdwn", "text": "`alert.raised`", "verbatim": True}]},
        ],
    }


@pytest.mark.parametrize("sign", ["\n", "\r", "\t", "\x00", "\x1b", "\x85", "\u2028", "\u2029", "\u202e", "\u200b"])
def test_a_user_id_makes_no_lines_of_its_own(sign: str) -> None:
    told = slack(f"7{sign}• all is well")
    assert told["text"] == told["blocks"][0]["text"]["text"] == "User 7 • all is well, high."
    assert told["blocks"][1]["text"]["text"] == "• of 7 • all is well\n• adverts"


@pytest.mark.parametrize("user_id", ["<!channel>", "<https://bad.example|here>", "<@U1>", "&lt;!here&gt;"])
def test_a_user_id_makes_no_links_and_mentions(user_id: str) -> None:
    told = slack(user_id)
    assert "<" not in told["text"] + told["blocks"][1]["text"]["text"]
    assert user_id == told["text"][5:-7].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
