"""The explainers of the models that made the scores in the view, loaded as they are met."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import structlog

from churn import bundle
from churn.clock import wall_clock
from churn.errors import ChurnError
from churn.explain import Explainer

log = structlog.get_logger()

KEPT = 4
"""While models are swapped there are two; alerts may name some older ones."""
RETRY_MS = 10_000


class Explainers:
    """Loads each bundle once; one that could not be loaded is tried again after a while.

    Args:
        models: the folder of bundles.
        clock: the wall clock in ms.
    """

    def __init__(self, models: Path, clock: Callable[[], int] = wall_clock) -> None:
        self._models, self._clock = models, clock
        self._held: dict[str, Explainer | int] = {}
        self._lock = threading.Lock()

    def of(self, version: str) -> Explainer | None:
        """The explainer of a model, None if its bundle is not there or not whole."""
        held = self._held.get(version)
        if isinstance(held, Explainer):
            return held
        with self._lock:
            held = self._held.get(version)
            if held is None or (isinstance(held, int) and abs(self._clock() - held) >= RETRY_MS):
                held = self._held[version] = self._load(version, again=held is not None)
                for old in list(self._held)[:-KEPT]:
                    del self._held[old]
            return held if isinstance(held, Explainer) else None

    def current(self) -> Explainer | None:
        """That of the model in use, None if there is none."""
        version = bundle.chosen(self._models)
        return None if version is None else self.of(version)

    def _load(self, version: str, again: bool) -> Explainer | int:
        """The explainer, or when it could not be loaded."""
        try:
            return Explainer(bundle.load(self._models, version))
        except ChurnError as error:
            if not again:
                log.warning("scores of a model are told without reasons", model=version, error=str(error))
            return self._clock()
