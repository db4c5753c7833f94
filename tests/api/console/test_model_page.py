from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from api.console import model_bundle, model_report
from churn import bundle
from churn.features import NAMES
from churn.outcomes import HeartbeatPolicy
from churn.settings import DAY_MS
from tests.api.conftest import HORIZON_DAYS, NOW_MS, POLICY, Served
from tests.api.console.conftest import Visit
from tests.api.small_model import write_bundle

pytestmark = pytest.mark.servers

HOSTILE = "<b>free</b> ![x](y) | z"
SVG = """<?xml version="1.0"?>
<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="20pt" height="10pt"
 viewBox="0 0 20 10" version="1.1">
<defs><style type="text/css">*{stroke-linejoin: round}</style></defs>
<rect width="20" height="10" style="fill: #00ff00"/>
<script>parent.document.title = "taken"</script>
</svg>
"""
REPORT = f"""# Model m2

## In short

Figures of {HOSTILE}.

| | cancel |
| --- | --- |
| a \\| b | 1 |

![Curves of {HOSTILE}](pictures/ranking.svg)

![It is not there](pictures/missing.svg)

## Made with

numpy
"""


def figure(value: float, by: float | None = 0.1) -> dict[str, float | None]:
    return {"value": value, "low": None if by is None else value - by, "high": None if by is None else value + by}


def outcome(auc: float) -> dict[str, Any]:
    return {
        "auc": figure(auc), "lift_at_10": figure(2.5), "pr_auc_over_base": figure(2.25), "brier_skill": figure(0.05),
        "ece": figure(0.02, 0.01), "ece_if_perfect": 0.004, "ece_if_perfect_and_shared": 0.011, "n": 5000,
        "positives": 400, "base_rate": 0.08,
    }  # fmt: skip


