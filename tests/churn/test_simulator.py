from __future__ import annotations

import json
import os
import subprocess
import sys
from bisect import bisect_left
from collections import Counter, defaultdict
from itertools import islice, pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churn import events, simulated_likeness
from churn.errors import ChurnError
from churn.settings import DAY_MS
from churn.simulator import Simulation

START_MS = 1_538_352_000_000  # a Monday, 00:00 UTC
DAYS = 61
DAYS_OF_FEW = 21

# Nine seeds of 400 listeners reached 0.092 for the worst total and 0.064 for the median one; this seed 0.076 and 0.041.
# The room is for a platform whose logarithms differ in the last digit, which is as good as another seed.
WORST_DISTANCE = 0.11
MEDIAN_DISTANCE = 0.07

ALWAYS = {
    "ts": int,
    "userId": str,
    "sessionId": int,
    "page": str,
    "auth": str,
    "method": str,
    "status": int,
    "level": str,
    "itemInSession": int,
}
NAMED = {"location": str, "userAgent": str, "lastName": str, "firstName": str, "registration": int, "gender": str}
SONG = {"artist": str, "song": str, "length": float}

REQUESTS = {
    ("PUT", 200): {"NextSong", "Add to Playlist"},
    ("GET", 200): {"About", "Cancellation Confirmation", "Downgrade", "Help", "Home", "Register", "Roll Advert"}
    | {"Settings", "Upgrade"},
    ("GET", 404): {"Error"},
}

few = st.integers(1, 6)
seeds = st.integers(0, 2**40)

Event = dict[str, Any]
Log = list[Event]


def lines(simulation: Simulation) -> list[str]:
    return [json.dumps(event, separators=(",", ":")) for event in simulation.events()]


def few_people(users: int, seed: int, days: int = DAYS_OF_FEW) -> Simulation:
    return Simulation(users, START_MS, START_MS + days * DAY_MS, seed)


def by_user(log: Log) -> list[Log]:
    users: dict[str, Log] = defaultdict(list)
    for event in log:
        if event["userId"]:
            users[event["userId"]].append(event)
    return list(users.values())


@pytest.fixture(scope="module")
def log() -> Log:
    return list(Simulation(400, START_MS, START_MS + DAYS * DAY_MS).events())


@pytest.fixture(scope="module")
def listeners(log: Log) -> list[Log]:
    return by_user(log)


