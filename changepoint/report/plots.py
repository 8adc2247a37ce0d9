"""Figures. One visual language: data in grey, the parameter's band and line, changes below."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from changepoint.posterior import Posterior

# Readable in black and white: dark line, mid-grey points, light band; distinct lightness.
DATA, BAND, LINE, CHANGE = "#6e6e6e", "#a9cbe8", "#0b3c5d", "#b8400e"
WIDTH = 9.0  # inches
PANELS = 6  # changes drawn in panels of their own
LINES = 40  # changes marked in the data
SEEN = 1e-3  # of the largest probability: what can be seen in a bar


def plot(posterior: Posterior) -> Figure:
    """Draw the data with the parameter's 95 % band, and below it when each change was."""
    from matplotlib.figure import Figure

    number = len(posterior.changes)
    each = 0 < number <= PANELS
    below = number if each else 1
    figure = Figure(figsize=(WIDTH, 3.6 + 1.15 * below), layout="constrained")
    axes = figure.subplots(
        1 + below, 1, sharex=True, squeeze=False, height_ratios=[3.0, *[1.0] * below]
    )[:, 0]
    x = places(posterior)
    _draw_rate(axes[0], posterior, x)
    for i, ax in enumerate(axes[1:]):
        if each:
            _draw_change(ax, posterior, x, i)
        else:
            _draw_any(ax, posterior, x)
    draw_dates(axes[-1], posterior)
    figure.suptitle(_title(posterior), fontsize=11, x=0.01, ha="left")
    return figure


def places(posterior: Posterior) -> NDArray[Any]:
    """Return the times, or the numbers of the rows, shape (T,)."""
    time = posterior.observations.time
    return np.arange(len(posterior.observations)) if time is None else time


def edges_of(x: NDArray[Any]) -> NDArray[Any]:
    """Return edges half-way between times, so that bars centre on their rows, (T + 1,)."""
    if len(x) < 2:
        return np.array([x[0], x[0]])
    middle = x[:-1] + (x[1:] - x[:-1]) / 2
    return np.concatenate([[x[0] - (middle[0] - x[0])], middle, [x[-1] + (x[-1] - middle[-1])]])


def _draw_rate(ax: Axes, posterior: Posterior, x: NDArray[Any]) -> None:
    family = posterior.model.likelihood
    told = posterior.marginals
    lower, _, upper = told[f"{family.parameter}_quantile"].values
    mean = told[f"{family.parameter}_mean"].values
    y = family.estimates(posterior.observations)
    size = np.clip(2000 / len(y), 3, 16)
    ax.scatter(x, y, s=size, color=DATA, linewidths=0, zorder=2, label="data")
    edges = edges_of(x)
    ax.stairs(upper, edges, baseline=lower, fill=True, color=BAND, zorder=1, label="95 % band")
    ax.stairs(mean, edges, baseline=None, color=LINE, linewidth=1.6, zorder=3, label="mean")
    for change in posterior.changes if len(posterior.changes) <= LINES else ():
        ax.axvline(
            edges[change.index], color=CHANGE, linewidth=1, linestyle=(0, (4, 3)), zorder=1
        )
    ax.set_ylabel(label_of(posterior))
    if family.domain[0] == 0:
        ax.set_ylim(bottom=0)
    ax.legend(loc="lower right", bbox_to_anchor=(1, 1), frameon=False, fontsize=8, ncols=3)
    clean(ax)


def label_of(posterior: Posterior) -> str:
    """Return the parameter, and the column it describes."""
    family, columns = posterior.model.likelihood, posterior.observations.columns
    if family.label != family.parameter:
        return family.label
    used = [columns.get(role, role) for role in family.needs]
    if family.parameter == "noise_sd":
        return f"noise_sd: distance of {used[0]} from its mean"
    return f"{family.parameter}: {' / '.join(used)}" if len(used) > 1 else used[0]


def _draw_change(ax: Axes, posterior: Posterior, x: NDArray[Any], i: int) -> None:
    told = posterior.marginals
    p = told["switchpoint_probability"].values[i]
    inside = told["credible"].values[i].astype(bool)
    edges = edges_of(x)
    draw_bars(ax, p, edges, "#d9d9d9")
    draw_bars(ax, np.where(inside, p, 0.0), edges, CHANGE)
    ax.set_ylabel(f"change {i + 1}" if len(posterior.changes) > 1 else "change", fontsize=9)
    ax.set_ylim(0, float(p.max()) * 1.1)
    clean(ax)


def draw_bars(ax: Axes, p: NDArray[np.float64], edges: NDArray[Any], color: str) -> None:
    """Draw bars with an outline, so that one row among thousands is still seen."""
    seen = np.where(p > SEEN * p.max(), p, np.nan)
    ax.stairs(seen, edges, fill=True, color=color, edgecolor=color, linewidth=1)


def _draw_any(ax: Axes, posterior: Posterior, x: NDArray[Any]) -> None:
    """With no change to report, or too many: the probability of a change by row."""
    p = posterior.marginals["change_probability"].values
    draw_bars(ax, p, edges_of(x), CHANGE)
    ax.set_ylabel("P(change)", fontsize=9)
    ax.set_ylim(0, max(float(p.max()) * 1.1, 0.1))
    clean(ax)


def draw_dates(ax: Axes, posterior: Posterior) -> None:
    """Label the axis of time."""
    time = posterior.observations.time
    if time is None:
        ax.set_xlabel("row")
    elif np.issubdtype(time.dtype, np.datetime64):
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

        locator = AutoDateLocator(minticks=4, maxticks=9)  # type: ignore[no-untyped-call]
        ax.xaxis.set_major_locator(locator)
        formatter = ConciseDateFormatter(locator)  # type: ignore[no-untyped-call]
        ax.xaxis.set_major_formatter(formatter)
    else:
        ax.set_xlabel(posterior.observations.columns.get("time", "time"))


def clean(ax: Axes) -> None:
    """Take away what isn't data."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize=8)


def _title(posterior: Posterior) -> str:
    """Return the answer in one line."""
    from changepoint.report.tables import chance

    found = posterior.changes
    p = chance(posterior.probability_of_change)
    sure = f"P(any change) {p if p[0] in '<>' else '= ' + p}"
    if posterior.model.changes.exactly is not None:
        sure = f"assuming exactly {posterior.model.changes.exactly}"
    if not posterior.converged:
        sure = f"{sure}; chains NOT converged"
    if not found:
        return f"No change reported; {sure}"
    times = ", ".join(str(c.index if c.time is None else c.time) for c in found[:4])
    more = f" and {len(found) - 4} more" if len(found) > 4 else ""
    return f"{'Change' if len(found) == 1 else 'Changes'} at {times}{more}; {sure}"
