"""How sure a share is that was seen of some."""

from __future__ import annotations

import math

_Z = 1.959964
"""Of a normal distribution: 95 % lie within."""


def wilson(share: float, of: float) -> tuple[float, float]:
    """The interval of 95 % in which a share lies that was seen of so many; they need be no whole number, but above 0.

    Wilson, *Probable Inference, the Law of Succession, and Statistical Inference*, JASA 1927: it holds for few, too.

    >>> wilson(0, 4)
    (0.0, 0.4898908...)
    """
    squared = _Z * _Z
    middle = (share + squared / (2 * of)) / (1 + squared / of)
    half = _Z * math.sqrt(share * (1 - share) / of + squared / (4 * of * of)) / (1 + squared / of)
    # The share is within: what a processor rounds off is not to leave it out.
    return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))
