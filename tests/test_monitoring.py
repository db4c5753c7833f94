"""Prometheus and Grafana are told of metrics that exist, and of all of them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import Any

import pytest
import yaml

from churn import metrics, spark_metrics
from churn.settings import PROJECT, Settings

CONF = PROJECT / "conf"
SUFFIXES = ("_bucket", "_sum", "_count")


def declared() -> set[str]:
    families = [
        family
        for registry in (metrics.API, metrics.STREAM, metrics.PUBLISH, metrics.DELIVER)
        for family in registry.collect()
    ]
    return {f.name + "_total" * (f.type == "counter") for f in families if f.name.startswith("churn_")}


def named(text: str) -> set[str]:
    found = re.findall(r"\bchurn_[a-z_]+", text)
    return {next((name.removesuffix(end) for end in SUFFIXES if name.endswith(end)), name) for name in found}


def rules() -> list[dict[str, Any]]:
    return list(yaml.safe_load((CONF / "prometheus-alerts.yml").read_text())["groups"][0]["rules"])


def test_alert_rules_ask_for_metrics_that_exist_and_say_what_to_do() -> None:
    manual = (PROJECT / "docs" / "operations.md").read_text()
    for rule in rules():
        assert named(rule["expr"]) <= declared(), rule["alert"]
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert set(rule["annotations"]) == {"summary", "description"}
        for section in re.findall(r"see ([A-Z][\w ,]+?)\.", rule["annotations"]["description"], flags=re.IGNORECASE):
            assert f"## {section}\n" in manual, section


def test_the_dashboard_shows_every_metric_and_no_other() -> None:
    panels = json.loads((CONF / "grafana" / "churn.json").read_text())["panels"]
    asked = {name for panel in panels for target in panel["targets"] for name in named(target["expr"])}
    assert asked == declared()
    assert all(panel["title"] and panel["description"] for panel in panels)


def test_no_panel_lies_on_another() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads((CONF / "grafana" / "churn.json").read_text())["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells


def test_every_program_is_scraped_where_it_listens_by_default() -> None:
    settings = Settings()
    text = (CONF / "prometheus.yml").read_text()
    assert "spark" not in {job["job_name"] for job in yaml.safe_load(text)["scrape_configs"]}
    all_of_it = yaml.safe_load(re.sub(r"^  #(?=- |  )", "  ", text, flags=re.MULTILINE))  # with what is off by default
    jobs = {job["job_name"]: job for job in all_of_it["scrape_configs"]}
    scraped = {name: job["static_configs"][0]["targets"][0] for name, job in jobs.items()}
    # The port of what is off is the one that the file of settings shows.
    shown = re.search(r"^# spark_metrics_port = (\d+)$", (CONF / "churn.toml").read_text(), flags=re.MULTILINE)
    assert shown
    assert jobs["spark"]["metrics_path"] == spark_metrics.PATH
    ports = {
        "spark": int(shown[1]),
        "stream": settings.stream.metrics_port,
        "publish": settings.publish.metrics_port,
        "deliver": settings.webhooks.metrics_port,
        "api": settings.api.port,
    }
    assert scraped == {job: f"127.0.0.1:{port}" for job, port in ports.items()}


@pytest.mark.parametrize("file", ["prometheus.yml", "prometheus-containers.yml"])
def test_prometheus_itself_takes_the_files(file: str) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not here; Debian's package prometheus has it")
    done = subprocess.run([promtool, "check", "config", file], cwd=CONF, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
