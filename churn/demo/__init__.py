"""`churn demo`: the whole system on embedded servers, for a look, for scripts and for tests."""

from churn.demo.plan import SIMULATED_SPEED, Plan
from churn.demo.run import run

__all__ = ["SIMULATED_SPEED", "Plan", "run"]