@settings(max_examples=8, deadline=None)
@given(few, seeds)
def test_same_seed_same_bytes_however_many_are_taken_at_once(users: int, seed: int) -> None:
    whole = lines(few_people(users, seed))
    taken = few_people(users, seed).events()
    first = [json.dumps(event, separators=(",", ":")) for event in islice(taken, len(whole) // 3)]
    rest = [json.dumps(event, separators=(",", ":")) for event in taken]
    assert first + rest == whole


def test_hash_randomisation_does_not_matter() -> None:
    program = (
        "import hashlib, json; from churn.simulator import Simulation; "
        f"log = Simulation(8, {START_MS}, {START_MS + 20 * DAY_MS}).events(); "
        "print(hashlib.sha256('\\n'.join(map(json.dumps, log)).encode()).hexdigest())"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1


def test_another_seed_gives_other_events() -> None:
    assert lines(few_people(3, 1)) != lines(few_people(3, 2))


@settings(max_examples=8, deadline=None)
@given(few, seeds)
def test_a_smaller_population_is_part_of_a_larger_one(users: int, seed: int) -> None:
    smaller, larger = lines(few_people(users, seed)), lines(few_people(users + 1, seed))
    kept = Counter(larger)
    kept.subtract(smaller)
    added = {json.loads(line)["userId"] for line in kept.elements()}
    assert min(kept.values(), default=0) >= 0
    assert len(added - {""}) <= 1
    positions = iter(larger)
    assert all(line in positions for line in smaller)


@settings(max_examples=8, deadline=None)
@given(few, seeds, st.integers(1, DAYS_OF_FEW - 1))
def test_a_later_end_adds_events_and_changes_none(users: int, seed: int, days: int) -> None:
    shorter, longer = lines(few_people(users, seed, days)), lines(few_people(users, seed))
    assert longer[: len(shorter)] == shorter
    assert all(json.loads(line)["ts"] >= START_MS + days * DAY_MS for line in longer[len(shorter) :])


def test_an_end_far_ahead_costs_nothing_before_it_is_asked_for() -> None:
    ages = Simulation(20, START_MS, START_MS + 10_000 * DAY_MS)
    near = Simulation(20, START_MS, START_MS + 30 * DAY_MS)
    assert list(islice(ages.events(), 100)) == list(islice(near.events(), 100))


@settings(max_examples=8, deadline=None)
@given(few, seeds)
def test_events_are_in_order_and_of_a_user_one_at_a_time(users: int, seed: int) -> None:
    found: Log = [dict(event) for event in few_people(users, seed).events()]
    assert all(before["ts"] <= after["ts"] for before, after in pairwise(found))
    assert all(START_MS <= event["ts"] < START_MS + DAYS_OF_FEW * DAY_MS for event in found)
    for own in by_user(found):
        assert all(before["ts"] < after["ts"] for before, after in pairwise(own))


def test_keys_and_types_are_those_of_the_log(log: Log) -> None:
    for event in [*log[::7], *(event for event in log if not event["userId"])]:
        wanted = ALWAYS | (NAMED if event["userId"] else {}) | (SONG if event["page"] == "NextSong" else {})
        assert {key: type(value) for key, value in event.items()} == wanted


def test_every_event_is_valid(log: Log) -> None:
    for event in log[::50]:
        assert events.decode(events.encode(event), event["ts"]).ts == event["ts"]


def test_method_and_status_follow_from_the_page(log: Log) -> None:
    for event in log:
        pages = REQUESTS.get((event["method"], event["status"]))
        known = any(event["page"] in others for others in REQUESTS.values())
        assert event["page"] in pages if pages else (event["method"], event["status"]) == ("PUT", 307) and not known


def test_an_event_is_known_by_user_session_and_item(log: Log) -> None:
    named = [(event["userId"], event["sessionId"], event["itemInSession"]) for event in log if event["userId"]]
    assert len(set(named)) == len(named)


def test_people_stay_who_they_are(listeners: list[Log]) -> None:
    for own in listeners:
        assert len({tuple(event[key] for key in NAMED) for event in own[::5]}) == 1


def test_people_cancel_from_four_pages_only_and_are_gone(listeners: list[Log]) -> None:
    cancelled = 0
    for own in listeners:
        pages = [event["page"] for event in own]
        for at, page in enumerate(pages):
            if page == "Cancel":
                assert pages[at - 1] in {"Settings", "Thumbs Down", "Roll Advert", "Downgrade"}
                assert pages[at + 1 :] in (["Cancellation Confirmation"], [])
            if page == "Cancellation Confirmation":
                assert (pages[at - 1], own[at]["auth"], at) == ("Cancel", "Cancelled", len(pages) - 1)
                assert 1_000 <= own[at]["ts"] - own[at - 1]["ts"] <= 300_000
                cancelled += 1
    assert cancelled > 50


def test_who_cancelled_does_not_come_back_even_logged_out() -> None:
    """One listener at a time, because logged-out rows do not say whose they are."""
    alone = (list(Simulation(1, START_MS, START_MS + 200 * DAY_MS, seed).events()) for seed in range(8))
    cancelled = [log for log in alone if any(event["page"] == "Cancellation Confirmation" for event in log)]
    assert cancelled
    assert all(log[-1]["page"] == "Cancellation Confirmation" for log in cancelled)


def test_adverts_are_for_free_listeners_only(log: Log) -> None:
    adverts = Counter(event["level"] for event in log if event["page"] == "Roll Advert")
    assert set(adverts) == {"free"}


def test_the_plan_changes_by_submitting_and_only_so(listeners: list[Log]) -> None:
    after = {"Submit Upgrade": "paid", "Submit Downgrade": "free"}
    changes: Counter[str] = Counter()
    for own in listeners:
        for before, event in pairwise(own):
            assert event["level"] == after.get(before["page"], before["level"])
            changes[before["page"]] += before["level"] != event["level"]
    assert changes["Submit Upgrade"] > 100
    assert changes["Submit Downgrade"] > 30


def test_some_traffic_is_logged_out(log: Log) -> None:
    anonymous = [event for event in log if not event["userId"]]
    assert 0.02 < len(anonymous) / len(log) < 0.05
    assert {event["auth"] for event in anonymous} == {"Logged Out", "Guest"}
    allowed = {"Home", "Login", "About", "Help", "Error", "Register", "Submit Registration"}
    assert {event["page"] for event in anonymous} <= allowed


def test_new_people_register_during_the_time(log: Log, listeners: list[Log]) -> None:
    arrivals = [own[0] for own in listeners if own[0]["registration"] >= START_MS]
    assert 4 <= len(arrivals) <= 40
    assert all(event["registration"] <= event["ts"] for event in arrivals)
    assert sum(event["page"] == "Submit Registration" for event in log) == len(arrivals)


def test_days_and_weeks_have_a_rhythm(log: Log) -> None:
    hours = Counter(event["ts"] // 3_600_000 % 24 for event in log)
    days = Counter((event["ts"] - START_MS) // DAY_MS % 7 for event in log)
    assert hours.most_common(1)[0][0] in range(14, 20)
    assert max(hours.values()) > 1.5 * min(hours.values())
    weekend, week = (days[5] + days[6]) / 2, sum(days[day] for day in range(5)) / 5
    assert 0.5 < weekend / week < 0.85


def test_totals_are_like_those_of_the_real_log(log: Log) -> None:
    found = simulated_likeness.distances(simulated_likeness.totals(log), simulated_likeness.load())
    by_total = sorted(found[total] for total in simulated_likeness.TOTALS)
    assert max(found.values()) <= WORST_DISTANCE, found
    assert by_total[len(by_total) // 2] <= MEDIAN_DISTANCE, found


def test_gaps_grow_before_people_leave_in_silence(listeners: list[Log]) -> None:
    longer = []
    end_ms = START_MS + DAYS * DAY_MS
    for own in listeners:
        gaps = [b["ts"] - a["ts"] for a, b in pairwise(own) if a["sessionId"] != b["sessionId"]]
        if own[-1]["page"] != "Cancellation Confirmation" and end_ms - own[-1]["ts"] > 14 * DAY_MS and len(gaps) > 5:
            longer.append(sum(gaps[-2:]) / 2 > sum(gaps[:-2]) / len(gaps[:-2]))
    assert len(longer) > 15
    assert sum(longer) / len(longer) > 0.5


def test_irritation_raises_the_chance_to_cancel(listeners: list[Log]) -> None:
    """Of all pages from which people cancel, more end so where much annoyed before than where little did."""
    irritating = {"Roll Advert", "Thumbs Down", "Error"}
    chances: dict[str, list[tuple[int, bool]]] = defaultdict(list)
    for own in listeners:
        annoyed = [event["ts"] for event in own if event["page"] in irritating]
        for event, after in pairwise(own):
            if event["page"] in {"Settings", "Thumbs Down", "Roll Advert", "Downgrade"}:
                lately = bisect_left(annoyed, event["ts"]) - bisect_left(annoyed, event["ts"] - 5 * DAY_MS)
                chances[event["page"]].append((lately, after["page"] == "Cancel"))
    calm = upset = 0
    for found in chances.values():
        found.sort()
        calm += sum(cancels for _, cancels in found[: len(found) // 2])
        upset += sum(cancels for _, cancels in found[len(found) // 2 :])
    assert upset > 1.3 * calm, (upset, calm)


@pytest.mark.parametrize(("users", "end_ms"), [(0, START_MS + 1), (1, START_MS)])
def test_a_simulation_of_nobody_or_of_no_time_is_refused(users: int, end_ms: int) -> None:
    with pytest.raises(ChurnError, match="at least one listener"):
        Simulation(users, START_MS, end_ms)


def test_the_distance_of_the_real_log_to_itself_is_nothing() -> None:
    names = (*simulated_likeness.TOTALS, *simulated_likeness.SHARES)
    users = [dict.fromkeys(names, float(number % 2)) for number in range(100)]
    real = simulated_likeness.table({name: [user[name] for user in users] for name in names})
    assert set(simulated_likeness.distances(users, real).values()) == {0.0}
    shifted = [dict.fromkeys(names, 1.0) for _ in users]
    assert set(simulated_likeness.distances(shifted, real).values()) == {0.5}
