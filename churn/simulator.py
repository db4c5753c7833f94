"""People who listen, get annoyed and leave, as Sparkify log lines: history, live traffic and test data.

Every listener has a random stream of their own, so that the first N of a larger population do exactly what
a population of N does, and events come out one by one, so that memory is bounded by the number of listeners.
"""

from __future__ import annotations

import heapq
import math
from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from churn import simulated_people as people
from churn.errors import ChurnError
from churn.settings import DAY_MS
from churn.simulated_pages import CANCEL_CHANCE, IRRITATES, PLAN_AFTER, REQUEST, SONG

HOUR_MS = 3_600_000

# How likely a session begins in an hour (UTC) and on a weekday (from Monday), relative to the busiest.
_HOURS = (38, 38, 34, 32, 34, 33, 33, 36, 40, 45, 50, 55, 68, 85, 97, 100, 80, 66, 55, 44, 40, 39, 39, 38)
_DAYS = (88, 97, 100, 98, 100, 62, 58)
_RHYTHM = tuple(day * hour / 10_000 for day in _DAYS for hour in _HOURS)
_MEAN_RHYTHM = sum(_RHYTHM) / len(_RHYTHM)

_FREE_SHARE = 0.40  # songs in a session on the free plan, relative to the paid one
_CALM_DAYS = 5.0  # irritation falls by a factor e in this time
_CALM_CHANCE, _IRRITATED_CHANCE = 0.60, 0.37  # the chance to cancel is this much, and this much more per irritation
_FADE = 1.6  # each gap of a listener who loses interest is longer than the last by this
_RECOVERY = 0.12  # chance, at each session, that interest comes back
_RETURN = 0.65  # share of log-outs that are followed by a log-in in the same session
_SIGN_IN = 0.35  # share of sessions that begin at the log-in page

_ANONYMOUS = frozenset(("ts", "userId", "sessionId", "page", "auth", "method", "status", "level", "itemInSession"))

Tagged = tuple[int, int, dict[str, object]]
"""`ts`, index of the listener, event: the first two are never the same twice."""


@dataclass(frozen=True)
class Simulation:
    """A population over a time.

    Attributes:
        users: how many listeners, those included who register during the time.
        start_ms: first moment, ms since 1970, UTC.
        end_ms: the moment before which the last event lies; it may lie far ahead, since nothing is made
            before it is asked for. A later end adds events and changes none.
        seed: same seed, same events.

    Raises:
        ChurnError: there are no listeners, or there is no time.
    """

    users: int
    start_ms: int
    end_ms: int
    seed: int = 7

    def __post_init__(self) -> None:
        if self.users < 1 or self.end_ms <= self.start_ms:
            raise ChurnError(
                "A simulation needs at least one listener and an end after its start.",
                "Give a positive number of users and a later end.",
            )

    def events(self) -> Iterator[dict[str, object]]:
        """Every event of every listener by `ts`, and those of one moment by listener."""
        lives = (_Life(index, self).events() for index in range(self.users))
        return (tagged[2] for tagged in heapq.merge(*lives))


