"""The last steps of a training run: what is found out first, what may fail, and what is left among the models."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any, cast

import pytest
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from structlog.testing import capture_logs

from churn import bundle
from churn.errors import ChurnError
from churn.outcomes import OUTCOMES
from tests.conftest import QUICK
from training import job, saving
from training.report import page

NO_LOG: Any = cast(Any, None)
"""Whoever asks this for anything fails otherwise than by a ChurnError."""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_that_no_model_can_be_written_is_found_out_before_the_log_is_read(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file")
    for models in (tmp_path / "models", tmp_path / "models" / "below"):
        with pytest.raises(ChurnError, match=r"No model can be written into .*\(.*\)\. Name another folder with --out"):
            job.train(NO_LOG, models, QUICK, print)


def test_that_no_model_can_be_chosen_is_found_out_before_the_log_is_read(tmp_path: Path) -> None:
    (tmp_path / bundle.CURRENT).mkdir()
    with pytest.raises(ChurnError, match=r"current is not the link .* Remove or rename it"):
        job.train(NO_LOG, tmp_path, QUICK, print)
    assert names(tmp_path) == [bundle.CURRENT]


@pytest.mark.parametrize("name", ["[1]", "{a,b}", "a*", "a?", "a\\b"])
def test_a_folder_whose_name_spark_takes_for_a_pattern_is_refused_before_the_log_is_read(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(ChurnError, match=r"takes the name for a pattern\. Name a folder without"):
        job.train(NO_LOG, tmp_path / name / "models", QUICK, print)
    assert names(tmp_path) == []


def test_leftovers_whatever_their_names_do_not_end_a_run(tmp_path: Path) -> None:
    for name in (".building-x.bak", ".building-1"):
        (tmp_path / name).mkdir()
    with saving.building(tmp_path) as folder, saving.building(tmp_path) as another:
        assert folder.is_dir()
        assert another.is_dir()
    assert names(tmp_path) == [".building-1", ".building-x.bak"]


def filled(folder: Path) -> None:
    for outcome in OUTCOMES:
        (folder / outcome).mkdir()
        (folder / outcome / "part-0").write_text("weights")
        (folder / f"{outcome}.onnx").write_text("weights")


CARD: dict[str, Any] = {
    "version": "v1",
    "outcomes": list(OUTCOMES),
    "features": {"hash": bundle.table_hash(), "table": bundle.feature_rows()},
    "labels": {"horizon_days": 14},
    "thresholds": {"medium": 0.2, "high": 0.4},
}


def test_a_sealed_bundle_is_all_that_is_left(tmp_path: Path) -> None:
    with saving.building(tmp_path) as folder:
        filled(folder)
        made = saving.seal(folder, tmp_path, CARD)
    assert names(tmp_path) == [bundle.CURRENT, "v1"]
    assert bundle.load(tmp_path).path == made.path
    held = {bundle.CARD, *(f"{outcome}/part-0" for outcome in OUTCOMES), *(f"{outcome}.onnx" for outcome in OUTCOMES)}
    assert set(bundle.manifest(made.path)) == held
    assert made.path.stat().st_mode & 0o777 == (tmp_path / "v1" / "cancel").stat().st_mode & 0o777


def broken(error: Exception) -> Any:
    """A report that fails when some of it is written."""

    def write(folder: Path) -> None:
        (folder / page.PICTURES).mkdir()
        (folder / page.PICTURES / "pages.svg").write_text("<svg")
        (folder / page.HTML).write_text("<html")
        raise error

    return write


@pytest.mark.parametrize("error", [ValueError("it is odd\nand long"), OSError(errno.EACCES, "Permission denied")])
def test_a_report_that_fails_costs_the_report_and_no_more(tmp_path: Path, error: Exception) -> None:
    filled(tmp_path)
    before, said = names(tmp_path), list[str]()
    with capture_logs() as logs:
        saving.report(broken(error), tmp_path, said.append)
    assert names(tmp_path) == before
    [line] = said
    assert line.startswith(f"Beware: the report could not be written ({type(error).__name__}: ")
    assert line.endswith("; the model goes without one.")
    assert "\n" not in line
    [told] = logs
    assert "in write\n    raise error" in told["exception"]


@pytest.mark.parametrize(
    "error",
    [
        ChurnError("It is wrong.", "Mend it."),
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Quota exceeded"),
        Py4JError("An error occurred"),
        PySparkException("An error occurred"),
        ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"),
    ],
)
def test_what_a_report_fails_of_and_the_rest_would_too_ends_the_run(tmp_path: Path, error: Exception) -> None:
    said: list[str] = []
    with pytest.raises(type(error)) as caught:
        saving.report(broken(error), tmp_path, said.append)
    assert caught.value is error
    assert said == []


def test_a_report_that_is_written_stays(tmp_path: Path) -> None:
    saving.report(lambda folder: page.write(folder, "v1", []), tmp_path, print)
    assert names(tmp_path) == [page.PICTURES, page.HTML, page.MARKDOWN]
