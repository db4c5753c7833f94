"""The last steps of a training run: a folder among the models, the final fit, the report, the sealed bundle."""

from __future__ import annotations

import errno
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import structlog
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.ml import PipelineModel
from pyspark.sql import DataFrame

from churn import bundle
from churn.errors import ChurnError
from churn.outcomes import OUTCOMES, Outcome
from churn.own_folder import own_folder
from churn.spark_paths import is_pattern
from training import onnx, pipeline
from training.candidates import Candidate
from training.report import page

log = structlog.get_logger()

ENDING = (ChurnError, PySparkException, Py4JError, ConnectionError)
"""What goes wrong in a report and would go wrong in what follows too; a ConnectionError says that the JVM is gone."""
FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def building(models: Path) -> Iterator[Path]:
    """A folder for a bundle, gone afterwards unless it was moved away: nothing half-written stays among the models.

    Raises:
        ChurnError: no bundle can be written among the models, or none can become the current one.
    """
    if is_pattern(models.resolve()):
        raise ChurnError(
            f"Spark cannot read what it writes into {models}: it takes the name for a pattern.",
            "Name a folder without [ ] { } * ? and \\ with --out or the setting models.",
        )
    bundle.require_link(models)
    with ExitStack() as stack:
        try:
            # One below the folder that is locked, since a bundle holds nothing that is not in its manifest.
            folder = stack.enter_context(own_folder(models, ".building-")) / "bundle"
            folder.mkdir()
        except OSError as error:
            raise ChurnError(
                f"No model can be written into {models} ({error.strerror or error}).",
                "Name another folder with --out or the setting models, or make this one writable.",
            ) from None
        yield folder


def fit(rows: DataFrame, final: Mapping[Outcome, Candidate], folder: Path) -> None:
    """Fits both models on every row and writes each in both forms.

    Raises:
        ChurnError: nothing can be learnt from the rows.
    """
    for outcome in OUTCOMES:
        model = pipeline.fit(rows, outcome, final[outcome])
        onnx.write(rows.sparkSession, model, outcome, folder / f"{outcome}.onnx")
        pipeline.deployable(model, outcome).write().overwrite().save(str(folder / outcome))
        # On a cluster the workers write: what this machine cannot read back is no bundle.
        PipelineModel.load(str(folder / outcome))


def report(write: Callable[[Path], None], folder: Path, say: Callable[[str], None]) -> None:
    """Writes the report; where that fails of something nobody foresaw, the bundle goes without one.

    A report is a picture of hours of work, and no part of what the models need.
    """
    try:
        write(folder)
    except ENDING:
        raise
    except Exception as error:  # whatever it is
        if isinstance(error, OSError) and error.errno in FULL:
            raise
        log.warning("the report could not be written", exception=traceback.format_exc())
        page.remove(folder)
        reason = f"{type(error).__name__}: {str(error).partition(chr(10))[0][:200]}"
        say(f"Beware: the report could not be written ({reason}); the model goes without one.")


def seal(folder: Path, models: Path, made: dict[str, Any]) -> bundle.Bundle:
    """Seals a bundle, moves it to its place among the models in one step, and makes it the current one.

    Args:
        folder: of :func:`building`, with both models in it.
        models: the folder of bundles.
        made: the card.
    """
    bundle.seal(folder, made)
    bundle.place(folder, models, made["version"])
    sealed = bundle.load(models, made["version"])
    bundle.use(models, sealed.version)
    return sealed
