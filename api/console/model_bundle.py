"""The bundle in use, verified, as the page needs it: looked into once in a while, since all of it is hashed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from api.console import model_report
from api.console.model_report import ReportSection
from api.context import Context
from churn import bundle
from churn.bundle import Bundle
from churn.errors import ChurnError

KEEP_S = 60.0


@dataclass(frozen=True)
class InUse:
    """The bundle with what its report says, or what is wrong with it; `version` is the one that was chosen."""

    version: str | None
    bundle: Bundle | None
    problem: str = ""
    report: Sequence[ReportSection] = ()


def in_use(context: Context) -> InUse:
    """The current bundle, at most a minute old once it is another one: a version never changes what it is."""
    models = context.settings.models
    version = bundle.chosen(models)
    if version is None:
        return InUse(None, None, "There is no model in the folder of models. Train one: churn train --events FILE.")

    def find() -> InUse:
        try:
            held = bundle.load(models, version)
            return InUse(version, held, report=model_report.sections(held))
        except ChurnError as error:
            return InUse(version, None, str(error))

    return context.remembered.get("model", KEEP_S, find, lambda held: held.version == version).value
