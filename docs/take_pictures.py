"""Pictures of the console of a running demo, for README.md: make pictures.

Every page in light and in dark, narrow and wide, goes into a folder to be looked at; four go into docs/pictures.
"""

from __future__ import annotations

import argparse
import json
import shutil
from io import BytesIO
from pathlib import Path
from urllib.parse import quote
from urllib.request import Request, urlopen

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

HERE = Path(__file__).parent
KEPT = (
    ("now", "/", "light"),
    ("user", "/users/{user}", "light"),
    ("what-if", "/what-if?user={user}", "dark"),
    ("alerting", "/alerting", "light"),
)
PAGES = {
    "now": "/",
    "users": "/users",
    "user": "/users/{user}",
    "what-if": "/what-if?user={user}",
    "model": "/model",
    "alerting": "/alerting",
    "data": "/data",
}
WIDTHS = (360, 1280, 2560)
COLOURS = 160


def main() -> None:
    """Takes them."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--var", type=Path, default=Path("var"), help="of the running demo (var)")
    arguments.add_argument("--all", type=Path, help="a folder for every page, light and dark, narrow and wide")
    chosen = arguments.parse_args()
    facts = json.loads((chosen.var / "demo.json").read_text())
    user = first_user(facts)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, path, scheme in KEPT:
            with signed_in(browser, facts, scheme, 1280) as page:
                shot = taken(page, facts["url"], path.format(user=user), whole=False)
                save(shot, HERE / "pictures" / f"{name}.png")
        if chosen.all:
            everything(browser, facts, user, chosen.all)
        browser.close()


def first_user(facts: dict[str, str]) -> str:
    """Somebody with an alert, best one who may cancel: such people do much; or whoever is at the highest risk."""
    headers = {"Authorization": f"Bearer {facts['api_key']}"}
    for path in ("v1/alerts?limit=200", "v1/users?limit=1"):
        with urlopen(Request(facts["url"] + path, headers=headers), timeout=10) as answer:  # noqa: S310 (our own)
            found = next(iter(json.load(answer).values()))
        if found:
            chosen = next((each for each in found if each.get("outcome") == "cancel"), found[0])
            return quote(chosen["user_id"], safe="")
    raise SystemExit("Nobody has a score yet: try again in a minute.")


class signed_in:  # noqa: N801 (a context manager)
    """A page of a browser that is signed in by the demo's key."""

    def __init__(self, browser: Browser, facts: dict[str, str], scheme: str, width: int) -> None:
        height = {360: 780, 1280: 1080}.get(width, 1440)
        self._held = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": height})  # type: ignore[arg-type]
        self._facts = facts

    def __enter__(self) -> Page:
        page = self._held.new_page()
        page.goto(self._facts["url"] + "sign-in")
        page.get_by_label("API key").fill(self._facts["api_key"])
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(self._facts["url"])
        return page

    def __exit__(self, *exception: object) -> None:
        self._held.close()


# Charts and pictures come when they come near: the page is walked through once. Its parts may be renewed meanwhile.
_WALK = """async () => {
  for (let y = 0; y < document.documentElement.scrollHeight; y += innerHeight / 2) {
    scrollTo(0, y);
    await new Promise(resolve => setTimeout(resolve, 60));
  }
  scrollTo(0, 0);
}"""
_DRAWN = """() => [...document.querySelectorAll("figure[data-chart] > .plot")]
    .every(plot => plot.hidden || plot.classList.contains("js-plotly-plot"))
    && [...document.images].every(image => image.complete)"""


def taken(page: Page, url: str, path: str, *, whole: bool) -> bytes:
    """A picture of a page whose charts have been drawn."""
    page.goto(url.rstrip("/") + path)
    page.evaluate(_WALK)
    page.wait_for_function(_DRAWN)
    return page.screenshot(full_page=whole)


def save(shot: bytes, path: Path) -> None:
    """In few colours: a picture of text and lines needs no more."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.open(BytesIO(shot)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


def everything(browser: Browser, facts: dict[str, str], user: str, folder: Path) -> None:
    """Every page, whole."""
    for scheme in ("light", "dark"):
        for width in WIDTHS:
            with signed_in(browser, facts, scheme, width) as page:
                for name, path in PAGES.items():
                    shot = taken(page, facts["url"], path.format(user=user), whole=True)
                    save(shot, folder / f"{name}-{scheme}-{width}.png")


if __name__ == "__main__":
    main()
