"""Users of now against those of training: moved to one moment, put into the card's bins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.console import drift, model_drift
from api.console.drift import Drift, FeatureDrift, Learnt, as_of, compared, in_bins
from api.console.remembered import Remembered
from churn import bundle
from churn.bundle import Bundle
from churn.errors import ChurnError
from churn.features import FEATURES, NAMES
from churn.settings import DAY_MS
from tests.api.conftest import NOW_MS
from tests.api.small_model import TYPICAL, write_bundle

EDGES = st.lists(st.floats(0, 50), min_size=1, max_size=9, unique=True).map(sorted)


def spread(edge: float = 5.0, below: float = 0.9) -> dict[str, Any]:
    """Of a card: one edge for each feature."""
    return {"rows": 1000, "features": {name: {"edges": [edge], "shares": [below, 1 - below]} for name in NAMES}}


@given(EDGES, st.lists(st.floats(0, 60), min_size=1, max_size=40))
def test_a_value_on_an_edge_is_in_the_bin_below(edges: Sequence[float], values: list[float]) -> None:
    found = in_bins(edges, np.array(values))
    assert len(found) == len(edges) + 1
    ends = np.cumsum(found)[:-1]
    assert ends == pytest.approx([np.mean([value <= edge for value in values]) for edge in edges])
    assert sum(found) == pytest.approx(1)


def test_shares_like_those_of_training_have_not_moved() -> None:
    learnt = Learnt.of(Bundle(Path(), {"version": "m1", "distribution": spread(), "reference": TYPICAL}))
    values = np.zeros((10, len(NAMES)))
    values[9] = 9.0
    [one, *_] = compared(learnt, values)
    assert (one.feature, one.index) == (FEATURES[0], pytest.approx(0))
    assert one.now == 0
    [one, *_] = compared(learnt, values + 9)
    assert one.index > 2


@pytest.mark.servers
def test_everybody_is_as_of_the_event_clock(filled: Any, score: Any) -> None:
    values = {**TYPICAL, "adverts_14d": 4.0, "silence_days": 1.0, "tenure_days": 10.0}
    filled.add(
        score("old", features=values, as_of=NOW_MS - 14 * DAY_MS),
        score("gone", features={**values, "silence_days": 20.0}, as_of=NOW_MS - 14 * DAY_MS),
        score("now", features=values),
    )
    found = [each for each in filled.view.users(["old", "gone", "now"]) if each]
    rows = as_of(found, NOW_MS, 30)
    assert rows[:, NAMES.index("adverts_14d")].tolist() == pytest.approx([2.0, 4.0])
    assert rows[:, NAMES.index("silence_days")].tolist() == pytest.approx([15.0, 1.0])
    assert rows[:, NAMES.index("tenure_days")].tolist() == pytest.approx([24.0, 10.0])


@pytest.mark.servers
def test_another_model_is_compared_at_once(filled: Any, served: Any, scored: Any, tmp_path: Any) -> None:
    filled.add(scored("7"), scored("8", model_version="m0"))
    assert drift.of(served.context, bundle.load(served.models)).features == ()  # type: ignore[union-attr]
    write_bundle(tmp_path, "m2", members={"distribution": spread()})
    found = drift.of(served.context, bundle.load(tmp_path))
    assert found is not None
    assert (found.version, found.users, found.rows, found.other_models) == ("m2", 2, 1000, 2)
    assert len(found.features) == len(NAMES)


@pytest.mark.parametrize(
    "spread_of_one", [{"edges": [5.0]}, {"edges": [5.0], "shares": [1.0]}, {"edges": 5, "shares": []}]
)
def test_of_a_bad_card_nobody_is_read(spread_of_one: Any) -> None:
    card: dict[str, Any] = {"version": "m1", "reference": TYPICAL, "distribution": spread()}
    card["distribution"]["features"]["paid"] = spread_of_one
    context: Any = SimpleNamespace(remembered=Remembered())  # it has no view to read
    with pytest.raises(ChurnError, match="m1 is not as it should be"):
        drift.of(context, Bundle(Path(), card))


@pytest.mark.servers
def test_nobody_active(filled: Any, served: Any, score: Any) -> None:
    filled.add(score("7", status="cancelled"))
    assert drift.of(served.context, bundle.load(served.models)) is None


def told(**index: float) -> Drift:
    features = tuple(FeatureDrift(feature, index.get(feature.name, 0.0), 1.0, 2.0) for feature in FEATURES)
    return Drift(1, 1, "m1", 150, 150, 1000, 0.07, features, 0)


def test_what_has_moved_most_comes_first() -> None:
    found = model_drift.words(told(help_3d=0.3, settings_14d=0.12, paid=0.2))
    assert [group.driver for group in found.groups][:2] == ["support", "plan"]
    assert [row.reading for row in found.groups[0].rows] == ["far away", "moved", "stable", "stable"]
    assert found.says == (
        "1 of 32 features is far away from training, 2 have moved, 29 are stable. Most has moved: visits to the help "
        "pages (half-life 3 days)."
    )
    assert "about 0.07 by chance alone" in found.by_chance
    assert found.lines == (25.0, 62.5)


def test_a_sample_is_called_one() -> None:
    found = told()
    assert model_drift.words(found).by_chance.startswith("150 active users of 150, each")
    found = replace(found, users=1990, of_users=10_000)
    assert model_drift.words(found).by_chance.startswith("A sample of 1,990 active users of 10,000, each")


def test_bars_end_where_the_scale_does() -> None:
    found = model_drift.words(told(help_3d=7.0))
    assert found.scale == 1.0
    assert max(row.width for group in found.groups for row in group.rows) == 100
