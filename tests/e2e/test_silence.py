"""Who stops is alerted on without sending anything; when the whole platform stops, nobody is."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy
import pytest

from churn import bundle
from churn.explain import Explainer
from churn.features import NAMES
from churn.settings import DAY_MS
from churn.simulator import Simulation
from tests.e2e.conftest import Row, Running, send
from tests.oracle import expect

pytestmark = [pytest.mark.servers, pytest.mark.spark]

START_MS = 1_538_352_000_000
HOUR_MS = DAY_MS // 24
STOPS, ENDS = START_MS + 3 * DAY_MS, START_MS + 10 * DAY_MS
INTERVAL_DAYS = 0.5


def risk_of(models: Path, rows: list[Row], user_id: str, as_of_ms: int) -> float:
    features = expect(rows, as_of_ms=as_of_ms)[user_id].features
    return float(Explainer(bundle.load(models)).scores(numpy.array([[features[name] for name in NAMES]])).risk[0])


def test_who_stops_is_alerted_on_and_an_outage_alerts_on_nobody(
    running: Running, models: Path, eventually: Callable[..., bool]
) -> None:
    everything = list(Simulation(40, START_MS, ENDS, seed=12).events())
    quitter = Counter(row["userId"] for row in everything if row["userId"]).most_common(1)[0][0]
    rows = [row for row in everything if row["userId"] != quitter or row["ts"] < STOPS]
    lively, silent = (risk_of(models, rows, quitter, moment) for moment in (STOPS, ENDS - DAY_MS))
    assert silent > 1.2 * lively, "the model of these tests sees silence"
    view, kafka = running.view, running.kafka
    settings = {
        "CHURN_STREAM__DEDUPE_WINDOW_DAYS": "6",
        "CHURN_HEARTBEAT__PER_SECOND": "200",
        "CHURN_HEARTBEAT__INTERVAL_DAYS": str(INTERVAL_DAYS),
        "CHURN_POLICY__HIGH": str((lively + silent) / 2),
        "CHURN_POLICY__MEDIUM": str(lively / 2),
    }
    stream, publish = (running.start(command, "realtime", **settings) for command in ("stream", "publish"))
    send([row for row in rows if row["ts"] < STOPS], kafka)
    assert eventually(lambda: view.clock() is not None and (view.clock() or 0) > STOPS - HOUR_MS, 120), stream.tail(30)
    for hour in range((ENDS - STOPS) // HOUR_MS):  # five hours a second: far slower than the window
        send([row for row in rows if (row["ts"] - STOPS) // HOUR_MS == hour], kafka)
        time.sleep(0.2)
    assert eventually(lambda: any(alert.user_id == quitter for alert in view.alerts(1000)), 60), publish.tail(20)
    [alert] = [alert for alert in view.alerts(1000) if alert.user_id == quitter]
    held = view.user(quitter)
    assert held is not None
    assert held.score.events == sum(row["userId"] == quitter for row in rows), "nothing came from there"
    assert alert.p_lapse > alert.p_cancel
    assert alert.as_of > (held.score.last_event or 0) + DAY_MS
    assert 3 <= held.score.heartbeats <= (ENDS - STOPS) / DAY_MS / INTERVAL_DAYS + 1, "one an interval"

    alerts, beats = view.alerts(1000), view.books().heartbeats
    other = next(row for row in reversed(rows) if row["userId"] not in ("", quitter))
    send([{**other, "ts": ENDS + 5 * DAY_MS, "itemInSession": other["itemInSession"] + 1}], kafka)
    assert eventually(lambda: view.books().heartbeats > beats + 20, 60), "everybody is looked at again"
    time.sleep(2)
    assert view.alerts(1000) == alerts
    everybody = [user.score for user in view.users(view.user_ids()) if user and user.score.status == "active"]
    risky = [score for score in everybody if score.risk > (lively + silent) / 2 and score.as_of > ENDS + 4 * DAY_MS]
    assert len(risky) > len(alerts) + 3, "without the hold there would have been alerts"