class _Life:
    """One listener from the start to the end, or until they cancel."""

    def __init__(self, index: int, simulation: Simulation) -> None:
        # Text is hashed by SHA-512 here, numbers would need mixing by hand.
        self._rng = Random(f"{simulation.seed}/{index}")  # noqa: S311 (a simulation, not a secret)
        self._person = people.draw(index, simulation.start_ms, self._rng)
        self._index = index
        self._start_ms, self._end_ms = simulation.start_ms, simulation.end_ms
        self._songs = people.songs()
        self._level = self._person.level
        self._session = self._rng.randrange(1, 2000)
        self._item = 0
        self._now_ms = max(self._start_ms, self._person.registration_ms)
        self._song_ends_ms = 0
        self._irritation, self._irritated_ms = 0.0, self._now_ms
        self._gap_factor = 1.0
        self._cancelled = False

    def events(self) -> Iterator[Tagged]:
        for tagged in self._whole_life():
            if tagged[0] >= self._end_ms:
                return
            yield tagged

    def _whole_life(self) -> Iterator[Tagged]:
        if self._person.arrives:
            yield from self._register()
            yield from self._listen("Home")
        while not self._cancelled:
            if not self._rest():
                return
            if self._rng.random() < _SIGN_IN:
                yield from self._log_in()
                yield from self._listen("Home")
            else:
                yield from self._listen(SONG if self._rng.random() < 0.9 else "Home")

    def _rest(self) -> bool:
        """Moves to the beginning of the next session; False if that lies beyond the end."""
        rng, before_ms = self._rng, self._now_ms
        mean_ms = self._person.gap_days * self._gap_factor * DAY_MS * _MEAN_RHYTHM
        at_ms = before_ms + 60_000.0
        while True:  # thinning: candidates at the busiest hour's rate, kept by the rhythm
            at_ms -= math.log(1.0 - rng.random()) * mean_ms
            if at_ms >= self._end_ms:
                return False
            # The epoch was a Thursday.
            if rng.random() < _RHYTHM[(int(at_ms // HOUR_MS) + 72) % 168]:
                break
        self._now_ms = int(at_ms) // 1000 * 1000
        self._lose_interest((self._now_ms - before_ms) / DAY_MS)
        self._session += 1
        self._item = 0
        return True

    def _lose_interest(self, days: float) -> None:
        if self._gap_factor > 1.0:
            self._gap_factor = 1.0 if self._rng.random() < _RECOVERY else self._gap_factor * _FADE
        elif self._rng.random() < 1.0 - math.exp(-self._person.temperament.fades_per_day * days):
            self._gap_factor = _FADE

    def _register(self) -> Iterator[Tagged]:
        pages = ("Home", "Register", "Help", "Submit Registration")
        for page in pages if self._rng.random() < 0.2 else (pages[0], pages[1], pages[3]):
            yield self._anonymous(page, "Guest")
            self._pause(30.0)

    def _log_in(self) -> Iterator[Tagged]:
        auth = "Logged Out"
        yield self._anonymous("Home", auth)
        self._pause(5.0)
        for page, chance in (("Help", 0.08), ("About", 0.13), ("Home", 0.25), ("Error", 0.003)):
            if self._rng.random() < chance:
                yield self._anonymous(page, auth)
                self._pause(10.0)
        yield self._anonymous("Login", auth)
        self._pause(5.0)

    def _listen(self, page: str) -> Iterator[Tagged]:
        """One session from its first page on, until its songs are heard, or a log-out, or a cancellation."""
        rng, chains = self._rng, self._person.chains
        songs_left = self._songs_to_hear()
        self._song_ends_ms = self._now_ms
        while not self._cancelled:
            if page == SONG:
                if not songs_left:
                    return
                songs_left -= 1
                yield self._song()
            else:
                yield self._page(page)
                if page == "Logout" and rng.random() >= _RETURN:
                    return
                yield from self._consequences(page)
            chances, pages = chains[self._level][page]
            page = pages[bisect(chances, rng.random())]

    def _songs_to_hear(self) -> int:
        mean = self._person.songs * (1.0 if self._level == "paid" else _FREE_SHARE)
        return int(self._rng.expovariate(1.0 / mean)) + 1

    def _consequences(self, page: str) -> Iterator[Tagged]:
        """What a page does to the listener: their mood, their plan, and whether they stay."""
        if page in IRRITATES:
            self._irritate(IRRITATES[page])
        if page in CANCEL_CHANCE and self._gives_up(page):
            yield from self._cancel()
        elif page == "Logout":
            yield from self._log_in()
        elif page in PLAN_AFTER:
            self._level = PLAN_AFTER[page]

    def _song(self) -> Tagged:
        artist, title, length = self._songs[int(people.SONGS * self._rng.random() ** 2)]
        self._now_ms = max(self._now_ms, self._song_ends_ms)
        event = self._event(SONG, "Logged In")
        event["artist"], event["song"], event["length"] = artist, title, length
        tagged = self._now_ms, self._index, event
        self._now_ms += 1000
        self._song_ends_ms = self._now_ms + int(length) * 1000
        return tagged

    def _page(self, page: str) -> Tagged:
        if page == "Roll Advert":  # adverts stand between songs
            self._now_ms = max(self._now_ms, self._song_ends_ms)
            self._song_ends_ms = self._now_ms + 30_000
        elif page == "Thumbs Down":
            self._song_ends_ms = min(self._song_ends_ms, self._now_ms + 60_000)
        tagged = self._now_ms, self._index, self._event(page, "Logged In")
        self._pause(20.0)
        return tagged

    def _pause(self, mean_s: float) -> None:
        self._now_ms += 1000 + int(-math.log(1.0 - self._rng.random()) * mean_s) * 1000

    def _irritate(self, amount: float) -> None:
        calmed = math.exp((self._irritated_ms - self._now_ms) / (_CALM_DAYS * DAY_MS))
        self._irritation, self._irritated_ms = self._irritation * calmed + amount, self._now_ms

    def _gives_up(self, page: str) -> bool:
        self._irritate(0.0)
        return self._rng.random() < (
            CANCEL_CHANCE[page]
            * self._person.temperament.touchiness
            * (_CALM_CHANCE + _IRRITATED_CHANCE * self._irritation)
        )

    def _cancel(self) -> Iterator[Tagged]:
        yield self._now_ms, self._index, self._event("Cancel", "Logged In")
        self._now_ms += 1000 * round(self._rng.lognormvariate(math.log(30.0), 0.5)) + 1000
        yield self._now_ms, self._index, self._event("Cancellation Confirmation", "Cancelled")
        self._cancelled = True

    def _event(self, page: str, auth: str) -> dict[str, object]:
        person, item = self._person, self._item
        self._item = item + 1
        method, status = REQUEST[page]
        return {
            "ts": self._now_ms,
            "userId": person.user_id,
            "sessionId": self._session,
            "page": page,
            "auth": auth,
            "method": method,
            "status": status,
            "level": self._level,
            "itemInSession": item,
            "location": person.location,
            "userAgent": person.user_agent,
            "lastName": person.last_name,
            "firstName": person.first_name,
            "registration": person.registration_ms,
            "gender": person.gender,
        }

    def _anonymous(self, page: str, auth: str) -> Tagged:
        named = self._event(page, auth)
        event = {key: value for key, value in named.items() if key in _ANONYMOUS}
        event["userId"] = ""
        return self._now_ms, self._index, event
