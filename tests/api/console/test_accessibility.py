"""Nothing on any page is seriously hard to use, in light and in dark, on a wide screen and on a narrow one."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.api.console.accessibility import axe_script, serious_violations
from tests.api.console.conftest import Visit
from tests.api.console.crowd import crowd

pytestmark = pytest.mark.servers

PATHS = ("/", "/users", "/users/u1", "/what-if", "/what-if?user=u1", "/model", "/alerting", "/data", "/users/nobody")
SCREENS = [("light", 1280), ("dark", 1280), ("light", 360), ("dark", 360)]


def settle(page: Page) -> None:
    """Until the charts are drawn, whichever come into sight."""
    for figure in page.locator("figure[data-chart]").all():
        figure.scroll_into_view_if_needed()
        expect(figure.locator(".plot")).to_have_class(re.compile("js-plotly-plot"))


@pytest.mark.parametrize(("scheme", "width"), SCREENS)
def test_nothing_is_seriously_hard_to_use(filled: Any, visit: Visit, scored: Any, scheme: str, width: int) -> None:
    crowd(filled, scored)
    visitor = visit(color_scheme=scheme, size=(width, 900))
    script = axe_script()
    for path in PATHS:
        page = visitor.go(path)
        settle(page)
        assert serious_violations(page, script) == [], path
        sideways = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        assert page.evaluate(sideways), f"{path} scrolls sideways at {width} px"
    visitor.complaints[:] = [each for each in visitor.complaints if "404" not in each]  # nobody is called so
