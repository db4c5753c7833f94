from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from churn.features import NAMES
from churn.view_features import packed, unpacked

values = st.dictionaries(st.sampled_from(NAMES), st.floats(allow_nan=False, allow_infinity=False))


@given(values)
def test_every_value_comes_back_to_the_last_bit(features: dict[str, float]) -> None:
    assert unpacked(packed(features).decode()) == features


def test_a_value_of_another_release_is_left_out() -> None:
    assert unpacked(packed({"paid": 1.0, "of_the_future": 2.0}).decode()) == {"paid": 1.0}


def test_nothing_is_nothing() -> None:
    assert unpacked(None) == {}


@pytest.mark.parametrize("text", [base64.b64encode(bytes(8)).decode(), "not base64 at all"])
def test_what_another_table_wrote_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"buffer|base64"):
        unpacked(text)
