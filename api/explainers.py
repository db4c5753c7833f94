"""The explainers of the models that made the scores in the view, loaded as they are met."""

from __future__ import annotations

import itertools
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
"""While models are swapped there are two; alerts may name some older ones. Who was not asked for the longest goes."""
MISSED = 100
RETRY_MS = 10_000


class Explainers:
    """Loads each bundle once; one that could not be loaded is tried again after a while.

    Args:
        models: the folder of bundles.
        clock: the wall clock in ms.
    """

    def __init__(self, models: Path, clock: Callable[[], int] = wall_clock) -> None:
        self._models, self._clock = models, clock
        self._held: dict[str, Explainer] = {}
        self._turns = itertools.count()
        self._asked: dict[str, int] = {}
        self._missed: dict[str, int] = {}
        self._lock = threading.Lock()

    def of(self, version: str) -> Explainer | None:
        """The explainer of a model, None if its bundle is not there or not whole."""
        held = self._held.get(version)
        if held is None:
            with self._lock:  # whoever asks for one that is held does not wait while another one is loaded
                held = self._held.get(version) or self._loaded(version)
        if held is not None:
            self._asked[version] = next(self._turns)
        return held

    def current(self) -> Explainer | None:
        """That of the model in use, None if there is none."""
        version = bundle.chosen(self._models)
        return None if version is None else self.of(version)

    def _loaded(self, version: str) -> Explainer | None:
        """The explainer, None where it cannot be loaded or could not a moment ago."""
        missed = self._missed.get(version)
        if missed is not None and abs(self._clock() - missed) < RETRY_MS:
            return None
        try:
            found = Explainer(bundle.load(self._models, version))
        except ChurnError as error:
            if missed is None:
                log.warning("scores of a model are told without reasons", model=version, error=str(error))
            self._missed[version] = self._clock()
            for old in list(self._missed)[:-MISSED]:
                del self._missed[old]
            return None
        while len(self._held) >= KEPT:
            oldest = min(self._held, key=lambda each: self._asked.get(each, -1))
            del self._held[oldest]
            self._asked.pop(oldest, None)
        self._held[version] = found
        self._missed.pop(version, None)
        return found
