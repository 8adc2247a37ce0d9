"""The control chart: the figure, and what is said of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from changepoint.errors import DataError
from changepoint.plain import drawable
from changepoint.report.control_limits import Chart, chart_of, kind_of
from changepoint.report.figure_style import (
    CHANGE,
    DATA,
    LINE,
    OTHER,
    axes_or_new,
    clean,
    draw_dates,
    draw_unit,
    edges_of,
    middles_of,
    places,
)
from changepoint.report.numbers import equals, number
from changepoint.report.plots import draw_legend
from changepoint.report.units import PLAIN, Unit, unit_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from changepoint.answer import Answer

NAMES = {"p": "p chart", "u": "u chart", "c": "c chart", "XmR": "individuals chart (XmR)"}
CHANCE = 0.0027  # P(|normal| > 3)
LONE = 1.0  # trials a row: no point can be beyond the limits


def check_target(target: float | None) -> None:
    """Refuse what is no number.

    Raises
    ------
    DataError
        If it is none.
    """
    if target is None:
        return
    if isinstance(target, bool) or not isinstance(target, int | float | np.number):
        raise DataError(f"target must be a number, such as 0.02, not {target!r}")
    if not math.isfinite(target):
        raise DataError(f"target must be a finite number, not {target}")


def plot_chart(posterior: Answer, target: float | None = None, ax: Axes | None = None) -> Axes:
    """Draw the points, the mean of each stage, and its limits; what lies beyond is marked."""
    check_target(target)
    chart = chart_of(posterior)  # which may be refused: before there is a figure
    unit = charted_in(posterior)
    ax = axes_or_new(ax)
    x = places(posterior)
    edges, middles = edges_of(x), middles_of(x)
    ax.plot(middles, chart.y, "-", color=DATA, linewidth=0.6, alpha=0.6, zorder=1)
    size = float(np.clip(2000 / len(x), 3, 16))
    ax.scatter(middles, chart.y, s=size, color=DATA, linewidths=0, zorder=2, label="data")
    _steps(ax, chart.centre, edges, LINE, 1.4, label="mean")
    plain: dict[str, Any] = {"linestyle": (0, (2, 2))} if chart.wide_upper is not None else {}
    _steps(ax, chart.upper, edges, OTHER, 1.0, label="3-sigma limits", **plain)
    _steps(ax, chart.lower, edges, OTHER, 1.0, **plain)
    if chart.wide_upper is not None and chart.wide_lower is not None:
        label = f"with sigma Z {number(chart.sigma_z)}"
        _steps(ax, chart.wide_upper, edges, CHANGE, 1.0, label=label)
        _steps(ax, chart.wide_lower, edges, CHANGE, 1.0)
    if target is not None:
        ax.axhline(target, color=LINE, linewidth=1, linestyle=(0, (6, 3)), zorder=1)
        told = f"target {unit.text(target)}"
        ax.annotate(
            told, (1, target), xycoords=("axes fraction", "data"), xytext=(3, 0),
            textcoords="offset points", ha="left", va="center", fontsize="small", color=LINE,
        )  # fmt: skip
    beyond = chart.beyond
    if beyond.any():
        ax.scatter(
            middles[beyond], chart.y[beyond], s=3 * size + 12, facecolors="none",
            edgecolors=CHANGE, linewidths=1.2, zorder=4, label="beyond the limits",
        )  # fmt: skip
    ax.set_ylabel(unit.head(named(posterior)))
    if unit.label:
        draw_unit(ax.yaxis, posterior)
    ax.set_title(NAMES[chart.kind], fontsize="small", loc="left")
    draw_legend(ax, ncols=3)
    clean(ax)
    draw_dates(ax, posterior)
    return ax


def _steps(ax: Axes, y: Any, edges: Any, color: str, width: float, **style: Any) -> None:
    """Draw a line that stands still within a row; nothing where there is no number."""
    ax.stairs(y, edges, baseline=None, color=color, linewidth=width, zorder=3, **style)


def named(posterior: Answer) -> str:
    """Return what the points are, by the names of their columns."""
    columns, family = posterior.observations.columns, posterior.model.likelihood
    roles = family.response, family.divisor(posterior.observations)
    return drawable(" / ".join(columns.get(role, role) for role in roles if role))


def charted_in(posterior: Answer) -> Unit:
    """Return the unit of a chart's points: counts and values are drawn as they are."""
    rates = kind_of(posterior) in ("p", "u") or posterior.model.likelihood.response == "rate"
    return unit_of(posterior) if rates else PLAIN


def chart_note(posterior: Answer, chart: Chart) -> list[str]:
    """Return what is said of a chart, a sentence each."""
    points = int(np.isfinite(chart.y).sum())
    beyond, stages = int(chart.beyond.sum()), len(chart.starts)
    told = []
    if stages > 1:
        rows = ", ".join(str(posterior.observations.stamp(int(i))) for i in chart.starts[1:])
        told.append(f"Its limits begin anew at the changes that are sure: {rows}.")
    if math.isfinite(chart.sigma_z):
        told.append(
            f"Sigma Z = {number(chart.sigma_z)}: the points vary so many times as much as "
            f"chance alone would make them, an overdispersion (variance inflation) of "
            f"{number(chart.sigma_z**2)}, less than 1 being none; Laney's limits "
            f"({chart.kind if chart.kind != 'c' else 'u'}' chart) allow for it."
        )
    told.append(
        f"{beyond:,} of {points:,} points {'lies' if beyond == 1 else 'lie'} beyond the "
        "limits; "
        f"by chance some {100 * CHANCE:.2g} % would, of so many {number(CHANCE * points)}."
    )
    trials = posterior.model.likelihood.worth(posterior.observations)
    if chart.kind == "p" and np.nanmax(trials, initial=0.0) <= LONE:
        told.append("With one trial a row a chart sees nothing: add up by day or week.")
    if any(effect.likely for effect in posterior.effects):
        told.append("Patterns of all rows, such as weekdays, are not taken out of its points.")
    told.append(
        "Limits are a screening device, for one row at a time: small lasting shifts stay "
        "inside them. Whether and when the level changed is what the posterior answers, from "
        "all rows: "
        f"P(any change) {equals(posterior.probability_of_change)}."
    )
    return told
