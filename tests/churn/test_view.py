"""The real publish function on a real Valkey, against a plain model of what it promises."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import cast

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import churn.view
from churn.embedded import Valkey
from churn.errors import ChurnError
from churn.outcomes import AlertPolicy, Band, HeartbeatPolicy, Status
from churn.scores import FIELDS, Score
from churn.view import SCHEMA, Books, UserScore, Verdict, View, durability_problems
from churn.view_reader import ViewReader
from churn.view_records import POINTS_KEPT_DAYS

TOPIC = "churn.scores"
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
NOW_MS = 1_541_000_000_000
WALL_MS = 1_790_000_000_000
POLICY = AlertPolicy(
    medium=0.3, high=0.5, exit_ratio=0.85, cool_down_ms=7 * DAY_MS, outage_ms=6 * HOUR_MS, hold_ms=DAY_MS
)
NO_OUTAGE = replace(POLICY, outage_ms=1000 * DAY_MS)
HEARTBEATS = HeartbeatPolicy(DAY_MS, 7 * DAY_MS)
# A view is emptied at the start of each example, so that one server serves them all.
ON_A_SERVER = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

servers = pytest.mark.servers


def score(user_id: str = "7", version: int = 1, risk: float = 0.1, lapsing: bool = False, **changes: object) -> Score:
    record: dict[str, object] = {
        "user_id": user_id,
        "epoch": 1,
        "version": version,
        "as_of": NOW_MS,
        "last_event": NOW_MS,
        "events": version,
        "opened": 0,
        "heartbeats": 0,
        "level": "paid",
        "status": "active",
        "p_cancel": risk * (0.25 if lapsing else 0.75),
        "p_lapse": risk * (0.75 if lapsing else 0.25),
        "risk": risk,
        "features": {"songs_paid_3d": 0.1 + 0.2, "paid": 1.0},
        "model_version": "m1",
        "received_ms": NOW_MS + 3,
    }
    return Score(**(record | changes))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    with Valkey(Path(tmp_path_factory.mktemp("scores"))) as running:
        yield running


@pytest.fixture(scope="module")
def connected(server: Valkey) -> View:
    return View.connect(server.url)


@pytest.fixture
def view(connected: View) -> View:
    return emptied(connected)


def emptied(view: View) -> View:
    view.redis.flushdb()
    view.prepare(NO_OUTAGE, 14, HEARTBEATS)
    return view


def publish(view: View, *scores: Score, offset: int = 0, partition: int = 0) -> list[Verdict]:
    records = [(partition, offset + place, one) for place, one in enumerate(scores)]
    return view.publish(TOPIC, records, WALL_MS, {partition: (0, offset + len(scores))})


def dump(view: View) -> dict[str, object]:
    """Every key with its value."""
    read: dict[str, Callable[[str], object]] = {
        "string": view.redis.get,
        "hash": view.redis.hgetall,
        "zset": lambda key: view.redis.zrange(key, 0, -1, withscores=True),
        "list": lambda key: view.redis.lrange(key, 0, -1),
        "set": view.redis.smembers,
    }
    keys = cast("list[str]", view.redis.keys("*"))
    return {key: read[str(view.redis.type(key))](key) for key in keys}


def _order(view: View, key: str) -> dict[str, float]:
    return dict(cast("list[tuple[str, float]]", view.redis.zrange(key, 0, -1, withscores=True)))


# One record


@servers
def test_what_is_published_is_read_back_exactly(view: View) -> None:
    sent = score("ключ\n<b>", version=3, risk=1 / 3, last_event=None, received_ms=None)
    publish(view, sent)
    assert view.user("ключ\n<b>") == UserScore(sent, "medium", NOW_MS, WALL_MS)
    assert view.users(["nobody", "ключ\n<b>"])[0] is None
    assert view.clock() == NOW_MS
    assert view.rank("ключ\n<b>") == (1, 1)
    assert view.user_ids() == ["ключ\n<b>"]
    [point] = view.history("ключ\n<b>")
    assert (point.as_of, point.version, point.band) == (NOW_MS, 3, "medium")
    assert (point.p_cancel, point.p_lapse) == pytest.approx((sent.p_cancel, sent.p_lapse), rel=1e-8)
    assert point.risk == point.p_cancel + point.p_lapse


@servers
@pytest.mark.parametrize(
    ("second", "wins"),
    [
        ({"version": 6}, True),
        ({"version": 5}, False),
        ({"version": 4}, False),
        ({"version": 10}, True),  # numbers, not text
        ({"epoch": 2, "version": 1}, True),
        ({"epoch": 0, "version": 99}, False),
        ({"version": 5, "model_version": "m2"}, True),
        ({"version": 5, "model_version": "m0"}, False),
    ],
)
def test_epoch_and_version_only_grow(view: View, second: dict[str, object], wins: bool) -> None:
    first = score(version=5)
    publish(view, first)
    later = score(**({"version": 5, "risk": 0.7} | second))  # type: ignore[arg-type]
    publish(view, later, offset=1)
    held = view.user("7")
    assert held is not None
    assert held.score == (later if wins else first)
    assert view.position(TOPIC, 0) == 2


# Batches


def _story() -> list[Score]:
    quiet = [score(user, 1, 0.1) for user in ("7", "8", "9")]
    loud = [
        score("7", 2, 0.6, as_of=NOW_MS + HOUR_MS),
        score("8", 2, 0.4, as_of=NOW_MS + DAY_MS, heartbeats=1),
        score("9", 2, 0.9, as_of=NOW_MS + 2 * DAY_MS, status="cancelled"),
        score("7", 3, 0.2, as_of=NOW_MS + 3 * DAY_MS),
    ]
    return [*quiet, *loud]


@servers
def test_the_same_batch_twice_changes_nothing(view: View) -> None:
    assert publish(view, *_story()) == ["applied"] * 7
    before = dump(view)
    assert len(view.alerts(10)) == 1
    assert publish(view, *_story()) == ["passed"] * 7
    assert dump(view) == before


@servers
def test_the_same_records_at_a_lost_position_change_only_the_count_of_stale(view: View) -> None:
    publish(view, *_story())
    before, books = dump(view), view.books()
    view.redis.delete("churn:offsets")
    assert publish(view, *_story()) == ["stale"] * 7
    after = dump(view)
    assert view.books() == replace(books, stale=books.stale + 7)
    assert after.pop("churn:books:1") != before.pop("churn:books:1")
    assert after == before


@servers
def test_positions_are_kept_by_partition_and_topic(view: View) -> None:
    publish(view, score("7"), offset=40, partition=0)
    publish(view, score("8"), offset=7, partition=1)
    assert [view.position(TOPIC, partition) for partition in (0, 1, 2)] == [41, 8, 0]
    assert view.position("another", 0) == 0


@servers
def test_a_position_passes_what_is_not_applied_and_never_goes_back(view: View) -> None:
    view.publish(TOPIC, [(0, 3, score("7"))], WALL_MS, {0: (0, 6), 1: (0, 2)})
    assert [view.position(TOPIC, partition) for partition in (0, 1)] == [6, 2]
    assert view.publish(TOPIC, [(0, 5, score("7", version=2))], WALL_MS, {0: (3, 4)}) == ["passed"]
    assert view.position(TOPIC, 0) == 6


@servers
def test_a_batch_that_begins_beyond_the_position_is_refused_whole(view: View) -> None:
    publish(view, score("7"), score("8"))
    before = dump(view)
    records = [(1, 0, score("9")), (0, 3, score("7", version=3))]
    with pytest.raises(redis.ResponseError, match=r"^POSITION churn\.scores:0 is at 2, the batch begins at 3"):
        view.publish(TOPIC, records, WALL_MS, {1: (0, 1), 0: (3, 4)})
    assert dump(view) == before
    # What compaction took out of the topic is no gap: the batch was read from where the view is.
    assert view.publish(TOPIC, records, WALL_MS, {1: (0, 1), 0: (2, 4)}) == ["applied", "applied"]


@servers
@pytest.mark.parametrize("spoilt", ["churn:history:9", "churn:due", "churn:user:9"])
def test_after_an_error_half_way_the_same_batch_comes_to_the_same(view: View, spoilt: str) -> None:
    loud = score("9", 2, 0.9, as_of=NOW_MS + HOUR_MS)
    batch = [score("7"), score("9"), score("8"), loud, score("7", 2, 0.6), score("8", 2, 0.6)]
    publish(view, *batch)
    whole = dump(view)
    assert view.books().alerts == 3
    publish(emptied(view), *batch[:2])
    view.redis.rename(spoilt, "aside")
    view.redis.set(spoilt, "of another type")
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        publish(view, *batch)
    view.redis.rename("aside", spoilt)
    publish(view, *batch)
    assert dump(view) == whole


@servers
def test_without_a_policy_nothing_is_published(view: View) -> None:
    view.redis.delete("churn:policy")
    before = dump(view)
    with pytest.raises(redis.ResponseError, match="NOPOLICY"):
        publish(view, score())
    assert dump(view) == before


Step = tuple[str, int, int, float, str, str]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["7", "8", "9"]),
        st.integers(1, 2),  # epoch
        st.integers(1, 12),  # version
        st.sampled_from([0.1, 0.3, 0.45, 0.5, 0.8]),
        st.sampled_from(["active", "active", "lapsed", "cancelled"]),
        st.sampled_from(["m1", "m2"]),
    ),
    max_size=30,
)


def _records(steps: list[Step]) -> list[Score]:
    """Records as a stream would count them: at a version, a user has fixed counts and a fixed time."""
    return [
        score(
            user, version, risk, epoch=epoch, status=status, model_version=model, as_of=NOW_MS + version * DAY_MS,
            events=3 + version, opened=3, heartbeats=version // 2,
        )
        for user, epoch, version, risk, status, model in steps
    ]  # fmt: skip


@servers
@ON_A_SERVER
@given(steps=STEPS, cuts=st.lists(st.integers(0, 30), max_size=4))
def test_how_records_are_cut_into_batches_does_not_matter(connected: View, steps: list[Step], cuts: list[int]) -> None:
    records = _records(steps)
    if records:
        publish(emptied(connected), *records)
    whole = dump(connected) if records else dump(emptied(connected))
    emptied(connected)
    edges = [0, *sorted(min(cut, len(records)) for cut in cuts), len(records)]
    for start, end in pairwise(edges):
        if records[start:end]:
            publish(connected, *records[start:end], offset=start)
    assert dump(connected) == whole


@servers
@ON_A_SERVER
@given(steps=STEPS)
def test_the_books_balance(connected: View, steps: list[Step]) -> None:
    records = _records(steps)
    view = emptied(connected)
    if not records:
        assert view.books() == Books()
        return
    publish(view, *records)
    epoch = max(record.epoch for record in records)
    held = [found.score for found in view.users(view.user_ids()) if found and found.score.epoch == epoch]
    books = view.books()
    assert books.scores + books.stale == sum(record.epoch == epoch for record in records)
    assert books.users == len({record.user_id for record in records if record.epoch == epoch}) == len(held)
    assert books.events_opened == sum(one.opened for one in held)
    assert books.events_scored == sum(one.events - one.opened for one in held)
    assert books.heartbeats == sum(one.heartbeats for one in held)
    assert books.alerts == sum(alert.epoch == epoch for alert in view.alerts(1000))


@servers
@ON_A_SERVER
@given(steps=STEPS)
def test_the_orders_hold_whom_they_should(connected: View, steps: list[Step]) -> None:
    records = _records(steps)
    view = emptied(connected)
    if records:
        publish(view, *records)
    users = [found for found in view.users(view.user_ids()) if found]
    ranked = {found.score.user_id: found.score.risk for found in users if found.score.status == "active"}
    assert _order(view, "churn:ranking") == ranked
    for band in ("high", "medium", "low"):
        mine = {found.score.user_id for found in users if found.band == band}
        assert {found.score.user_id for found in view.ranked(band, 100)} == mine
        assert view.band_sizes()[band] == len(mine)
    wait = {"active": DAY_MS, "lapsed": 7 * DAY_MS}
    held = [found.score for found in users if found.score.status != "cancelled"]
    assert _order(view, "churn:due") == {one.user_id: one.as_of + wait[one.status] for one in held}
    risks = [found.score.risk for found in view.ranked(None, 100)]
    assert risks == sorted(risks, reverse=True)


# Bands, alerts, history: one user, against a model


@dataclass
class Model:
    """What the view should know of one user, by churn.outcomes and the words of the design."""

    before: Score | None = None
    band: Band = "none"
    since: int = 0
    hold_until: int = 0
    alerted_at: int | None = None
    alerts: list[tuple[int, str]] = field(default_factory=list)
    point_at: int | None = None
    points: list[tuple[int, str]] = field(default_factory=list)

    def apply(self, policy: AlertPolicy, one: Score) -> None:
        known = self.before is not None and (self.before.epoch, self.before.model_version) == (
            one.epoch,
            one.model_version,
        )
        if self.before is not None and one.as_of - self.before.as_of >= policy.outage_ms:
            self.hold_until = one.as_of + policy.hold_ms
        waits = known and one.as_of < self.hold_until and one.p_lapse >= one.p_cancel
        old, self.band = self.band, policy.band(one.risk, self.band, one.status, waits)
        if known and policy.alerts(old, self.band, one.as_of, self.alerted_at):
            self.alerted_at = one.as_of
            self.alerts.append((one.as_of, old))
        if self.before is None or self.band != old:
            self.since = one.as_of
        if self.point_at is None or self.band != old or one.as_of - self.point_at >= 6 * HOUR_MS:
            self.point_at = one.as_of
            self.points.append((one.as_of, self.band))
            self.points = [point for point in self.points if point[0] >= one.as_of - POINTS_KEPT_DAYS * DAY_MS]
        self.before = one


EDGES = [0.3, 0.5, 0.3 * 0.85, 0.5 * 0.85]
RISKS = st.sampled_from([*EDGES, *(math.nextafter(edge, 0) for edge in EDGES), 0.05, 0.95]) | st.floats(0, 1)
WAITS_MS = st.sampled_from([0, HOUR_MS, 6 * HOUR_MS - 1, 6 * HOUR_MS, DAY_MS, 7 * DAY_MS - 1, 7 * DAY_MS, 20 * DAY_MS])
Moment = tuple[int, float, Status, str, bool]
LIFE = st.lists(
    st.tuples(
        WAITS_MS,
        RISKS,
        st.sampled_from(["active"] * 6 + ["lapsed", "cancelled"]),
        st.sampled_from(["same"] * 8 + ["model", "epoch"]),
        st.booleans(),  # whether the risk is more one of lapsing
    ),
    min_size=1,
    max_size=40,
)


@servers
@settings(ON_A_SERVER, max_examples=150)
@given(life=LIFE, policy=st.sampled_from([POLICY, NO_OUTAGE, replace(POLICY, outage_ms=2 * DAY_MS)]))
def test_bands_alerts_and_history_follow_the_policy(connected: View, life: list[Moment], policy: AlertPolicy) -> None:
    view, model, records = emptied(connected), Model(), []
    view.prepare(policy, 14, HEARTBEATS)
    as_of, epoch, bundle = NOW_MS, 1, 1
    for place, (wait_ms, risk, status, change, lapsing) in enumerate(life):
        as_of, epoch, bundle = as_of + wait_ms, epoch + (change == "epoch"), bundle + (change == "model")
        changes = {"as_of": as_of, "epoch": epoch, "status": status, "model_version": f"m{bundle}"}
        records.append(score("7", place + 1, risk, lapsing, **changes))
        model.apply(policy, records[-1])
    publish(view, *records)
    held = view.user("7")
    assert held is not None
    assert (held.band, held.band_since) == (model.band, model.since)
    assert [(alert.as_of, alert.from_band) for alert in reversed(view.alerts(100))] == model.alerts
    assert sorted((point.as_of, point.band) for point in view.history("7")) == sorted(model.points)


@servers
@pytest.mark.parametrize("change", [{"epoch": 2}, {"model_version": "m2"}])
def test_the_first_score_under_another_epoch_or_model_is_silent(view: View, change: dict[str, object]) -> None:
    publish(view, score("new", 1, 0.9), score("7", 1, 0.1), score("7", 2, 0.9, **change))
    assert view.alerts(10) == []
    assert view.band_sizes() == {"high": 2, "medium": 0, "low": 0}


@servers
@pytest.mark.parametrize(("wait_ms", "alerts"), [(7 * DAY_MS - 1, 1), (7 * DAY_MS, 2)])
def test_the_cool_down_ends_exactly(view: View, wait_ms: int, alerts: int) -> None:
    again = score("7", 4, 0.9, as_of=NOW_MS + wait_ms)
    publish(view, score("7", 1), score("7", 2, 0.9), score("7", 3), again)
    assert len(view.alerts(10)) == alerts


@servers
def test_after_an_outage_alerts_for_lapsing_wait_for_a_day_and_then_come(view: View) -> None:
    view.prepare(POLICY, 14, HEARTBEATS)
    back = NOW_MS + DAY_MS  # the platform was away for a day: everybody's silence is a day longer
    publish(
        view, *(score(user, 1, 0.1) for user in ("first", "lapses", "cancels", "was high")), score("was high", 2, 0.9)
    )
    assert [alert.user_id for alert in view.alerts(9)] == ["was high"]
    batch = [
        score("first", 2, 0.9, lapsing=True, as_of=back),
        score("lapses", 2, 0.9, lapsing=True, as_of=back + 1),
        score("cancels", 2, 0.9, as_of=back + 2),
        score("was high", 3, 0.8, lapsing=True, as_of=back + 3),
    ]
    publish(view, *batch, offset=5)
    assert [alert.user_id for alert in view.alerts(9)] == ["cancels", "was high"]
    bands = [found.band for found in view.users(["first", "lapses", "cancels", "was high"]) if found]
    assert bands == ["medium", "medium", "high", "high"]
    quiet = [score("n", 1 + hour, as_of=back + hour * HOUR_MS) for hour in range(1, 25, 5)]
    publish(view, *quiet, score("lapses", 3, 0.9, lapsing=True, as_of=back + DAY_MS - 1), offset=9)
    assert len(view.alerts(9)) == 2
    publish(view, score("lapses", 4, 0.9, lapsing=True, as_of=back + DAY_MS), offset=15)
    assert [alert.user_id for alert in view.alerts(1)] == ["lapses"]


@servers
@pytest.mark.parametrize(("jump_ms", "waits"), [(6 * HOUR_MS - 1, False), (6 * HOUR_MS, True)])
def test_an_outage_is_a_jump_of_the_event_clock_and_nobodys_own_silence(view: View, jump_ms: int, waits: bool) -> None:
    view.prepare(POLICY, 14, HEARTBEATS)
    publish(view, score("7"), score("8", as_of=NOW_MS + 3 * DAY_MS))  # a jump, whose day is over below
    publish(view, *(score("8", 2 + n, as_of=NOW_MS + 3 * DAY_MS + n * 5 * HOUR_MS) for n in range(6)), offset=2)
    clock = view.clock() or 0
    publish(view, score("7", 2, 0.9, lapsing=True, as_of=clock + jump_ms), offset=8)
    assert bool(view.alerts(9)) is not waits


@servers
def test_a_batch_that_tells_of_the_last_day_first_is_no_outage(view: View) -> None:
    view.prepare(POLICY, 14, HEARTBEATS)
    users = [f"u{place}" for place in range(12)]
    publish(view, *(score(user) for user in users))
    # Three days that were caught up in one batch: one score a user, in any order, of somebody every five hours.
    caught_up = [
        score(user, 2, 0.9, lapsing=True, as_of=NOW_MS + place * 5 * HOUR_MS) for place, user in enumerate(users)
    ]
    publish(view, *reversed(caught_up), offset=12)
    assert len(view.alerts(99)) == 12


@servers
def test_a_heartbeat_of_a_moment_in_the_gap_waits_too(view: View) -> None:
    view.prepare(POLICY, 14, HEARTBEATS)
    publish(view, score("7"), score("8"), score("9"))
    publish(view, score("9", 2, as_of=NOW_MS + 5 * DAY_MS), offset=3)
    publish(view, score("7", 2, 0.9, lapsing=True, as_of=NOW_MS + 5 * DAY_MS - HOUR_MS), offset=4)
    publish(view, score("8", 2, 0.9, lapsing=True, as_of=NOW_MS), offset=5)  # of before the outage
    assert [alert.user_id for alert in view.alerts(9)] == ["8"]


@servers
def test_within_a_batch_only_who_comes_after_the_outage_waits(view: View) -> None:
    view.prepare(POLICY, 14, HEARTBEATS)
    hours = {"before": 3, "first": 30, "waits": 40, "after": 54}
    publish(view, *(score(user) for user in hours), score("quiet", 1))
    crossing = [score(user, 2, 0.9, lapsing=True, as_of=NOW_MS + hour * HOUR_MS) for user, hour in hours.items()]
    between = [score("quiet", 2 + n, as_of=NOW_MS + hour * HOUR_MS) for n, hour in enumerate((35, 45, 50))]
    publish(view, *reversed(crossing), *between, offset=5)
    assert {alert.user_id for alert in view.alerts(99)} == {"before", "after"}


@servers
def test_while_models_are_swapped_each_score_is_judged_by_its_own(view: View) -> None:
    view.know("m1", replace(NO_OUTAGE, high=0.5))
    view.know("m2", replace(NO_OUTAGE, high=0.8))
    changed = [score("7", 1, 0.1), score("8", 1, 0.1), score("7", 2, 0.6, model_version="m2"), score("8", 2, 0.6)]
    publish(view, *changed, score("7", 3, 0.7, model_version="m2"))
    assert [alert.user_id for alert in view.alerts(9)] == ["8"]
    publish(view, score("7", 4, 0.8, model_version="m2"), score("9", 1, 0.1, model_version="gone"), offset=5)
    assert [alert.user_id for alert in view.alerts(9)] == ["7", "8"]


def as_of_layout_2(view: View, user_id: str) -> None:
    points = view.history(user_id)
    view.redis.hset(f"churn:user:{user_id}", "features", json.dumps(dict(score().features)) + 64 * " ")
    view.redis.delete(f"churn:features:{user_id}", f"churn:history:{user_id}")
    for point in points:
        held = [point.as_of, point.version, point.p_cancel, point.p_lapse, point.risk, point.band]
        view.redis.zadd(f"churn:history:{user_id}", {json.dumps(held): point.as_of})


@servers
@pytest.mark.parametrize("layout", ["1", "2", SCHEMA.replace("4-", "3-")])
def test_a_view_of_a_layout_before_is_taken_over(view: View, layout: str) -> None:
    publish(view, score("7"), score("8", 1, 0.9), score("8", 2), score("8", 3, 0.9))
    alerts, users, points = view.alerts(9), view.users(["7", "8"]), view.history("8")
    if layout == "1":
        view.redis.rename("churn:due", "churn:last-seen")
        view.redis.delete("churn:heartbeats", "churn:hold")
    for user_id in ("7", "8") if layout in ("1", "2") else ():
        as_of_layout_2(view, user_id)
    view.redis.delete("churn:alerts:of:8")
    view.redis.set("churn:schema", layout)
    view.prepare(POLICY, 14, HEARTBEATS)
    assert view.redis.get("churn:schema") == SCHEMA
    assert [user for user, _ in view.due(NOW_MS + DAY_MS, 9)] == ["7", "8"]
    assert not view.redis.exists("churn:last-seen")
    assert (view.alerts(9), view.users(["7", "8"]), view.history("8")) == (alerts, users, points)
    assert len(points) > 1
    assert view.redis.object("encoding", "churn:user:7") == "listpack"
    assert view.redis.lrange("churn:alerts:of:8", 0, -1) == [alert.id for alert in reversed(alerts)]
    publish(view, score("7", 2), offset=4)
    assert view.books().scores == 5


@servers
def test_redis_packs_a_user_into_one_piece(view: View) -> None:
    record = score("u" * 40, 10**8, 0.0123456789012345678, lapsing=True, model_version="20261125T213212884427Z")
    publish(view, record, replace(record, version=10**8 + 1, p_cancel=1 / 3, p_lapse=1 / 70, risk=1 / 3 + 1 / 70))
    for key in ("churn:user", "churn:history"):
        assert view.redis.object("encoding", f"{key}:{record.user_id}") == "listpack"


@servers
def test_who_lapsed_is_still_looked_after_and_who_cancelled_is_not(view: View) -> None:
    publish(view, score("7"), score("8"), score("7", 2, status="lapsed"), score("8", 2, status="cancelled"))
    assert [user for user, _ in view.due(NOW_MS + 7 * DAY_MS, 9)] == ["7"]
    assert view.ranked(None, 10) == []
    assert view.rank("7") is view.rank("8") is None
    publish(view, score("8", 3), offset=4)  # came back
    assert [user for user, _ in view.due(NOW_MS + 7 * DAY_MS, 9)] == ["8", "7"]
    assert view.rank("8") == (1, 1)


@servers
def test_history_keeps_as_many_days_as_readers_are_told_at_six_hours(view: View) -> None:
    end = POINTS_KEPT_DAYS * 24
    hours = [0, 5, 6, 11, 12, 24, end, end + 6]
    publish(view, *(score("7", 1 + place, as_of=NOW_MS + hour * HOUR_MS) for place, hour in enumerate(hours)))
    kept = [(point.as_of - NOW_MS) // HOUR_MS for point in view.history("7")]
    assert kept == [6, 12, 24, end, end + 6]


@servers
def test_a_change_of_band_is_a_point_whenever_it_comes(view: View) -> None:
    publish(view, score("7", 1, 0.1), score("7", 2, 0.6, as_of=NOW_MS + 1), score("7", 3, 0.6, as_of=NOW_MS + 2))
    assert [(point.as_of - NOW_MS, point.band) for point in view.history("7")] == [(0, "low"), (1, "high")]


@servers
def test_an_alert_tells_what_happened(view: View) -> None:
    rose = score("7", 2, 0.6, level="free", as_of=NOW_MS + HOUR_MS)
    publish(view, score("7", 1, 0.4), rose)
    [alert] = view.alerts(10)
    shared = set(asdict(alert)) & set(FIELDS)
    assert {name: getattr(alert, name) for name in shared} == {name: getattr(rose, name) for name in shared}
    assert (alert.band, alert.from_band, alert.raised_ms) == ("high", "medium", WALL_MS)


@servers
def test_alerts_are_newest_first_even_within_a_millisecond(view: View) -> None:
    users = [f"u{place}" for place in range(12)]
    publish(view, *(score(user, 1, 0.1) for user in users), *(score(user, 2, 0.9) for user in users))
    assert [alert.user_id for alert in view.alerts(3, offset=1)] == ["u10", "u9", "u8"]


@servers
def test_alerts_older_than_a_year_go_a_few_at_a_time(view: View) -> None:
    users = [f"u{place}" for place in range(15)]
    publish(view, *(score(user, 1, 0.1) for user in users), *(score(user, 2, 0.9) for user in users))
    year_ms = 365 * DAY_MS
    publish(view, score("7", 1, as_of=NOW_MS + year_ms), offset=30)
    assert len(view.alerts(100)) == 15, "a year old is not older than a year"
    publish(view, score("7", 2, 0.9, as_of=NOW_MS + year_ms + 1), offset=31)
    assert [alert.user_id for alert in view.alerts(100)] == ["7", "u14", "u13", "u12", "u11", "u10"]
    publish(view, score("7", 3, as_of=NOW_MS + year_ms + 2), offset=32)
    assert [alert.user_id for alert in view.alerts(100)] == ["7"]
    assert len(cast("list[str]", view.redis.keys("churn:alert:*"))) == 1


@servers
def test_an_alert_that_goes_while_they_are_read_is_left_out(view: View) -> None:
    publish(view, score("7"), score("8"), score("7", 2, 0.9), score("8", 2, 0.9))
    view.redis.delete(f"churn:alert:{view.alerts(1)[0].id}")
    assert [alert.user_id for alert in view.alerts(10)] == ["7"]


@servers
def test_in_quiet_hours_alerts_wait_and_then_come_in_their_order(view: View) -> None:
    records = [
        (0, place, one) for place, one in enumerate((score("7"), score("8"), score("7", 2, 0.9), score("8", 2, 0.9)))
    ]
    view.publish(TOPIC, records, WALL_MS, {0: (0, 4)}, quiet_until_ms=WALL_MS + HOUR_MS)
    assert view.alerts(9) == []
    assert view.books().alerts == 2
    assert view.release(WALL_MS + HOUR_MS - 1) == 0
    assert view.release(WALL_MS + HOUR_MS) == 2
    assert {alert.user_id for alert in view.alerts(9)} == {"7", "8"}
    assert {alert.raised_ms for alert in view.alerts(9)} == {WALL_MS}
    assert view.release(WALL_MS + HOUR_MS) == 0
    assert not view.redis.exists("churn:alerts:waiting")


@servers
def test_a_moment_is_kept_where_the_risk_has_moved_or_a_week_has_passed(view: View) -> None:
    story = [(0, 0.1), (6, 0.1), (12, 0.14), (18, 0.2), (24, 0.2), (18 + 7 * 24, 0.2), (19 + 7 * 24, 0.6)]
    publish(
        view, *(score("7", 1 + place, risk, as_of=NOW_MS + hour * HOUR_MS) for place, (hour, risk) in enumerate(story))
    )
    kept = [((moment.as_of - NOW_MS) // HOUR_MS, moment.version) for moment in view.moments("7")]
    assert kept == [(6, 2), (18, 4), (18 + 7 * 24, 6), (19 + 7 * 24, 7)]  # the last one is a change of the band
    assert all(dict(moment.features) == dict(score().features) for moment in view.moments("7"))
    assert {moment.model_version for moment in view.moments("7")} == {"m1"}


@servers
def test_no_more_than_sixteen_moments_are_kept_the_newest(view: View) -> None:
    publish(view, *(score("7", n, 0.3 if n % 2 else 0.1, as_of=NOW_MS + n * 6 * HOUR_MS) for n in range(1, 40)))
    assert [moment.version for moment in view.moments("7")] == list(range(24, 40))


@servers
def test_a_user_of_one_point_has_no_moment_which_most_of_a_day_are(view: View) -> None:
    publish(view, score("7"), score("7", 2, 0.12, as_of=NOW_MS + HOUR_MS))
    assert view.moments("7") == []


@servers
def test_an_alert_knows_how_far_the_risk_has_risen_and_what_the_model_saw(view: View) -> None:
    publish(
        view,
        score("7", 1, 0.2),
        score("7", 2, 0.1, as_of=NOW_MS + 6 * HOUR_MS),
        score("7", 3, 0.7, as_of=NOW_MS + DAY_MS),
    )
    [alert] = view.alerts(9)
    assert alert.rise == pytest.approx(0.6)
    assert dict(alert.features) == dict(score().features)


@servers
def test_forgetting_leaves_nothing_and_publishes_nothing_more(view: View) -> None:
    publish(view, score("7"), score("8"), score("7", 2, 0.9, as_of=NOW_MS + 6 * HOUR_MS))
    view.redis.hset("churn:marks:7", "snoozed_until", 1)
    erased = view.forget("7", "m" * 32)
    assert (erased.scores, erased.points, erased.moments, erased.marks, len(erased.alerts)) == (1, 2, 1, 1, 1)
    assert [key for key in dump(view) if key.endswith(":7") or key.startswith("churn:alert:")] == []
    assert (view.user_ids(), view.ranked(None, 9)[0].score.user_id, view.books().users) == (["8"], "8", 1)
    assert view.due(NOW_MS + 9 * DAY_MS, 9) == [("8", NOW_MS + DAY_MS)]
    with pytest.raises(redis.ResponseError, match="FORGOTTEN"):
        publish(view, score("8", 2), offset=3)
    records = [(0, 3, score("8", 2))]
    assert view.publish(TOPIC, records, WALL_MS, {0: (3, 4)}, forgotten=1) == ["applied"]
    assert view.forget("7", "m" * 32).scores == 0


@servers
def test_bands_by_another_policy_are_those_of_a_view_that_had_it_all_along(view: View) -> None:
    risks = [place / 40 for place in range(1, 40)]
    other = replace(NO_OUTAGE, medium=0.15, high=0.7)
    view.know("m1", NO_OUTAGE)
    publish(view, *(score(f"u{risk}", 1, risk) for risk in risks))
    view.know("m1", other)
    assert view.reband() == len(risks)
    assert view.reband() == 0
    for risk in risks:
        found = view.user(f"u{risk}")
        assert found is not None
        assert found.band == other.band(risk, NO_OUTAGE.band(risk, "none", "active"), "active")
    assert sum(view.band_sizes().values()) == len(risks)
    assert view.alerts(9) == []


@servers
def test_a_policy_that_moves_no_threshold_sets_no_band_anew(view: View) -> None:
    view.know("m1", POLICY)
    publish(view, score("7"))
    view.know("m1", replace(POLICY, cool_down_ms=1, rise=0.3))
    assert view.reband() == 0
    assert view.policy("m1") == replace(POLICY, cool_down_ms=1, rise=0.3)
    assert view.policy("another").high == NO_OUTAGE.high


class Disturbed:
    """A client before each of whose commands somebody else changes the ranking."""

    def __init__(self, client: redis.Redis, changes: list[tuple[str, float | None]]) -> None:
        self._client, self._changes = client, changes

    def __getattr__(self, name: str) -> object:
        if self._changes:
            move(self._client, *self._changes.pop())
        return getattr(self._client, name)


def move(client: redis.Redis, user_id: str, risk: float | None) -> None:
    if risk is None:
        client.zrem("churn:ranking", user_id)
    else:
        client.zadd("churn:ranking", {user_id: risk})


def pages(view: ViewReader, count: int) -> Iterator[list[tuple[str, float]]]:
    place = None
    while True:
        page = view.ranked_after(None, place, count)
        yield page
        if len(page) < count:
            return
        place = page[-1][1], page[-1][0]


IDS = st.text("abZ\u00e9\U0001f600", min_size=1, max_size=2)
RISKS = st.sampled_from([0.1, 0.2, 1 / 3])


@servers
@ON_A_SERVER
@given(
    ranked=st.dictionaries(IDS, RISKS, max_size=25),
    changes=st.lists(st.tuples(IDS, st.none() | RISKS), max_size=20),
    count=st.integers(1, 6),
)
def test_who_stays_is_on_one_page_whatever_others_with_the_same_risk_do(
    view: View, ranked: dict[str, float], changes: list[tuple[str, float | None]], count: int
) -> None:
    view.redis.delete("churn:ranking")
    for user_id, risk in ranked.items():
        move(view.redis, user_id, risk)
    moved = {user_id for user_id, _ in changes}
    reader = ViewReader(cast("redis.Redis", Disturbed(view.redis, list(changes))))
    told = [each for page in pages(reader, count) for each in page if each[0] not in moved]
    stayed = [(user_id, risk) for user_id, risk in ranked.items() if user_id not in moved]
    assert told == sorted(stayed, key=lambda each: (each[1], each[0].encode()), reverse=True)


@servers
def test_a_page_among_equal_risks_asks_no_more_than_any_other(view: View) -> None:
    view.redis.zadd("churn:ranking", {f"u{place:04}": 0.5 for place in range(2000)})
    view.redis.config_resetstat()
    assert sum(map(len, pages(view, 50))) == 2000
    calls = {name: stats["calls"] for name, stats in view.redis.info("commandstats").items() if "zrev" in name}
    assert sum(calls.values()) <= 2 * (2000 / 50 + 1) + 1, calls


# The server and the contract


def test_an_address_that_is_none_is_one_sentence_without_its_password() -> None:
    for url in ("http://:hunter2@host", "redis://:hunter2@host:port/0", "somewhere"):
        with pytest.raises(ChurnError, match=r"redis\.url is not an address of Redis\. Write it as") as caught:
            View.connect(url)
        assert "hunter2" not in str(caught.value)


@servers
def test_every_key_is_in_the_table_with_its_type(view: View) -> None:
    view.know("m1", POLICY)
    view.silence(TOPIC, {0: 0})
    publish(view, *_story())
    quiet = score("6", 1), score("6", 2, 0.9, as_of=NOW_MS + 3 * DAY_MS)
    view.publish(TOPIC, [(1, place, one) for place, one in enumerate(quiet)], WALL_MS, {1: (0, 2)}, WALL_MS + 1)
    view.know("m1", replace(POLICY, high=0.6))
    rows = re.findall(r"^`(churn:\S+)`\s+(\w+)", str(churn.view.__doc__), flags=re.MULTILINE)
    table = {re.sub(r"[A-Z]+", r"[^:]+", key): kind for key, kind in rows}
    keys = cast("list[str]", view.redis.keys("*"))
    met = {key: [pattern for pattern in table if re.fullmatch(pattern, key)] for key in keys}
    assert {key: len(patterns) for key, patterns in met.items()} == dict.fromkeys(keys, 1)
    assert {key: table[patterns[0]] for key, patterns in met.items()} == {key: view.redis.type(key) for key in keys}
    assert {patterns[0] for patterns in met.values()} == set(table)


@servers
def test_a_view_of_another_release_is_refused(view: View) -> None:
    view.redis.set("churn:schema", "0")
    with pytest.raises(ChurnError, match="layout 0"):
        view.prepare(replace(POLICY, high=0.2), 30, HEARTBEATS)
    assert view.redis.hget("churn:policy", "high") == "0.5"
    assert view.horizon_days() == 14


@servers
def test_preparing_twice_is_allowed_and_sets_the_policy(view: View) -> None:
    publish(view, score())
    assert view.horizon_days() == 14
    view.prepare(replace(POLICY, medium=0.1, high=0.2), 30, HEARTBEATS)
    assert view.horizon_days() == 30
    publish(view, score(version=2, risk=0.25), offset=1)
    assert [alert.user_id for alert in view.alerts(10)] == ["7"]


@servers
def test_durability_problems_name_what_is_wrong(view: View) -> None:
    assert durability_problems(view.redis) == []
    view.redis.config_set("maxmemory-policy", "allkeys-lru")
    try:
        assert durability_problems(view.redis) == ["maxmemory-policy is allkeys-lru, not noeviction"]
    finally:
        view.redis.config_set("maxmemory-policy", "noeviction")
