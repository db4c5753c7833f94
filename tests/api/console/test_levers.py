"""Levers: what is as it was changes nothing, and where a value is on its slider."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.console.levers import FiguresAsked, changes, groups, own_values, place, written
from api.figures import SIGNALS, figures
from churn.features import NAMES
from tests.api.small_model import TYPICAL

USERS = st.fixed_dictionaries({name: st.floats(0, 500) for name in NAMES if name != "paid"}).flatmap(
    lambda values: st.sampled_from([0.0, 1.0]).map(lambda paid: values | {"paid": paid})
)
SAID = figures(TYPICAL)


@given(USERS)
def test_a_form_that_is_sent_as_it_stands_changes_nothing(user: dict[str, float]) -> None:
    said = figures(user)
    values = {name: written(own) for name, own in own_values(said).items()}
    assert changes(said, FiguresAsked(level=said["level"], **values)).applied(user) == user
    assert changes(said, FiguresAsked(**dict.fromkeys(values, " "), level="")).applied(user) == user


@given(USERS, st.sampled_from(sorted(own_values(SAID))), st.floats(0, 10_000))
def test_a_lever_goes_as_far_as_it_was_moved_and_marks_the_own_value(
    user: dict[str, float], name: str, value: float
) -> None:
    held = {
        lever.name: lever for _, some in groups(figures(user), SAID, FiguresAsked(**{name: value})) for lever in some
    }
    assert set(held) == {*(each for each in SIGNALS if not each.startswith("songs_")), "songs", "silence_days",
                         "tenure_days"}  # fmt: skip
    lever = held[name]
    assert lever.top >= value * (1 - 1e-6)
    for each in held.values():
        assert 0 <= each.place <= 100
        assert each.changed == (each.value != each.own)


@given(st.floats(0, 100), st.floats(0, 100))
def test_further_on_the_slider_is_more(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert 0 <= place(low, 100, 2.5) <= place(high, 100, 2.5) <= 100 + 1e-9


@pytest.mark.parametrize(("level", "name"), [("free", "songs_free"), ("paid", "songs_paid")])
def test_songs_are_told_on_the_plan_that_is_asked_for(level: str, name: str) -> None:
    found = changes(SAID, FiguresAsked(songs=20, level=level))
    assert found.per_day is not None
    told = found.per_day.model_dump(exclude_none=True)
    assert told == {"songs_free": 0, "songs_paid": 0} | {name: 20}
    assert figures(found.applied(TYPICAL))["per_day"][name] == pytest.approx(20)


def test_numbers_are_as_short_as_people_say_them() -> None:
    assert [written(each) for each in (0, 0.004, 0.456, 1, 6.14, 12.5, 0.1)] == [
        "0",
        "0",
        "0.46",
        "1",
        "6.1",
        "12",
        "0.1",
    ]