RULE = {"auc": 0.61, "auc_above": figure(0.1, 0.05)}
MEMBERS: dict[str, Any] = {
    "created": "2018-11-01T08:06:44.992+00:00",
    "data": {"events": 155_445, "users": 187, "days": 42.0},
    "bands": {"alerts_per_thousand_per_day": 5.0, "medium_share": 0.2},
    "thresholds": {
        "medium": 0.3, "high": 0.5, "chosen_by": "capacity", "alerts_per_thousand_per_day": 4.7,
    },
    "training": {"date_parts": 10},
    "split": {"folds": 5, "edges_ms": [NOW_MS, NOW_MS + 9 * DAY_MS], "held_out": "users and dates"},
    "models": {"cancel": {"kind": "logistic", "options": {"spread": 0.1}}, "lapse": {"kind": "forest", "options": {}}},
    "software": {"numpy": "2.4.6"},
    "beware": [f"For {HOSTILE} the model is not surely better."],
    "metrics": {
        "test": {"cancel": outcome(0.687), "lapse": outcome(0.788), "risk": outcome(0.675)},
        "baselines": {each: {"level only": RULE, "base rate": RULE} for each in ("cancel", "lapse", "risk")},
    },
    "reliability": {"risk": [{"chance": 0.1, "rate": 0.12, "rows": 500}, {"chance": 0.5, "rate": 0.4, "rows": 500}]},
    "distribution": {
        "rows": 1000,
        "features": {name: {"edges": [5.0, 9.0], "shares": [0.8, 0.1, 0.1]} for name in NAMES},
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model whose card and report tell everything."""
    models = tmp_path_factory.mktemp("told")
    write_bundle(models, "m2", 14, members=MEMBERS, files={"report.md": REPORT, "pictures/ranking.svg": SVG})
    return models


@pytest.fixture
def telling(filled: Any, serve_on: Callable[..., Served], told: Path) -> Served:
    return serve_on(filled.url, models=told)


def closed(filled: Any, score: Any, users: int = 40) -> None:
    """Scores of 40 days; every other user of the high band leaves."""
    first = NOW_MS - 40 * DAY_MS
    for place in range(users):
        high = place < users // 2
        chances = {"p_cancel": 0.5 if high else 0.05, "p_lapse": 0.1 if high else 0.05}
        gone = high and place % 2 == 0
        filled.add(
            *(score(f"u{place}", version=day + 1, as_of=first + day * DAY_MS, **chances) for day in range(3)),
            score(
                f"u{place}", version=9, as_of=first + 5 * DAY_MS, status="cancelled" if gone else "active", **chances
            ),
            score(f"u{place}", version=10, as_of=NOW_MS, status="cancelled" if gone else "active", **chances),
        )


@pytest.fixture
def page(filled: Any, telling: Served, visit: Visit, scored: Any) -> Page:
    filled.view.redis.hset("churn:policy", "horizon_days", 14)
    closed(filled, scored)
    visitor = visit(telling)
    # Tall enough for all of it: what is scrolled to may just be replaced by what is newer.
    visitor.page.set_viewport_size({"width": 1280, "height": 6000})
    return visitor.go("/model")


def drawn(page: Page, name: str) -> None:
    expect(page.locator(f"#{name} .plot.js-plotly-plot .main-svg").first).to_be_attached()


def test_the_card(page: Page) -> None:
    expect(page.locator("h1")).to_have_text(
        "The model in use says who will leave within 14 days. "
        "It was trained on 155,445 events of 187 users over 42 days."
    )
    short = page.locator("#in-short")
    expect(short.get_by_role("row", name="AUC how often")).to_contain_text("0.687 0.587 to 0.787")
    expect(short.get_by_role("row", name="Calibration error")).to_contain_text("2.0\u202f% 1.0 to 3.0\u202f%")
    expect(short.get_by_role("row", name="ECE of a perfect model what")).to_contain_text("0.4\u202f%")
    expect(short.locator(".beware")).to_contain_text(HOSTILE)
    expect(page.locator("#baselines thead th")).to_have_text(
        ["Rule", *(cell for what in ("cancel", "lapse", "risk") for cell in (f"AUC for {what}", "Above"))]
    )
    expect(page.locator("#baselines").get_by_role("row", name="Level only")).to_contain_text("+0.100")
    expect(page.locator("#thresholds")).to_contain_text("at most 5 alerts a day per 1,000 active users")
    expect(page.locator("#made")).to_contain_text("logistic, spread 0.1")


def test_what_came_true(page: Page) -> None:
    honesty = page.locator("#honesty")
    expect(honesty).to_contain_text("150 scores of 40 users whose 14 days are over")
    row = honesty.locator("table.by-band").get_by_role("row", name="high")
    expect(row).to_contain_text("60.0\u202f%")
    expect(row.locator("b")).to_have_text(
        "42.9\u202f%"
    )  # ten who left, with three scores each; ten who stayed, with four
    drawn(page, "honesty-bands")
    drawn(page, "honesty-calibration")
    expect(page.locator("#honesty-calibration")).to_contain_text("In the report it was 6.0\u202f%.")
    page.locator("#honesty-calibration summary").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#honesty-calibration").get_by_role("row", name="report, 2")).to_contain_text("40.0\u202f%")
    expect(page.locator("#honesty-beware")).to_contain_text("A point does not say which model made it")


def test_drift_tells_which_features_moved(page: Page) -> None:
    drift = page.locator("#drift")
    expect(drift.locator(".verdict")).to_contain_text("of 32 features are far away from training")
    expect(drift).to_contain_text("30 active users of 30, each as of the event clock, against 1,000 rows of training.")
    tenure = drift.locator("tr[data-reading]", has_text="days since registration")
    expect(tenure).to_contain_text("far away")
    expect(tenure).to_contain_text("registered 100 days ago")


def test_pictures_look_as_they_were_drawn_and_do_nothing(page: Page) -> None:
    image = page.locator("#report img")
    expect(image).to_have_attribute("alt", f"Curves of {HOSTILE}")
    expect(image).to_have_js_property("naturalWidth", 27)  # 20 points
    colour = page.evaluate(
        """() => { const c = document.createElement('canvas'); c.width = c.height = 9;
        c.getContext('2d').drawImage(document.querySelector('#report img'), 0, 0, 9, 9);
        return [...c.getContext('2d').getImageData(4, 4, 1, 1).data]; }"""
    )
    assert colour == [0, 255, 0, 255]
    expect(page).to_have_title("Model · Sparkify churn")
    expect(page.locator("#report img")).to_have_count(1)
    expect(page.locator("#report")).to_contain_text(f"Figures of {HOSTILE}.")
    expect(page.locator("#report").get_by_role("rowheader", include_hidden=True).first).to_have_text("a | b")


def test_a_reader_sees_all_of_it(filled: Any, telling: Served, visit: Visit, scored: Any) -> None:
    closed(filled, scored, users=2)
    page = visit(telling, scopes=("read",)).go("/model")
    expect(page.locator("#report img")).to_have_count(1)
    expect(page.locator("#drift .verdict")).to_be_visible()


def test_it_comes_alive_without_a_reload(filled: Any, telling: Served, visit: Visit, scored: Any) -> None:
    page = visit(telling).go("/model")
    expect(page.locator("#drift")).to_contain_text("Nobody is active now")
    expect(page.locator("#link")).to_have_text("Live")
    page.evaluate("window.kept = true")
    closed(filled, scored)
    expect(page.locator("#drift .verdict")).to_be_visible()
    expect(page.locator("#honesty .verdict")).to_be_visible()
    assert page.evaluate("window.kept") is True


def test_nothing_has_closed(filled: Any, telling: Served, visit: Visit, scored: Any) -> None:
    filled.add(scored("7", as_of=NOW_MS - 2 * DAY_MS), scored("8"))
    filled.view.redis.hset("churn:policy", "horizon_days", 14)
    page = visit(telling).go("/model")
    expect(page.locator("#honesty")).to_contain_text(
        "Nothing has closed yet. Scores exist since 29 Oct 2018, 15:33 UTC; the first of them has had its 14 days on "
        "12 Nov 2018, 15:33 UTC, in 12 days by the event clock."
    )


def test_an_empty_view(telling: Served, visit: Visit) -> None:
    page = visit(telling).go("/model")
    expect(page.locator("#honesty")).to_contain_text("Nobody has been scored yet")


def test_an_older_card_without_a_report(filled: Any, visit: Visit, scored: Any) -> None:
    filled.add(scored("7"))
    page = visit().go("/model")
    expect(page.locator("#in-short")).to_contain_text("The card of this model tells no figures")
    expect(page.locator("#drift")).to_contain_text("does not tell how its features were spread")
    expect(page.locator("#report")).to_contain_text("This model has no report")


def test_without_a_model(
    filled: Any, serve_on: Callable[..., Served], visit: Visit, scored: Any, tmp_path: Path
) -> None:
    closed(filled, scored)
    page = visit(serve_on(filled.url, models=tmp_path)).go("/model")
    expect(page.locator("h1")).to_have_text("No model is at hand")
    expect(page.locator("#drift")).to_contain_text("Without a model")


def test_a_card_that_is_not_as_it_should_be(
    filled: Any, serve_on: Callable[..., Served], visit: Visit, tmp_path: Path
) -> None:
    write_bundle(tmp_path, "m3", members={"metrics": {"test": 5}})
    page = visit(serve_on(filled.url, models=tmp_path)).go("/model")
    expect(page.locator("#live")).to_be_attached()
    expect(page.locator(".state")).to_contain_text("The card of the model m3 is not as it should be")


@pytest.mark.parametrize("name", ["missing", "..%2Fcard", "../card", "ranking.svg", "%00"])
def test_nothing_but_the_pictures_is_served(telling: Served, name: str) -> None:
    assert telling.client.get(f"/model/pictures/{name}.svg").status_code == 404


def test_a_picture_is_told_what_it_is(telling: Served) -> None:
    answer = telling.client.get("/model/pictures/ranking.svg")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
    assert answer.text == SVG
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "'unsafe-inline'" not in answer.headers["content-security-policy"]
    assert telling.client.get("/model/pictures/ranking.svg", headers={"Authorization": ""}).status_code == 303


def test_a_picture_is_packed_once_and_sent_once(
    filled: Any, serve_on: Callable[..., Served], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_bundle(tmp_path, "m2", 14, files={"pictures/ranking.svg": SVG})
    telling = serve_on(filled.url, models=tmp_path)
    first = telling.client.get("/model/pictures/ranking.svg", headers={"Accept-Encoding": "gzip"})
    assert (first.text, first.headers["content-encoding"]) == (SVG, "gzip")
    assert first.headers["cache-control"] == "private, no-cache"
    monkeypatch.setattr(gzip, "compress", None)
    plain = telling.client.get("/model/pictures/ranking.svg", headers={"Accept-Encoding": "identity"})
    assert (plain.text, plain.headers["etag"]) == (SVG, first.headers["etag"])
    again = telling.client.get("/model/pictures/ranking.svg", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    write_bundle(tmp_path, "m3", 14, files={"pictures/ranking.svg": SVG.replace("00ff00", "0000ff")})
    monkeypatch.undo()
    other = telling.client.get("/model/pictures/ranking.svg", headers={"If-None-Match": first.headers["etag"]})
    assert (other.status_code, other.text) == (200, SVG.replace("00ff00", "0000ff"))


def test_one_model_is_remembered_however_many_were_chosen(
    filled: Any, serve_on: Callable[..., Served], tmp_path: Path
) -> None:
    telling = serve_on(filled.url, models=tmp_path)
    for version in ("m3", "m4"):
        write_bundle(tmp_path, version, 14)
        assert model_bundle.in_use(telling.context).version == version
    assert [name for name in telling.context.remembered._held if name.startswith("model")] == ["model"]


def test_sections_of_a_report(told: Path) -> None:
    first, second = model_report.sections(bundle.load(told))
    assert (first.title, second.title, list(second.paragraphs)) == ("In short", "Made with", ["numpy"])
    table, picture = first.parts
    assert isinstance(table, model_report.ReportTable)
    assert isinstance(picture, model_report.Picture)
    assert (picture.name, picture.width, picture.height) == ("ranking", 20, 10)


def test_the_first_scores_are_not_kept_waiting(filled: Any, telling: Served, scored: Any) -> None:
    assert "Nobody is active now" in telling.client.get("/model").text
    filled.view.redis.delete("churn:policy")  # nobody has told the horizon yet
    assert "Nobody has been scored yet" in telling.client.get("/model").text
    filled.view.prepare(POLICY, HORIZON_DAYS, HeartbeatPolicy(DAY_MS, 7 * DAY_MS))
    filled.add(scored("7"))
    page = telling.client.get("/model").text
    assert "Nobody is active now" not in page
    assert "Nobody has been scored yet" not in page
