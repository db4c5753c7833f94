"""The log in pictures, as people look at this data first."""

from __future__ import annotations

import numpy as np
from matplotlib.ticker import NullFormatter

from training.report.log_facts import BEFORE_DAYS, LogFacts
from training.report.parts import Picture
from training.report.style import COLOURS, STAYED, drawing, label

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_WHO = ((1, "cancelled", COLOURS["cancel"]), (0, "did not", STAYED))
_PAGES = 14


def pages(facts: LogFacts) -> Picture:
    """Events per user and day by page, of those who cancelled and those who did not."""
    table = facts.pages.pivot_table(index="page", columns="cancelled", values="a_day", fill_value=0).reindex(
        columns=[0, 1], fill_value=0
    )
    table = table[~table.index.isin(["Cancel", "Cancellation Confirmation"])]
    table = table.loc[table.max(axis=1).sort_values(ascending=False).index[:_PAGES]]
    says = "Events per user and day by page, of users who cancelled at some time and of those who did not."
    with drawing("pages", says, size=(7.4, 4.4)) as drawn:
        [axes] = drawn.axes
        at = np.arange(len(table))
        for (who, name, colour), shift in zip(_WHO, (-0.2, 0.2), strict=True):
            axes.barh(at + shift, table[who], height=0.38, color=colour, label=name)
        axes.set_yticks(at, [label(page) for page in table.index])
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")  # the usual one writes powers as formulas, which are not read here
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.set(title="Pages", xlabel="events per user and day (logarithmic)")
        axes.legend(loc="lower right")
        return drawn.picture()


def ending(facts: LogFacts) -> Picture:
    """Events a day in the weeks before the last event."""
    says = (
        f"Events per user and day in the {BEFORE_DAYS} days before a user's last event. The rise on the last day is no "
        "sign of anything: a day that holds a last event holds events."
    )
    with drawing("ending", says, size=(6.4, 3.2)) as drawn:
        [axes] = drawn.axes
        for who, name, colour in _WHO:
            one = facts.ending[facts.ending["cancelled"] == who].sort_values("days_left")
            if len(one):
                axes.plot(one["days_left"], one["a_day"], color=colour, label=name, linestyle="-" if who else "--")
        axes.invert_xaxis()
        axes.set(
            title="Activity before the end",
            xlabel="days before the last event",
            ylabel="events per user",
            ylim=(0, None),
        )
        axes.legend()
        return drawn.picture()


def levels(facts: LogFacts) -> Picture:
    """Users by level, and how many of them cancelled."""
    table = facts.levels.sort_values("level")
    says = "; ".join(f"{row.level}: {row.cancelled:,} of {row.users:,} users cancelled" for row in table.itertuples())
    with drawing("levels", says, columns=2, size=(6.4, 2.8)) as drawn:
        users, share = drawn.axes
        users.bar(table["level"], table["users"], color="#B8BDC5", width=0.55)
        share.bar(table["level"], table["cancelled"] / table["users"], color=COLOURS["cancel"], width=0.55)
        users.set(title="Users by newest level", ylabel="users")
        share.set(title="Cancelled", ylabel="share of them")
        return drawn.picture()


def rhythm(facts: LogFacts) -> Picture:
    """Events by weekday and hour."""
    table = facts.rhythm.pivot_table(index="weekday", columns="hour", values="events", fill_value=0)
    table = table.reindex(index=range(7), columns=range(24), fill_value=0)
    day, hour = np.unravel_index(int(table.to_numpy().argmax()), table.shape)
    says = f"Events by weekday and hour (UTC); most on {_DAYS[int(day)]} at {hour}:00."
    with drawing("rhythm", says, size=(7.4, 2.8)) as drawn:
        [axes] = drawn.axes
        image = axes.imshow(table.to_numpy(), aspect="auto", cmap="Blues")
        axes.set_yticks(range(7), _DAYS)
        axes.set_xticks(range(0, 24, 3))
        axes.grid(visible=False)
        axes.set(title="Hours and weekdays", xlabel="hour (UTC)")
        drawn.figure.colorbar(image, ax=axes, label="events", shrink=0.9)
        return drawn.picture()
