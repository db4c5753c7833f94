"""The feature table over history, against the oracle; and what must not move a feature."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from churn import events
from churn.events import heartbeat
from churn.features import DECAYED_SUMS, FEATURES, NAMES, table_hash
from churn.settings import DAY_MS, Labels
from tests.oracle import expect

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

Row = dict[str, Any]
START_MS = 1_538_352_000_000
PAGES = sorted({page for row in DECAYED_SUMS for page in row.pages} | {"Logout", "Cancel", "Cancellation Confirmation"})


def random_rows(seed: int, users: int = 40, days: int = 40) -> list[Row]:
    """Users who do anything at any time, many of them in the same moment, in no order."""
    rng = random.Random(seed)
    rows = []
    for user in range(users):
        registration = rng.choice([None, START_MS - rng.randrange(100) * DAY_MS, START_MS + 20 * DAY_MS])
        moments = [START_MS + rng.randrange(days * 24) * 3_600_000 for _ in range(rng.randrange(1, 20))]
        for item in range(rng.randrange(1, 120)):
            page = rng.choice(PAGES if rng.random() < 0.2 else PAGES[2:])
            level = rng.choice(["free", "paid"])
            row = {"ts": rng.choice(moments), "userId": f"u{user}", "sessionId": item // 7, "itemInSession": item % 7}
            rows.append({**row, "page": page, "level": level, "registration": registration})
    rng.shuffle(rows)
    return rows


def as_log(spark: SparkSession, rows: Iterable[Row]) -> DataFrame:
    from churn.parsing import read_log  # noqa: PLC0415

    return read_log(spark.createDataFrame([(json.dumps(row),) for row in rows], "value string"))


def differing(found: Row, features: dict[str, float]) -> list[str]:
    return [name for name in NAMES if not math.isclose(found[name], features[name], rel_tol=1e-9, abs_tol=1e-30)]


def different(row: Row) -> Row:
    return {"level": "free" if row["level"] == "paid" else "paid", "registration": START_MS - 1000 * DAY_MS}


def as_events(spark: SparkSession, rows: Iterable[Row]) -> DataFrame:
    """As the stream reads them, heartbeats and openings among them."""
    from churn.parsing import parse  # noqa: PLC0415

    values = [(bytearray(json.dumps(row).encode()), None) for row in rows]
    parsed = parse(spark.createDataFrame(values, "value binary, received_ms bigint"))
    assert parsed.where("reason is not null").count() == 0
    return parsed


def test_every_feature_has_a_row_of_its_own() -> None:
    assert len(set(NAMES)) == len(FEATURES)
    assert len(table_hash()) == 64
    pages = {page for row in FEATURES for page in row.pages}
    assert not {"Cancel", "Cancellation Confirmation"} & pages
    # The oracle reads the table too: a slip of the pen in a page's name would be wrong alike on both sides.
    assert pages < events.PAGES


@pytest.mark.spark
@pytest.mark.parametrize("seed", [1, 2])
def test_features_over_history_equal_the_oracle(spark: SparkSession, seed: int) -> None:
    from churn.rolling import rolling_features, status  # noqa: PLC0415

    rows = random_rows(seed)
    doubled = [*rows, *rows[::7]]
    expected = expect(doubled)
    found = rolling_features(as_log(spark, doubled)).withColumn("status", status(14 * DAY_MS)).collect()
    assert {row["user_id"] for row in found} == set(expected)
    for row in found:
        user = expected[row["user_id"]]
        assert differing(row.asDict(), user.features) == []
        assert (row["as_of"], row["events"], row["last_event"], row["status"]) == (
            user.as_of, user.events, user.last_event, user.status,
        )  # fmt: skip


@pytest.mark.spark
@pytest.mark.parametrize("bent", ["on_level", "opens_session", "half_life_days", "pages"])
def test_a_feature_that_is_made_otherwise_is_noticed(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch, bent: str
) -> None:
    from churn import rolling  # noqa: PLC0415

    plain: dict[str, Any] = {"on_level": None, "opens_session": False, "half_life_days": 14, "pages": ("Home",)}
    share = rolling._share
    monkeypatch.setattr(rolling, "_share", lambda feature: share(replace(feature, **{bent: plain[bent]})))
    rows = random_rows(1)
    expected = expect(rows)
    found = rolling.rolling_features(as_log(spark, rows)).collect()
    assert any(differing(row.asDict(), expected[row["user_id"]].features) for row in found)


@pytest.mark.spark
def test_the_outcomes_own_pages_move_no_feature(spark: SparkSession) -> None:
    from churn.rolling import rolling_features  # noqa: PLC0415

    rows = [row for row in random_rows(3) if not row["page"].startswith("Cancel")]
    newest = {row["userId"]: row for row in sorted(rows, key=lambda row: row["ts"])}
    # At the same time and different in all else: whatever is taken from these pages would show.
    ends = [
        {**row, "page": page, "itemInSession": 0, "sessionId": 1000 + at, **different(row)}
        for row in newest.values()
        for at, page in enumerate(("Cancel", "Cancellation Confirmation"))
    ]
    before, after = (
        {row["user_id"]: row for row in rolling_features(as_log(spark, log)).collect()}
        for log in (rows, [*rows, *ends])
    )
    for user_id, row in after.items():
        assert differing(row.asDict(), before[user_id].asDict()) == []
        assert (row["events"], row["cancelled_at"]) == (before[user_id]["events"] + 2, newest[user_id]["ts"])


@pytest.mark.spark
def test_openings_and_what_comes_after_them_equal_the_whole(spark: SparkSession) -> None:
    from churn.rolling import rolling_features  # noqa: PLC0415
    from streaming.bootstrap import opening_records  # noqa: PLC0415

    rows = random_rows(6)
    cut_ms = sorted(row["ts"] for row in rows)[len(rows) // 2]
    openings = [json.loads(row["value"]) for row in opening_records(as_log(spark, rows), cut_ms).collect()]
    assert {row["userId"] for row in openings} == {row["userId"] for row in rows if row["ts"] <= cut_ms}
    expected = expect(rows, cut_ms=cut_ms)
    found = rolling_features(as_events(spark, [*openings, *(row for row in rows if row["ts"] > cut_ms)])).collect()
    assert {row["user_id"] for row in found} == set(expected)
    for row in found:
        user = expected[row["user_id"]]
        assert differing(row.asDict(), user.features) == []
        assert (row["as_of"], row["events"], row["last_event"]) == (user.as_of, user.events, user.last_event)


@pytest.mark.spark
def test_a_heartbeat_moves_the_moment_and_nothing_else(spark: SparkSession) -> None:
    from churn.rolling import rolling_features  # noqa: PLC0415

    rows = random_rows(7)
    newest = {row["userId"]: row for row in sorted(rows, key=lambda row: row["ts"])}
    at = START_MS + 60 * DAY_MS
    beats = [{**heartbeat(user_id, at), **different(row)} for user_id, row in newest.items()]
    expected = expect(rows, as_of_ms=at)
    for row in rolling_features(as_events(spark, [*rows, *beats])).collect():
        user = expected[row["user_id"]]
        assert differing(row.asDict(), user.features) == []
        assert (row["as_of"], row["events"], row["last_event"], row["heartbeats"]) == (
            at, user.events, user.last_event, 1,
        )  # fmt: skip


@pytest.mark.spark
def test_a_snapshot_knows_nothing_of_what_comes_after_it(spark: SparkSession) -> None:
    from training.snapshots import snapshots  # noqa: PLC0415

    rows = random_rows(4, days=50)
    labels = Labels(event_rows=0.2)
    span_ms = (min(row["ts"] for row in rows), max(row["ts"] for row in rows))
    found = snapshots(as_log(spark, rows), labels, span_ms).collect()
    assert {row["on_grid"] for row in found} == {True, False}
    for moment in {row["as_of"] for row in found}:
        expected = expect(rows, as_of_ms=moment)
        for row in (row for row in found if row["as_of"] == moment):
            assert differing(row.asDict(), expected[row["user_id"]].features) == [], (row["user_id"], moment)


@pytest.mark.spark
def test_labels_say_what_happened_in_the_horizon(spark: SparkSession) -> None:
    from training.snapshots import snapshots  # noqa: PLC0415

    rows, horizon_ms = random_rows(5, days=60), 14 * DAY_MS
    span_ms = (min(row["ts"] for row in rows), max(row["ts"] for row in rows))
    found = snapshots(as_log(spark, rows), Labels(event_rows=0.1), span_ms).collect()
    for row in found:
        as_of = row["as_of"]
        assert span_ms[0] + 14 * DAY_MS <= as_of <= span_ms[1] - horizon_ms
        after = [r for r in rows if r["userId"] == row["user_id"] and as_of < r["ts"] <= as_of + horizon_ms]
        cancels = any(r["page"] == "Cancellation Confirmation" for r in after)
        assert (row["cancel"], row["lapse"]) == (float(cancels), float(not after))
        assert expect(rows, as_of_ms=as_of)[row["user_id"]].status == "active"
    folds: dict[str, set[int]] = {}
    for row in found:
        folds.setdefault(row["user_id"], set()).add(row["fold"])
    assert all(len(fold) == 1 for fold in folds.values())
    assert {row["cancel"] for row in found} == {row["lapse"] for row in found} == {0.0, 1.0}
