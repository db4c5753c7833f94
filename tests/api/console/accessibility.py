"""axe-core, out of its npm package: what of a page people cannot use."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from tests.browsing import missing

HERE = Path(__file__).parent / "axe"
PLACE = Path(sys.prefix) / "axe"
"""Beside the packages of the environment: `make clean` takes it away with them."""
SERIOUS = ("serious", "critical")


def axe_script() -> Path:
    """The script, fetched once by npm, which holds it to the hash in the lock file."""
    script = PLACE / "node_modules" / "axe-core" / "axe.min.js"
    wanted = (HERE / "package-lock.json").read_bytes()
    held = PLACE / "package-lock.json"
    if script.exists() and held.exists() and held.read_bytes() == wanted:
        return script
    npm = shutil.which("npm")
    if npm is None:
        missing("npm", "There is no npm to fetch axe-core with")
    PLACE.mkdir(exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, PLACE / name)
    command = [str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    subprocess.run(command, cwd=PLACE, check=True, timeout=300)
    return script


def serious_violations(page: Page, script: Path) -> list[str]:
    """What axe finds serious or worse on a page, by WCAG 2.2 A and AA: the rule, and where."""
    page.evaluate(script.read_text())  # not as an element: the page's policy would refuse it
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found: dict[str, Any] = page.evaluate("tags => axe.run(document, { runOnly: { type: 'tag', values: tags } })", tags)
    return [
        f"{each['id']}: {each['help']}: {node['html'][:160]} ({node.get('failureSummary', '')[:300]})"
        for each in found["violations"]
        if each["impact"] in SERIOUS
        for node in each["nodes"]
    ]
