from __future__ import annotations

import re
from typing import Any

import pytest

pytestmark = pytest.mark.servers


def test_the_page_shows_who_and_how_far(filled: Any, get: Any, score: Any) -> None:
    filled.add(score("7"), score("8"))
    filled.add(score("7", version=2, p_cancel=0.6, events=1234), score("8", version=2, as_of=score().as_of + 7_200_000))
    page = get("/")
    assert page.status_code == 200
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page.text)).replace("\N{NARROW NO-BREAK SPACE}", " ")
    assert "1 of 2 listeners is at high risk of leaving within 30 days" in text
    assert "65.0 %" in text
    assert "1,234" in text
    assert "2 hours ago" in text
    assert "rose from low to high risk: 65 % to leave within 30 days, 60 % by cancelling" in text
    assert "Everybody, highest risk first" in text
    assert 'datetime="2018-10-31T17:33:20.000Z"' in page.text
    assert "m1" in text


def test_what_the_log_says_is_text_and_never_markup(filled: Any, get: Any, score: Any) -> None:
    evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    filled.add(score(evil, level="<b>paid", model_version="<i>"))
    filled.add(score(evil, version=2, p_cancel=0.7, level="<b>paid", model_version="<i>"))
    for path in ("/", "/?fragment=1"):
        html = get(path).text
        assert "<script>alert" not in html
        assert "<img" not in html
        assert "<b>paid" not in html
        assert "<i>" not in html
        assert html.count("&lt;script&gt;alert(1)") == 2  # in the ranking and in the alerts


def test_nothing_in_the_page_needs_an_unsafe_policy(filled: Any, get: Any, score: Any) -> None:
    filled.add(score("7"))
    answer = get("/")
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", answer.text)
    sources = re.findall(r'(?:href|src)="([^"]+)"', answer.text)
    assert sources
    assert all(source.startswith("/") and not source.startswith("//") for source in sources)


def test_every_file_the_page_names_is_there(get: Any) -> None:
    kinds = {"style.css": "text/css", "page.js": "javascript", "icon.svg": "image/svg+xml"}
    for source in re.findall(r'(?:href|src)="(/static/[^"]+)"', get("/").text):
        answer = get(source)
        assert answer.status_code == 200
        assert kinds.pop(source.removeprefix("/static/")) in answer.headers["content-type"]
        assert answer.headers["cache-control"] == "no-cache"
    assert not kinds


def test_the_fragment_is_the_part_that_changes(filled: Any, get: Any, score: Any) -> None:
    filled.add(score("7"))
    fragment = get("/?fragment=1").text
    assert "<!doctype" not in fragment
    assert fragment.strip() in get("/").text
    assert get("/?fragment=1").text == fragment  # nothing in it moves but what the view holds


def test_an_empty_view_says_what_to_do(get: Any) -> None:
    answer = get("/")
    assert answer.status_code == 200
    assert "No scores yet" in answer.text
    assert "churn stream" in answer.text
    assert "churn.events" in answer.text


def test_without_a_horizon_no_number_is_made_up(filled: Any, get: Any, score: Any) -> None:
    filled.add(score("7"), score("7", version=2, p_cancel=0.6))
    filled.view.redis.hdel("churn:policy", "horizon_days")
    text = re.sub(r"<[^>]+>", "", get("/").text)
    assert re.search(r"of leaving\s*$", text, re.MULTILINE)
    assert "to leave, 60" in text
    assert "days" not in text


def test_everybody_gone_is_not_an_empty_view(filled: Any, get: Any, score: Any) -> None:
    filled.add(score("7", status="cancelled"))
    assert "Nobody is ranked" in get("/").text


def test_without_redis_the_page_says_so(unreachable: Any) -> None:
    for path in ("/", "/?fragment=1"):
        answer = unreachable.client.get(path)
        assert answer.status_code == 503
        assert answer.headers["content-type"].startswith("text/html")
        assert answer.headers["retry-after"]
        assert "Redis cannot be reached." in answer.text
        assert "hunter2" not in answer.text


def test_only_the_first_fifty_are_listed(filled: Any, get: Any, score: Any) -> None:
    filled.add(*(score(f"u{i}") for i in range(60)))
    html = get("/").text
    assert html.count('class="user"') == 50
    assert "The first 50 of 60" in html


def test_a_look_at_the_head_is_allowed(served: Any) -> None:
    answer = served.client.head("/")
    assert (answer.status_code, answer.text) == (200, "")
