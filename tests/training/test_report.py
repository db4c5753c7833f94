"""The report holds what the card says, in a page that needs nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession

from churn import bundle
from churn.parsing import read_log
from training.metrics import Foreseen
from training.report import page, ranking, slices, truth
from training.report.log_facts import log_facts
from training.report.parts import Picture, Section, Table

SVG = '<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"><path id="a"/><use href="#a"/></svg>'


def foreseen(users: int = 60, seed: int = 1) -> Foreseen:
    rng = np.random.default_rng(seed)
    chance = rng.random(users * 5)
    return Foreseen(np.repeat(np.arange(users), 5), (rng.random(users * 5) < chance).astype(float), chance)


def test_a_page_escapes_what_it_is_told() -> None:
    sections = [Section("<b>", "a & b", [Table(("<i>", "n"), (("<script>", "1"),)), Picture("p", SVG, 'says "x"')])]
    made = page.html("<title>", sections)
    for told in ("<b>", "<i>", "<script>", "a & b<"):
        assert told not in made
    assert "&lt;script&gt;" in made


def test_drawings_of_one_page_do_not_share_their_identifiers() -> None:
    made = page.html("two", [Section("s", "", [Picture("p", SVG, "x"), Picture("q", SVG, "y")])])
    names = re.findall(r'<path id="([^"]+)"', made)
    assert len(set(names)) == 2
    assert set(re.findall(r'href="#(p\d[^"]+)"', made)) == set(names)


def test_markdown_keeps_a_cell_in_its_column() -> None:
    assert page.block(Table(("a", "b"), (("x|y", "1"),))).splitlines()[-1] == "| x\\|y | 1 |"


def test_curves_say_the_area_in_words() -> None:
    drawn = ranking.curves({"cancel": foreseen()}, foreseen(seed=2))
    assert ElementTree.fromstring(drawn.svg).tag.endswith("svg")  # noqa: S314 (drawn here)
    assert re.search(r"cancel has an area of 0\.[78]\d", drawn.says)


def test_a_drawing_is_the_same_for_the_same_data() -> None:
    views = {"grid": {"cancel": foreseen()}}
    assert truth.calibration(views).svg == truth.calibration(views).svg


@pytest.mark.slow
def test_a_group_without_anybody_who_left_has_no_figures() -> None:
    rows = pd.DataFrame(
        {
            "user_id": [str(user) for user in range(40)],
            "as_of": np.arange(40),
            "cold": [False] * 40,
            "paid": [1.0] * 20 + [0.0] * 20,
            "tenure_days": [45.0] * 40,
            "silence_days": [1.0] * 40,
            "cancel": [0.0, 1.0] * 10 + [0.0] * 20,
            "p_cancel": np.linspace(0, 1, 40),
        }
    )
    found = {(kind, name): figures for kind, name, figures in slices.by_group(rows)}
    assert "auc" in found["level", "paid"]
    assert found["level", "free"]["positives"] == 0
    assert "auc" not in found["level", "free"]
    told = {row[0]: row for row in slices.table(slices.by_group(rows)).rows}
    assert told["level: free"][4] == "-"


@pytest.mark.spark
def test_a_bundle_holds_its_report(models: Path) -> None:
    held = bundle.load(models)
    made = (held.path / page.HTML).read_text()
    assert held.version in made
    assert f"{held.card['metrics']['test']['lapse']['auc']['value']:.3f}" in made
    assert not re.search(r'(src|href)="(?!#|data:)', made), "it needs another file"
    written = (held.path / page.MARKDOWN).read_text()
    pictures = re.findall(r"\]\((pictures/[^)]+)\)", written)
    assert len(pictures) >= 10
    for name in pictures:
        assert (held.path / name).is_file()


@pytest.mark.spark
def test_the_quality_of_a_log_is_counted(spark: SparkSession) -> None:
    event = (
        '{{"ts":1538352001000,"userId":"{user}","sessionId":1,"itemInSession":{item},"page":"{page}","level":"free"}}'
    )
    rows = [
        event.format(user="1", item=1, page="NextSong"),
        event.format(user="1", item=1, page="NextSong"),
        event.format(user="1", item=2, page="Moonwalk"),
        event.format(user="", item=3, page="Home"),
        event.format(user="2", item=1, page="Home").replace("1538352001000", "1538352009000"),
        "{",
    ]
    lines = spark.createDataFrame([(row,) for row in rows], "value string")
    until = read_log(lines).where("ts < 1538352009000")
    assert log_facts(until, lines).quality == {
        "lines": 6,
        "after what was trained on": 1,
        "logged out": 1,
        "of a user": 3,
        "refused: malformed": 1,
        "duplicates among them": 1,
        "of an unknown page": 1,
        "users": 1,
    }
