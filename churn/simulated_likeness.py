"""How near simulated listeners come to real ones: totals per user, held against quantiles of the real log."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from churn.settings import DAY_MS

LEVELS = (0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95, 0.99)
TABLE = Path(__file__).with_name("simulator_quantiles.json")

PAGES: Mapping[str, str] = {
    "next_song_count": "NextSong",
    "thumbs_up_count": "Thumbs Up",
    "thumbs_down_count": "Thumbs Down",
    "add_playlist_count": "Add to Playlist",
    "add_friend_count": "Add Friend",
    "home_count": "Home",
    "advert_count": "Roll Advert",
    "error_count": "Error",
    "help_count": "Help",
    "settings_count": "Settings",
    "about_count": "About",
    "upgrade_count": "Upgrade",
    "downgrade_count": "Downgrade",
    "submit_downgrade_count": "Submit Downgrade",
}
TOTALS = (*PAGES, "session_count", "avg_songs_session", "sum_session_length_hours", "tenure_days")
SHARES = ("churn", "paid", "submit_upgrade")
"""Of users: who cancelled, who ever paid, who ever upgraded."""

_HOUR_MS = 3_600_000


@dataclass
class _Tally:
    pages: Counter[str] = field(default_factory=Counter)
    sessions: dict[int, tuple[int, int]] = field(default_factory=dict)
    paid: bool = False

    def add(self, event: Mapping[str, Any]) -> None:
        ts, session = event["ts"], event["sessionId"]
        self.pages[event["page"]] += 1
        self.sessions[session] = (self.sessions.get(session, (ts, ts))[0], ts)
        self.paid = self.paid or event["level"] == "paid"

    def totals(self) -> dict[str, float]:
        begins, ends = zip(*self.sessions.values(), strict=True)
        return {
            **{total: float(self.pages[page]) for total, page in PAGES.items()},
            "session_count": float(len(self.sessions)),
            "avg_songs_session": self.pages["NextSong"] / len(self.sessions),
            "sum_session_length_hours": (sum(ends) - sum(begins)) / _HOUR_MS,
            "tenure_days": (max(ends) - min(begins)) / DAY_MS,
            "churn": float("Cancellation Confirmation" in self.pages),
            "paid": float(self.paid),
            "submit_upgrade": float("Submit Upgrade" in self.pages),
        }


def totals(events: Iterable[Mapping[str, Any]]) -> list[dict[str, float]]:
    """:data:`TOTALS` and :data:`SHARES` (0 or 1) of every user who has an event; `events` by `ts`.

    Logged-out rows are skipped. A session lasts from its first event to its last, and tenure is the time
    from a user's first event to the last, as in the real log's table.
    """
    tallies: dict[str, _Tally] = {}
    for event in events:
        if event["userId"]:
            tallies.setdefault(event["userId"], _Tally()).add(event)
    return [tally.totals() for tally in tallies.values()]


def table(columns: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """The table of quantiles: for each total, a few of its values and the share of users at or below each.

    Totals are mostly small whole numbers, where many users share one value, so the share at or below the
    median may be far above a half: it is stored, not the level it was found by.
    """
    return {
        "totals": {total: _quantiles(columns[total]) for total in TOTALS},
        "shares": {share: round(sum(columns[share]) / len(columns[share]), 4) for share in SHARES},
    }


def distances(users: Sequence[Mapping[str, float]], real: Mapping[str, Any]) -> dict[str, float]:
    """For each total, the largest difference of the two cumulative distributions at the table's values.

    That is a Kolmogorov-Smirnov distance, taken at those values only. For a share, the plain difference.
    """
    found = {total: _distance([user[total] for user in users], real["totals"][total]) for total in TOTALS}
    for share in SHARES:
        found[share] = abs(sum(user[share] for user in users) / len(users) - real["shares"][share])
    return found


def load(path: Path = TABLE) -> dict[str, Any]:
    """The table made from the real log."""
    return dict(json.loads(path.read_text()))


def _quantiles(column: Sequence[float]) -> list[list[float]]:
    ordered = sorted(column)
    values = sorted({ordered[int(level * (len(ordered) - 1))] for level in LEVELS})
    return [[round(value, 4), round(_at_or_below(ordered, value), 4)] for value in values]


def _distance(column: Sequence[float], real: Sequence[Sequence[float]]) -> float:
    ordered = sorted(column)
    return max(abs(_at_or_below(ordered, value) - share) for value, share in real)


def _at_or_below(ordered: Sequence[float], value: float) -> float:
    return bisect_right(ordered, value) / len(ordered)
