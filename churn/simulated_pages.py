"""Where a simulated listener goes next: the pages, and a Markov chain over them for each plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import accumulate

SONG = "NextSong"

REQUEST: Mapping[str, tuple[str, int]] = {
    "About": ("GET", 200),
    "Add Friend": ("PUT", 307),
    "Add to Playlist": ("PUT", 200),
    "Cancel": ("PUT", 307),
    "Cancellation Confirmation": ("GET", 200),
    "Downgrade": ("GET", 200),
    "Error": ("GET", 404),
    "Help": ("GET", 200),
    "Home": ("GET", 200),
    "Login": ("PUT", 307),
    "Logout": ("PUT", 307),
    SONG: ("PUT", 200),
    "Register": ("GET", 200),
    "Roll Advert": ("GET", 200),
    "Save Settings": ("PUT", 307),
    "Settings": ("GET", 200),
    "Submit Downgrade": ("PUT", 307),
    "Submit Registration": ("PUT", 307),
    "Submit Upgrade": ("PUT", 307),
    "Thumbs Down": ("PUT", 307),
    "Thumbs Up": ("PUT", 307),
    "Upgrade": ("GET", 200),
}
"""Method and status of each page, as a Sparkify log has them."""

CANCEL_CHANCE: Mapping[str, float] = {
    "Settings": 0.0030,
    "Thumbs Down": 0.0036,
    "Roll Advert": 0.0011,
    "Downgrade": 0.0056,
}
"""The only pages from which people cancel, and the chance at each, to be multiplied by touchiness and mood."""

IRRITATES: Mapping[str, float] = {"Roll Advert": 0.35, "Thumbs Down": 1.0, "Error": 2.0}
"""What a page adds to a listener's irritation."""

PLAN_AFTER: Mapping[str, str] = {"Submit Upgrade": "paid", "Submit Downgrade": "free"}
"""The plan from the event after this page on."""

Moves = Mapping[str, Mapping[str, float]]
Row = tuple[tuple[float, ...], tuple[str, ...]]
"""Cumulative chances, ending in 1, and the pages they belong to."""
Chain = Mapping[str, Row]

# Chances of the next page; what is missing to 1 is the next song.
_BOTH: Moves = {
    SONG: {
        "Thumbs Up": 0.0530,
        "Add to Playlist": 0.0245,
        "Thumbs Down": 0.0115,
        "Home": 0.0205,
        "Add Friend": 0.0100,
        "Help": 0.0048,
        "Settings": 0.0047,
        "About": 0.0023,
        "Error": 0.0012,
    },
    "Thumbs Up": {"Add to Playlist": 0.06},
    "Thumbs Down": {"Help": 0.02},
    "Add to Playlist": {"Thumbs Up": 0.015},
    "Add Friend": {"Add Friend": 0.30, "Home": 0.04, "Settings": 0.015},
    "Home": {"Add Friend": 0.045, "Settings": 0.020, "Logout": 0.009, "Help": 0.002, "Error": 0.001},
    "Help": {"Home": 0.14, "Help": 0.06, "Add Friend": 0.05, "Settings": 0.02},
    "Settings": {"Save Settings": 0.20, "Home": 0.06, "Settings": 0.06, "Help": 0.045, "Error": 0.002},
    "Save Settings": {"Home": 0.88, "Settings": 0.12},
    "About": {"Home": 0.20, "About": 0.06, "Add Friend": 0.05},
    "Error": {"Home": 0.20, "Logout": 0.02},
    "Logout": {"Home": 1.0},
    "Submit Upgrade": {"Home": 1.0},
    "Submit Downgrade": {"Home": 1.0},
}
_FREE: Moves = {
    SONG: {"Roll Advert": 0.077, "Logout": 0.0175, "Upgrade": 0.0084},
    "Thumbs Up": {"Upgrade": 0.010},
    "Add to Playlist": {"Upgrade": 0.015},
    "Home": {"Upgrade": 0.006},
    "Roll Advert": {"Roll Advert": 0.03, "Logout": 0.007},
    "Upgrade": {"Submit Upgrade": 0.27, "Home": 0.10, "Upgrade": 0.07, "Add Friend": 0.05},
}
_PAID: Moves = {
    SONG: {"Logout": 0.0100, "Downgrade": 0.0098},
    "Thumbs Down": {"Downgrade": 0.012, "Logout": 0.03},
    "Home": {"Downgrade": 0.005},
    "Downgrade": {"Submit Downgrade": 0.040, "Home": 0.11, "Logout": 0.10, "Downgrade": 0.07},
}
_PLANS: Mapping[str, Moves] = {"free": _FREE, "paid": _PAID}


def chain(level: str, tastes: Mapping[str, float]) -> Chain:
    """The chain of a listener on a plan.

    Args:
        level: `free` or `paid`.
        tastes: by page, how much more often than others this kind of listener goes there.
    """
    plan = _PLANS[level]
    return {page: _row(_BOTH.get(page, {}), plan.get(page, {}), tastes) for page in {**_BOTH, **plan}}


def row(pages: Iterable[str], chances: Iterable[float]) -> Row:
    """A row for :func:`bisect.bisect` with a number below 1."""
    *cumulative, _ = accumulate(chances)
    return (*cumulative, 1.0), tuple(pages)


def _row(both: Mapping[str, float], plan: Mapping[str, float], tastes: Mapping[str, float]) -> Row:
    moves = {page: chance * tastes.get(page, 1.0) for page, chance in {**both, **plan}.items()}
    moves[SONG] = 1.0 - sum(moves.values())
    return row(moves, moves.values())
