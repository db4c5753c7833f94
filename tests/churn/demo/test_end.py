"""When a demo is to end."""

from __future__ import annotations

import threading
import time

import pytest

from churn.demo.end import End
from churn.signals import Stopped


def test_it_goes_on_until_a_signal() -> None:
    stopping = threading.Event()
    end = End(stopping, None)
    end.check()
    end.wait(0.01)
    assert not end.at_once
    stopping.set()
    assert end.at_once
    with pytest.raises(Stopped):
        end.check()


def test_a_signal_ends_a_wait() -> None:
    stopping = threading.Event()
    threading.Timer(0.1, stopping.set).start()
    began_s = time.monotonic()
    with pytest.raises(Stopped):
        End(stopping, None).wait(60)
    assert time.monotonic() - began_s < 5


def test_it_ends_when_the_time_is_over_and_nobody_waits_for_it() -> None:
    end = End(threading.Event(), 0.1)
    end.check()
    with pytest.raises(Stopped):
        end.wait(60)
    assert 0.1 <= end.elapsed_s < 5
    with pytest.raises(Stopped):
        end.check()
    assert not end.at_once
