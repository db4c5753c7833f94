"""The explainers of the models that made the scores in the view, loaded as they are met."""

from __future__ import annotations

import threading
from pathlib import Path

import structlog

from churn import bundle
from churn.errors import ChurnError
from churn.explain import Explainer

log = structlog.get_logger()

KEPT = 4
"""While models are swapped there are two; alerts may name some older ones."""


class Explainers:
    """Loads each bundle once; one that cannot be loaded is tried again only when another is chosen.

    Args:
        models: the folder of bundles.
    """

    def __init__(self, models: Path) -> None:
        self._models = models
        self._held: dict[str, Explainer | None] = {}
        self._lock = threading.Lock()

    def of(self, version: str) -> Explainer | None:
        """The explainer of a model, None if its bundle is not there or not whole."""
        held = self._held.get(version)
        if held is not None:
            return held
        with self._lock:
            if version not in self._held:
                self._held[version] = self._load(version)
                for old in list(self._held)[:-KEPT]:
                    del self._held[old]
            return self._held[version]

    def current(self) -> Explainer | None:
        """That of the model in use, None if there is none."""
        version = bundle.chosen(self._models)
        return None if version is None else self.of(version)

    def _load(self, version: str) -> Explainer | None:
        try:
            return Explainer(bundle.load(self._models, version))
        except ChurnError as error:
            log.warning("scores of a model are told without reasons", model=version, error=str(error))
            return None
