"""Every page, and what pages need beside themselves."""

from __future__ import annotations

from api.console import (
    alerting_page,
    data_page,
    live,
    model_page,
    now_page,
    plotly_script,
    user_page,
    users_page,
    what_if_page,
)

PARTS = (
    now_page, users_page, user_page, what_if_page, model_page, alerting_page, data_page, live, plotly_script
)  # fmt: skip
