"""How long a user's score and reasons take without a JVM, by a bundle's ONNX files.

Example: python benchmarks/reasons.py models
"""

from __future__ import annotations

import argparse
import random
import time
from pathlib import Path

from churn import bundle
from churn.explain import Explainer
from churn.features import NAMES

USERS = 3000
WARM_UP = 200


def main() -> None:
    """Prints the median and the 99th percentile over made-up users."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path)
    parser.add_argument("--version", default=bundle.CURRENT)
    options = parser.parse_args()
    held = bundle.load(options.models, options.version)
    explainer, rng = Explainer(held), random.Random(7)
    took_ms = []
    for _ in range(WARM_UP + USERS):
        user = {name: rng.expovariate(0.1) for name in NAMES}
        began_s = time.perf_counter()
        explainer.reasons(user)
        took_ms.append(1000 * (time.perf_counter() - began_s))
    measured = sorted(took_ms[WARM_UP:])
    kinds = ", ".join(model["kind"] for model in held.card["models"].values())
    print(f"{kinds}: median {measured[USERS // 2]:.2f} ms, p99 {measured[USERS * 99 // 100]:.2f} ms, {USERS:,} users")


if __name__ == "__main__":
    main()
