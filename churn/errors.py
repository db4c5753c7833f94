"""The error a person reads: one sentence on what is wrong and one on what to do about it."""

from __future__ import annotations


class ChurnError(Exception):
    """Something a person can mend.

    Args:
        problem: one sentence, what is wrong.
        remedy: one sentence, what to do about it.
    """

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        """Both sentences, as the command line prints them."""
        return f"{self.problem} {self.remedy}".strip()
