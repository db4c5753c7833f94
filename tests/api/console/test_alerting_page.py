"""The page Alerting: the policy and its trial on the past, thresholds, endpoints and what was sent there."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from api import backtests
from api.console import alerting_sweep
from api.console.alerting_webhooks import filter_words
from api.console.watch import DELIVERIES, EVERYTHING, of_user, reader
from api.sweeps import Sweep, Tried
from api.webhooks.deliveries import FUNCTIONS, Attempt
from api.webhooks.endpoints import Wanted
from churn import bundle, chosen_policy
from churn.keys import SCOPES, Keys
from churn.settings import DAY_MS, Settings
from streaming.thresholds import Thresholds
from tests.api.conftest import Served
from tests.api.console.conftest import Visit
from tests.api.webhooks.conftest import HERE, Deliver
from tests.api.webhooks.receiver import Receiver

pytestmark = pytest.mark.servers

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def served(filled: Any, serve_on: Callable[..., Served]) -> Served:
    """A webhook may go to this machine."""
    return serve_on(filled.url, webhooks={"http_networks": HERE})


@pytest.fixture
def publisher(filled: Any, small_models: Any) -> Thresholds:
    """The part of the publisher that takes policies over."""
    thresholds = Thresholds(Settings(models=small_models), bundle.load(small_models))
    thresholds.prepare(filled.view)
    return thresholds


@pytest.fixture
def risen(filled: Any, scored: Any, publisher: Thresholds) -> None:
    """Ten users of the past: some rise, and half of these leave."""
    begin = scored("0").as_of
    for number in range(10):
        risen = {"adverts_14d": 20.0 + 25.0 * number}
        last = "cancelled" if number % 2 else "active"
        filled.add(
            scored(f"u{number}"),
            scored(f"u{number}", risen, version=2, as_of=begin + DAY_MS),
            scored(f"u{number}", risen, version=3, as_of=begin + 4 * DAY_MS, status=last),
        )
    filled.add(scored("later", as_of=begin + 50 * DAY_MS))


def made(served: Served, url: str, **wanted: Any) -> Any:
    answer = served.client.post("/v1/endpoints", json={"url": url, "description": "CRM", **wanted})
    assert answer.status_code == 201
    return answer.json()


def tried(
    served: Served, delivery: str, status: int | None, error: str = "", answer: str = "", state: str = "dead"
) -> None:
    """Notes an attempt as the courier does."""
    now_ms = served.wall.now_ms
    held = served.context.deliveries.get(delivery)
    noted = json.dumps(asdict(Attempt(now_ms, status, error, 41, answer)))
    due_ms = now_ms + 5000 if state == "waiting" else ""
    FUNCTIONS.call(
        served.context.view.redis, "churn_attempted", delivery, held.endpoint, noted, state, now_ms, due_ms, 3600
    )


def pinged(served: Served, endpoint: Any) -> str:
    served.wall.now_ms += 1
    return str(served.client.post(f"/v1/endpoints/{endpoint['id']}/ping").json()["delivery"])


class TestPolicy:
    def test_what_holds_stands_there_in_words(self, filled: Any, publisher: Thresholds, get: Any) -> None:
        html = get("/alerting").text
        assert "A user enters the high band at 50\u202f% risk, and leaves it below 42.5\u202f%." in html
        assert "at most one about a user in 7 days" in html
        assert "There are no quiet hours." in html
        assert 'data-state="applied"' in html

    def test_it_is_tried_on_the_past_before_it_is_applied(
        self, risen: None, filled: Any, visit: Visit, publisher: Thresholds, get: Any
    ) -> None:
        page = visit().go("/alerting")
        page.get_by_role("button", name="Change the policy…").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("High band from a risk of").fill("80")
        dialog.get_by_label("Quiet from").fill("22:00")
        dialog.get_by_label("Quiet until").fill("07:30")
        expect(dialog.get_by_role("button", name="Apply it")).to_be_hidden()
        page.keyboard.press("Enter")
        expect(dialog.get_by_text(re.compile(r"With it: .* alerts a day over 50 days of 11 users"))).to_be_visible()
        expect(dialog.get_by_text(re.compile("^Now: "))).to_be_visible()
        assert get("/v1/policy").json()["changes"] == {}
        dialog.get_by_label("Quiet until").fill("07:00")  # another policy is another trial
        expect(dialog.get_by_role("button", name="Apply it")).to_be_hidden()
        dialog.get_by_role("button", name="Try it on the past").click()
        expect(dialog.get_by_role("button", name="Apply it")).to_be_focused()
        page.keyboard.press("Enter")
        expect(dialog).to_be_hidden()
        wanted = {"high": 0.8, "quiet_from": "22:00", "quiet_until": "07:00"}
        assert get("/v1/policy").json()["changes"] == wanted
        expect(page.locator("#policy-state")).to_have_attribute("data-state", "waits")
        publisher.follow(filled.view)
        expect(page.locator("#policy-state")).to_have_attribute("data-state", "applied")
        expect(page.get_by_text("From 22:00 to 07:00 (UTC) alerts wait")).to_be_visible()
        expect(page.locator("#changed-since")).to_be_visible()

        page.get_by_role("button", name="Back to the settings…").click()
        page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
        assert get("/v1/policy").json()["changes"] == wanted
        page.get_by_role("button", name="Back to the settings…").click()
        page.get_by_role("dialog").get_by_role("button", name="Go back").click()
        expect(page.get_by_role("button", name="Back to the settings…")).to_have_count(0)
        assert get("/v1/policy").json()["changes"] == {}

    def test_the_dialog_shows_what_others_have_chosen_meanwhile(
        self, risen: None, visit: Visit, served: Served
    ) -> None:
        page = visit().go("/alerting")
        high = page.get_by_role("dialog").get_by_label("High band from a risk of")
        for chosen, shown in ((0.61, "61"), (0.7, "70"), (None, "")):
            served.client.patch("/v1/policy", json={"high": chosen})
            said = page.get_by_text(f"Chosen here: high band from a risk of {shown}")
            expect(said).to_have_count(1 if shown else 0)
            page.get_by_role("button", name="Change the policy…").click()
            expect(high).to_have_value(shown)
            page.get_by_role("button", name="Try it on the past").click()
            expect(page.get_by_role("dialog").locator("output")).to_have_text("Nothing is other than it was.")
            high.fill("44")  # given up with the dialog
            page.keyboard.press("Escape")

    def test_what_is_no_policy_is_said_in_the_dialog(self, risen: None, visit: Visit) -> None:
        visitor = visit()
        page = visitor.go("/alerting")
        page.get_by_role("button", name="Change the policy…").click()
        page.get_by_label("High band from a risk of").last.fill("10")
        page.get_by_role("button", name="Try it on the past").click()
        expect(page.get_by_role("dialog").locator("output")).to_contain_text("above the high one")
        assert all("422" in each for each in visitor.complaints)
        visitor.complaints.clear()

    def test_what_publish_refuses_is_said_with_the_reason(
        self, filled: Any, publisher: Thresholds, get: Any, served: Any
    ) -> None:
        chosen_policy.write(filled.view.redis, {"medium": 0.8})
        html = get("/alerting").text
        assert 'data-state="refused"' in html
        assert "at 0.8, above the high band at 0.5" in html

    def test_before_publish_has_ever_run(self, filled: Any, get: Any) -> None:
        filled.view.redis.flushdb()
        # The key of this test is gone with it.
        headers = {"Authorization": f"Bearer {_key(filled)}"}
        html = get("/alerting", headers=headers).text
        assert "Nobody has said by what alerts are decided" in html


def _key(filled: Any) -> str:
    return Keys(filled.view.redis, lambda: 1_541_000_000_000).create("again", SCOPES)[1]


class TestThreshold:
    def test_a_slider_shows_at_once_what_it_would_bring(
        self, risen: None, filled: Any, visit: Visit, served: Any, publisher: Thresholds, get: Any
    ) -> None:
        page = visit().go("/alerting")
        expect(page.locator("#tradeoff .js-plotly-plot")).to_be_visible()
        slider = page.get_by_role("slider", name="High band from a risk of")
        expect(slider).to_have_attribute("aria-valuetext", "50\u202f%")
        expect(page.get_by_role("button", name="Use this threshold")).to_be_hidden()
        slider.focus()
        page.keyboard.press("ArrowRight")
        tried = served.client.post("/v1/policies/sweep", json={}).json()["tried"]
        last = next(each for each in tried if each["high"] > 0.5)
        expect(page.locator("#at-decided")).to_have_text(f"{last['decided']} decided of {last['alerts']}")
        expect(page.locator("#at-repeats")).to_have_text(f"{last['repeats']} of {last['alerts']}")
        expect(slider).to_have_attribute("aria-valuetext", re.compile("alerts a day"))
        page.get_by_role("button", name="Use this threshold").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text(f"of the {last['decided']} that are decided came true. Now, at 50")
        dialog.get_by_role("button", name="Use this threshold").click()
        expect(page.locator("#policy-state")).to_have_attribute("data-state", "waits")
        assert get("/v1/policy").json()["changes"] == {"high": last["high"]}
        publisher.follow(filled.view)
        expect(page.locator("#changed-since")).to_be_visible()
        page.get_by_role("link", name="Work it out again").click()
        expect(page.get_by_role("slider")).to_have_attribute("aria-valuetext", re.compile(f"{last['high'] * 100:.1f}"))

    def test_what_the_team_can_take_is_a_line_and_a_sentence(self, risen: None, visit: Visit) -> None:
        page = visit().go("/alerting")
        page.get_by_label("Alerts a day that the team can take").fill("0.1")
        expect(page.locator("#fits")).to_contain_text("on the team can take all of them")
        said = page.locator("#fits").text_content()
        assert '"capacity":0.1' in str(page.locator("#tradeoff").get_attribute("data-figures"))
        expect(page).to_have_url(re.compile("capacity=0.1"))
        page.reload()
        expect(page.locator("#fits")).to_have_text(str(said))
        expect(page.get_by_label("Alerts a day that the team can take")).to_have_value("0.1")

    def test_the_table_has_all_of_it_and_few_decided_alerts_are_said(self, risen: None, served: Any, get: Any) -> None:
        told = served.client.post("/v1/policies/sweep", json={}).json()
        html = get("/alerting").text
        table = html.split('id="tradeoff-table"')[1].split("</details>")[0]
        assert table.count('<th scope="row">') == len(told["tried"])
        assert all(f"{each['high'] * 100:.1f}".rstrip("0").rstrip(".") in table for each in told["tried"])
        assert "decided: the precision may be far off" in html
        assert "Worked out" in html
        assert "of all users" in html
        assert "every six hours" in html

    def test_without_a_past_it_says_so(self, filled: Any, publisher: Thresholds, get: Any, scored: Any) -> None:
        assert "There are no histories yet" in get("/alerting").text

    def test_where_nobody_would_be_told_it_says_so(
        self, filled: Any, publisher: Thresholds, get: Any, scored: Any
    ) -> None:
        filled.add(scored("7"))
        assert "At no threshold here would there have been an alert" in get("/alerting").text

    def test_it_is_worked_out_once_a_minute_and_anew_for_another_policy(
        self, risen: None, served: Any, get: Any, filled: Any, publisher: Thresholds, monkeypatch: Any
    ) -> None:
        worked: list[float] = []
        real = alerting_sweep.sweep
        monkeypatch.setattr(alerting_sweep, "sweep", lambda *asked: worked.append(1) or real(*asked))
        for _ in range(3):
            get("/alerting")
        get("/alerting", params={"fragment": "1"})
        assert len(worked) == 1
        served.client.patch("/v1/policy", json={"cool_down_days": 1})
        get("/alerting")
        assert len(worked) == 2

    def test_while_another_is_under_way_the_rest_is_shown(self, risen: None, get: Any, monkeypatch: Any) -> None:
        class Held:
            """A lock that somebody else has; whoever waits for it keeps a thread that all requests share."""

            def acquire(self, timeout: float) -> bool:
                assert timeout <= 1
                return False

        monkeypatch.setattr(backtests, "UNDER_WAY", Held())
        answer = get("/alerting")
        assert (answer.status_code, "Another backtest is under way" in answer.text) == (200, True)
        assert "The policy that holds now" in answer.text


class TestWebhooks:
    def test_an_endpoint_is_made_tested_and_seen_to_be_delivered_to(
        self, filled: Any, visit: Visit, receiver: Receiver, deliver: Deliver, publisher: Thresholds
    ) -> None:
        receiver.answer = b"thanks <b>a lot</b>"
        receiver.status = 200
        deliver.start()
        page = visit(permissions=["clipboard-read", "clipboard-write"]).go("/alerting")
        expect(page.get_by_text("No other system is told of alerts.")).to_be_visible()
        page.get_by_role("button", name="New endpoint…").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("URL").fill(receiver.url)
        dialog.get_by_label("What it is").fill("CRM")
        dialog.get_by_label("high", exact=True).check()
        dialog.get_by_label("adverts").check()
        dialog.get_by_role("button", name="Make it").click()
        expect(dialog).to_contain_text("shown this once and not again")
        secret = page.locator("#secret").text_content()
        assert str(secret).startswith("whsec_")
        dialog.get_by_role("button", name="Copy").click()
        expect(page.locator("#copied")).to_have_text("Copied.")
        assert page.evaluate("navigator.clipboard.readText()") == secret
        dialog.get_by_role("button", name="I have kept it").click()
        expect(page.locator("#secret")).to_be_empty()
        assert str(secret) not in page.content()
        endpoint = page.get_by_role("article", name="CRM")
        expect(endpoint).to_contain_text("only in the high band, driven by adverts")
        page.evaluate("window.here = true")
        endpoint.get_by_role("button", name="Send a test").click()
        expect(endpoint.locator(".ping")).to_contain_text("delivered, answered 200 after", timeout=20_000)
        row = page.locator("tr[data-delivery]")
        expect(row).to_contain_text("delivered")
        row.locator("summary").focus()
        page.keyboard.press("Enter")
        expect(row.locator("pre")).to_have_text("thanks <b>a lot</b>")
        assert len(receiver.got) == 1
        row.get_by_role("button", name="Replay").click()
        expect(row.locator("li")).to_have_count(2, timeout=20_000)
        expect(row.locator("details")).to_have_attribute("open", "")  # what was unfolded stays so
        assert page.evaluate("window.here") is True

    def test_it_is_switched_rotated_and_deleted(self, served: Any, visit: Visit) -> None:
        endpoint = made(served, "http://127.0.0.1:9/hook")
        page = visit().go("/alerting")
        article = page.get_by_role("article", name="CRM")
        switch = article.get_by_role("button", name="Disable")
        switch.focus()
        page.keyboard.press("Enter")
        expect(article).to_contain_text("disabled: by hand")
        article.get_by_role("button", name="Enable").click()
        expect(article.get_by_role("button", name="Disable")).to_be_visible()
        article.get_by_role("button", name="Rotate the secret…").click()
        page.get_by_role("dialog").get_by_role("button", name="Rotate it").click()
        expect(page.locator("#secret")).to_have_text(re.compile("^whsec_"))
        page.keyboard.press("Escape")
        expect(page.locator("#secret")).to_be_empty()
        expect(article).to_contain_text("The secret before counts until")
        article.get_by_role("button", name="Delete…").click()
        expect(page.get_by_role("button", name="Cancel").last).to_be_focused()
        page.keyboard.press("Escape")
        assert served.client.get(f"/v1/endpoints/{endpoint['id']}").status_code == 200
        article.get_by_role("button", name="Delete…").click()
        page.get_by_role("dialog").get_by_role("button", name="Delete it").click()
        expect(article).to_have_count(0)
        assert served.client.get(f"/v1/endpoints/{endpoint['id']}").status_code == 404

    def test_failures_come_first_when_asked_for_and_the_dead_are_replayed(
        self, served: Any, visit: Visit, get: Any
    ) -> None:
        endpoint = made(served, "http://127.0.0.1:9/hook")
        failed = pinged(served, endpoint)
        tried(served, failed, 503, answer="out of order")
        for _ in range(25):
            tried(served, pinged(served, endpoint), 204, state="delivered")
        page = visit().go("/alerting")
        expect(page.locator("tr[data-delivery]")).to_have_count(20)
        expect(page.locator(f"tr[data-delivery={failed}]")).to_have_count(0)
        page.get_by_role("link", name="Failures first").click()
        first = page.locator("tr[data-delivery]").first
        expect(first).to_have_attribute("data-delivery", failed)
        expect(first).to_contain_text("answered 503")
        page.get_by_role("button", name="Replay the dead…").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Those that died since").fill("2018-10-01T00:00")
        dialog.get_by_role("button", name="Replay them").click()
        expect(page.locator("#told")).to_have_text("1 are sent once more.")
        expect(page.locator(f"tr[data-delivery={failed}]")).to_have_count(0)
        assert served.client.get(f"/v1/deliveries/{failed}").json()["state"] == "waiting"

    def test_what_others_have_written_stays_text(self, served: Any, visit: Visit) -> None:
        endpoint = made(served, "http://127.0.0.1:9/<b>", description=HOSTILE)
        tried(served, pinged(served, endpoint), None, error=f"refused: {HOSTILE}")
        tried(served, pinged(served, endpoint), 500, answer=HOSTILE * 20)
        page = visit().go("/alerting")
        expect(page.get_by_role("heading", name=HOSTILE).first).to_be_visible()
        page.get_by_role("button", name="Delete…").click()
        expect(page.locator("#sure-title")).to_have_text(f"Delete {HOSTILE}?")
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Send a test").click()
        expect(page.locator("#told")).to_contain_text(HOSTILE)
        expect(page.locator("img")).to_have_count(0)

    def test_where_a_webhook_may_not_go_is_said_in_the_dialog(self, filled: Any, visit: Visit) -> None:
        visitor = visit()
        page = visitor.go("/alerting")
        page.get_by_role("button", name="New endpoint…").click()
        page.get_by_label("URL").fill("http://10.0.0.1/hook")
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog").locator("output")).to_contain_text("https")
        expect(page.get_by_label("URL")).to_have_value("http://10.0.0.1/hook")
        assert all("422" in each for each in visitor.complaints)
        visitor.complaints.clear()

    def test_without_a_secret_key_it_says_what_to_set(self, filled: Any, serve_on: Any) -> None:
        bare = serve_on(filled.url, secrets={})
        html = bare.client.get("/alerting").text
        assert "secrets.key_file" in html
        assert 'id="new-endpoint"' not in html


def test_a_reader_sees_and_cannot_change(risen: None, served: Any, visit: Visit) -> None:
    made(served, "http://127.0.0.1:9/hook", description="only admins know")
    page = visit(scopes=("read", "write")).go("/alerting")
    expect(page.locator("#link")).to_have_text("Live")
    expect(page.get_by_text("To use another threshold a key needs the scope admin.")).to_be_visible()
    expect(page.get_by_text("To change it a key needs the scope admin.")).to_be_visible()
    expect(page.get_by_text("To see endpoints and what was sent there a key needs the scope admin.")).to_be_visible()
    page.get_by_role("slider").focus()
    page.keyboard.press("Home")
    expect(page.locator("#threshold-words")).not_to_have_text("50\u202f%")
    expect(page.locator("main button")).to_have_count(0)
    assert "only admins know" not in page.content()


def test_it_reads_without_a_script(risen: None, served: Any, visit: Visit) -> None:
    made(served, "http://127.0.0.1:9/hook")
    page = visit(java_script_enabled=False).go("/alerting")
    expect(page.get_by_role("slider")).to_be_hidden()
    page.locator("#tradeoff-table summary").click()
    expect(page.get_by_role("table").first).to_contain_text("Median lead time")
    page.get_by_label("Alerts a day that the team can take").fill("0.1")
    page.get_by_role("button", name="Work it out").click()
    expect(page.locator("#fits")).to_contain_text("on the team can take all of them")


def test_whatever_changes_about_deliveries_is_another_state(filled: Any, served: Any, scored: Any) -> None:
    filled.add(scored("7"))
    read = reader(filled.view)
    seen: list[str] = []

    def changed() -> bool:
        states = read([of_user("7"), DELIVERIES, EVERYTHING])
        assert len(states) == 3
        seen.append(states[DELIVERIES])
        return len(seen) < 2 or seen[-1] != seen[-2]

    changed()
    assert not changed()
    endpoint = made(served, "http://127.0.0.1:9/hook")
    assert changed()
    delivery = pinged(served, endpoint)
    assert changed()
    FUNCTIONS.call(filled.view.redis, "churn_claim", endpoint["id"], served.wall.now_ms, served.wall.now_ms + 30_000, 8)
    assert changed()
    tried(served, delivery, 500, state="waiting")
    assert changed()
    tried(served, delivery, 500)
    assert changed()
    served.client.post(f"/v1/deliveries/{delivery}/replay")
    served.wall.now_ms += 1
    tried(served, delivery, 500)
    assert changed()
    served.client.post(f"/v1/deliveries/{delivery}/replay")
    served.wall.now_ms += 1
    tried(served, delivery, 500)  # replayed, and dead again before anybody has looked
    assert changed()
    served.client.post(f"/v1/deliveries/{delivery}/replay")
    assert changed()
    tried(served, delivery, 204, state="delivered")
    assert changed()
    served.client.patch(f"/v1/endpoints/{endpoint['id']}", json={"state": "disabled"})
    assert changed()
    served.client.delete(f"/v1/endpoints/{endpoint['id']}")
    assert changed()
    assert not changed()


def test_a_filter_in_words() -> None:
    assert filter_words(Wanted()) == "all of them"
    wanted = Wanted(("high", "medium"), ("adverts",), ("paid",), ("rise",), 0.2)
    assert filter_words(wanted) == (
        "only in the high or medium band, driven by adverts, on the paid plan, raised by a rise, "
        "where the risk rose by 20 points at least"
    )


@pytest.mark.parametrize(("rise", "words"), [(0.004, "0.4 points"), (0.125, "12.5 points"), (0.29, "29 points")])
def test_points_keep_their_digits(filled: Any, publisher: Thresholds, get: Any, rise: float, words: str) -> None:
    chosen_policy.write(filled.view.redis, {"rise": rise})
    publisher.follow(filled.view)
    told = get("/alerting").text
    assert f"A risk that grows by {words} within" in told
    assert f"alert when the risk grows by {words}" in told
    assert filter_words(Wanted(least_rise=rise)) == f"only where the risk rose by {words} at least"


def test_from_where_on_the_team_can_take_all_is_meant(risen: None, get: Any, visit: Visit) -> None:
    def tried(high: float, alerts_per_day: float) -> Tried:
        return Tried(high=high, alerts=9, alerts_per_day=alerts_per_day, decided=0, precision=None,
                     precision_from=None, precision_to=None, repeats=0, lead_days=None)  # fmt: skip

    alerts = [0.0, 8.0, 5.0, 2.0]  # below, all are high from their first point on, and never enter
    found = Sweep(medium=0.1, high=0.3, users=9, of_users=9, days=60,
                  tried=[tried((place + 1) / 10, each) for place, each in enumerate(alerts)])  # fmt: skip
    fits = [alerting_sweep.shown(found, 0, capacity).fits for capacity in (1, 2, 6, 8)]
    assert [each.replace("\N{NARROW NO-BREAK SPACE}", " ").split(" on ")[0] for each in fits] == [
        "At no threshold here could the team take all of them.", "From 40 %", "From 30 %", "From 10 %",
    ]  # fmt: skip

    def otherwise(route: Route) -> None:
        answer = route.fetch()
        count = len(json.loads(html.unescape(re.findall(r'data-figures="([^"]*)"', answer.text())[0]))["alerts"])
        figures = f"&#34;alerts&#34;:{[0, *range(count, 1, -1)]}"
        route.fulfill(response=answer, body=re.sub(r"&#34;alerts&#34;:\[[^]]*\]", figures, answer.text(), count=1))

    visitor = visit()
    visitor.page.route("**/alerting", otherwise)
    page = visitor.go("/alerting")
    page.get_by_label("Alerts a day that the team can take").fill("1")
    expect(page.locator("#fits")).to_have_text("At no threshold here could the team take all of them.")
