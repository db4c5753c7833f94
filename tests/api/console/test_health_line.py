from __future__ import annotations

from dataclasses import replace

from api.console.health_line import (
    Sign,
    delay_sign,
    model_sign,
    publish_sign,
    redis_sign,
    stream_sign,
    verdict,
    webhooks_sign,
)
from api.console.pace import Pace
from api.health import Check
from api.webhooks.endpoints import Endpoint
from churn.pulse import Pulse

NOW_MS = 1_790_000_000_000
WELL = Sign("a", "well", "at work")


def pace(*events: int, age_ms: int = 0, p99_ms: float = 29) -> Pace:
    begins_ms = NOW_MS - age_ms - (len(events) - 1) * 1000
    figures = ((7.0, p99_ms) if count else (None, None) for count in events)
    return Pace([Pulse(begins_ms + n * 1000, 0, events[n], *each) for n, each in enumerate(figures)], NOW_MS)


def test_the_worst_sign_makes_the_sentence() -> None:
    unsure, unwell = replace(WELL, state="unsure"), replace(WELL, state="unwell")
    assert verdict([WELL, WELL]) == ("well", "All is well.")
    assert verdict([WELL, unsure]) == ("unsure", "All is well as far as can be told.")
    assert verdict([unsure, unwell, WELL]) == ("unwell", "Not all is well.")


def test_redis_says_what_readiness_says() -> None:
    good = Check(name="redis", ok=True, detail="as it should be", remedy="")
    bad = Check(name="policy", ok=False, detail="Redis holds no alert policy", remedy="Start `churn publish`.")
    assert redis_sign([good]).state == "well"
    sign = redis_sign([good, bad])
    assert sign.state == "unwell"
    assert sign.remedy == "Redis is not ready (`/readyz`). Redis holds no alert policy. Start `churn publish`."


def test_publish_is_alive_for_ten_seconds_after_its_last_sign() -> None:
    assert publish_sign(Pace([], NOW_MS)).state == "unwell"
    assert publish_sign(pace(1, age_ms=10_000)) == Sign("Publish", "well", "at work")
    sign = publish_sign(pace(1, age_ms=61_000))
    assert (sign.state, sign.words) == ("unwell", "no sign of life for 1 minute")
    assert "`churn publish`" in sign.remedy


def test_a_silent_stream_is_no_fault_but_is_told() -> None:
    assert stream_sign(pace(1)).words == "1 event scored in the last minute"
    assert stream_sign(pace(500, 734)).words == "1,234 events scored in the last minute"
    silent = stream_sign(pace(5, *[0] * 240))
    assert (silent.state, silent.words) == ("unsure", "silent for 4 minutes")
    assert "`churn stream`" in silent.remedy
    assert stream_sign(pace(*[0] * 300)).words == "silent for at least 4 minutes"
    assert stream_sign(pace(5, age_ms=60_000)).words == "not known without publish"


def test_a_delay_of_more_than_a_second_is_not_well() -> None:
    assert delay_sign(pace(10)) == Sign("Delay", "well", "half within about 7 ms, 99 of 100 within about 29 ms")
    assert delay_sign(pace(10, p99_ms=1000)).state == "well"
    late = delay_sign(pace(10, p99_ms=1100))
    assert (late.state, late.words) == ("unwell", "half within about 7 ms, 99 of 100 within about 1.1 s")
    assert delay_sign(pace(0)).state == "unsure"


def with_late(seconds: int) -> Pace:
    """A minute, the last seconds of which were late."""
    took_ms = [20] * (60 - seconds) + [9000] * seconds
    return Pace([Pulse(NOW_MS + (n - 59) * 1000, 0, 10, 15, each) for n, each in enumerate(took_ms)], NOW_MS)


def test_a_minute_of_which_almost_half_was_late_is_not_well() -> None:
    late = delay_sign(with_late(28))
    assert (late.state, late.words) == ("unwell", "half within about 15 ms, 99 of 100 within about 9.0 s")
    assert "47\N{NARROW NO-BREAK SPACE}% of those of the last minute" in late.remedy


def test_the_pause_at_the_end_of_a_batch_is_told_but_is_well() -> None:
    assert delay_sign(with_late(5)) == Sign(
        "Delay",
        "well",
        "half within about 15 ms, 99 of 100 within about 9.0 s; 8\N{NARROW NO-BREAK SPACE}% in slow seconds",
    )
    assert delay_sign(with_late(6)).state == "unwell"


def test_the_model() -> None:
    assert model_sign("m1", "m1", True) == Sign("Model", "well", "m1 is at hand")
    assert model_sign("", "m1", True).words == "m1 is at hand"
    assert model_sign("m1", "m2", True).state == "unsure"
    assert model_sign("m1", "m1", False).state == "unwell"
    assert "`churn train`" in model_sign("", None, False).remedy


def test_endpoints_that_fail_were_disabled_for_it_or_wait() -> None:
    good = Endpoint("ep_1", "https://a.example")
    by_hand = replace(good, state="disabled", disabled_for="by hand")
    ended = replace(good, state="disabled", disabled_for="it has failed for 5 days")
    failing = replace(good, failing_since_ms=NOW_MS)
    assert webhooks_sign([], 0).words == "no endpoint"
    assert webhooks_sign([good, by_hand], 0) == Sign("Webhooks", "well", "1 of 2 enabled")
    assert webhooks_sign([good, ended], 0).remedy.startswith("1 endpoint is disabled after failures")
    sign = webhooks_sign([failing, failing, ended], 0)
    assert (sign.state, sign.words) == ("unwell", "2 of 3 enabled, 2 failing")
    assert "2 endpoints are failing" in sign.remedy
    assert "`churn deliver`" in webhooks_sign([good], 61_000).remedy
    assert webhooks_sign([good], 60_000).state == "well"
    assert webhooks_sign([by_hand], 61_000).state == "well"
