"""Follows the link `current` among the bundles, so that `churn models use` reaches programs that run."""

from __future__ import annotations

from pathlib import Path

import structlog

from churn import bundle
from churn.bundle import Bundle
from churn.errors import ChurnError

log = structlog.get_logger()


class Following:
    """Tells of each bundle that is chosen, once; while a chosen one is broken the old one goes on.

    Args:
        models: the folder of bundles.
        held: the bundle in use.
    """

    def __init__(self, models: Path, held: Bundle) -> None:
        self._models = models
        self._looked_at = held.version

    def look(self) -> Bundle | None:
        """A bundle that was chosen since the last call and is whole, else None. Logs why one is not taken."""
        chosen = bundle.chosen(self._models)
        if chosen is None or chosen == self._looked_at:
            return None
        self._looked_at = chosen
        try:
            return bundle.load(self._models, chosen)
        except ChurnError as error:
            log.warning("the chosen model is not taken; the old one goes on", model=chosen, error=str(error))
            return None
