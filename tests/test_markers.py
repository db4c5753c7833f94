"""What is not marked starts no JVM; the hook and the fixture that see to it are in `conftest.py`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest
from pyspark.java_gateway import launch_gateway

from tests.conftest import MUST_RUN, pytest_runtest_setup


def test_a_test_that_is_not_marked_cannot_start_spark() -> None:
    with pytest.raises(OSError, match="spark-submit"):
        launch_gateway()  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("fixture", MUST_RUN)
@pytest.mark.parametrize("marked", [True, False])
def test_who_uses_a_server_says_so(fixture: str, marked: bool) -> None:
    item = SimpleNamespace(fixturenames=["tmp_path", fixture], get_closest_marker=lambda name: marked)
    if marked:
        pytest_runtest_setup(cast(pytest.Item, item))
    else:
        with pytest.raises(pytest.fail.Exception, match=f"uses the fixture {fixture} and is not marked"):
            pytest_runtest_setup(cast(pytest.Item, item))
