"""Figures of one posterior: data in grey, the parameter's band and line, changes below."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import rc_context
from matplotlib.ticker import MaxNLocator

from changepoint.errors import DataError
from changepoint.plain import drawable
from changepoint.report.effect_plot import draw_effects, likely_of
from changepoint.report.figure_style import (
    BAND,
    CHANGE,
    DATA,
    LINE,
    OTHER,
    REST,
    SEEN,
    SIZES,
    Picture,
    Size,
    axes_or_new,
    clean,
    draw_bars,
    draw_dates,
    draw_events,
    draw_unit,
    edges_of,
    label_of,
    middles_of,
    places,
    thicken,
)
from changepoint.report.headline import headline
from changepoint.report.numbers import chance, equals

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from changepoint.answer import Answer

PANELS = 6  # changes drawn in panels of their own
LINES = 40  # changes marked in the data
BARS = 12  # numbers of changes whose probabilities are written
WRITTEN = 0.005  # and the smallest of them
GLYPH = 0.52  # width of a letter, of the font's size
STRIP = 0.16  # of the height, for the changes under the data


def plot(posterior: Answer, size: Size = "screen") -> Picture:
    """Draw the data with the parameter's 95 % band, and below it when each change was."""
    if size not in SIZES:
        raise DataError(f"size is one of {', '.join(SIZES)}, not {size!r}")
    width, scale, points = SIZES[size]
    number = len(posterior.changes)
    each = 0 < number <= PANELS
    below = number if each else 1
    effects = likely_of(posterior)
    ratios = [3.0, *[1.0] * below, *[1.2] * bool(effects)]
    with rc_context({"font.size": points}):
        inches = scale * (0.15 + 1.15 * sum(ratios))
        figure = Picture(figsize=(width, inches), layout="constrained")
        grid = figure.add_gridspec(len(ratios), 1, height_ratios=ratios)
        first = figure.add_subplot(grid[0])
        draw_rate(first, posterior)
        last = first
        for i in range(below):
            last.tick_params(labelbottom=False)
            last = figure.add_subplot(grid[1 + i], sharex=first)
            if each:
                _draw_change(last, posterior, i)
            else:
                _draw_any(last, posterior)
            draw_events(last, posterior)
        draw_dates(last, posterior)
        if effects:
            draw_effects(figure.add_subplot(grid[-1]), posterior, effects)
        title = _title(posterior, width, points)
        figure.suptitle(title, fontsize="medium", x=0.01, ha="left")
        thicken(figure, points / SIZES["screen"][2])
    return figure


def plot_rate(posterior: Answer, ax: Axes | None = None, effects: bool = False) -> Axes:
    """Draw data, mean and band, and under them where changes are."""
    ax = axes_or_new(ax)
    draw_rate(ax, posterior)
    if effects:
        edges = edges_of(places(posterior))
        ax.stairs(
            posterior.fitted, edges, baseline=None, color=OTHER, linewidth=0.8, zorder=2.5,
            label="with effects",
        )  # fmt: skip
        draw_legend(ax, ncols=4)
    draw_strip(ax, [(posterior, CHANGE)])
    draw_dates(ax, posterior)
    return ax


def plot_changes(posterior: Answer, ax: Axes | None = None) -> Axes:
    """Draw P(a change stands here) by time, the credible sets of reported changes coloured."""
    ax = axes_or_new(ax, height=2.6)
    _draw_any(ax, posterior)
    if not posterior.changes:
        sure = equals(posterior.probability_of_change)
        ax.set_title(f"no change reported: P(any change) {sure}", fontsize="small", loc="left")
    draw_events(ax, posterior, named=True)
    draw_dates(ax, posterior)
    return ax


def plot_number(posterior: Answer, ax: Axes | None = None) -> Axes:
    """Draw P(k changes), after the data as bars, before them as lines."""
    ax = axes_or_new(ax, height=2.8)
    after = posterior.number_probability
    prior = np.zeros(len(after))
    believed = np.exp(posterior.model.changes.log_number(len(posterior.observations)))
    prior[: len(believed)] = believed[: len(after)]
    shown = np.flatnonzero((after > SEEN) | ((prior > 0.02) & (np.arange(len(after)) < BARS)))
    k = np.arange(max(shown[0] - 1, 0), shown[-1] + 2)
    k = k[k < max(len(after), 2)]
    after, prior = (np.append(p, 0.0)[np.minimum(k, len(p))] for p in (after, prior))
    ax.bar(k, after, width=0.7, color=CHANGE, label="posterior")
    ax.hlines(prior, k - 0.42, k + 0.42, color=LINE, linewidth=2, label="prior")
    if len(k) <= BARS:
        for j, p, above in zip(k, after, prior, strict=True):
            if p < WRITTEN:
                continue  # many small numbers would run into each other
            near = p < above < p + 0.08 * after.max()  # a line would cross the number
            _write(ax, chance(p), j, above if near else p)
        ax.set_xticks(k)
    else:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_ylim(0, 1.12 * max(after.max(), prior.max()))
    ax.set_xlabel("number of changes")
    ax.set_ylabel("probability")
    draw_legend(ax, ncols=2)
    clean(ax)
    return ax


def draw_rate(ax: Axes, posterior: Answer) -> None:
    """Draw data, mean, band, and a line where each reported change is."""
    x = places(posterior)
    mean, lower, _, upper = posterior.arrays.rows
    draw_data(ax, posterior)
    edges = edges_of(x)
    ax.stairs(upper, edges, baseline=lower, fill=True, color=BAND, zorder=1, label="95 % band")
    ax.stairs(mean, edges, baseline=None, color=LINE, linewidth=1.6, zorder=3, label="mean")
    for change in posterior.changes if len(posterior.changes) <= LINES else ():
        ax.axvline(
            edges[change.index], color=CHANGE, linewidth=1, linestyle=(0, (4, 3)), zorder=1
        )
    from_zero(ax, posterior)
    draw_events(ax, posterior, named=True)
    draw_legend(ax, ncols=3)


def draw_data(ax: Axes, posterior: Answer) -> None:
    """Draw each row's own estimate of the parameter, and name the axis."""
    x, y = middles_of(places(posterior)), posterior.estimates
    size = np.clip(2000 / len(y), 3, 16)
    shifted = any(effect.taken_out for effect in posterior.effects)
    if shifted:
        raw = posterior.model.likelihood.estimates(posterior.observations)
        ax.scatter(
            x, raw, s=size, color=DATA, linewidths=0, zorder=1.5, alpha=0.25,
            label="data", clip_on=False,
        )  # fmt: skip
    ax.scatter(
        x,
        y,
        s=size,
        color=DATA,
        linewidths=0,
        zorder=2,
        label="without effects" if shifted else "data",
        clip_on=False,
    )
    rows = [spike.index for spike in posterior.spikes]
    if rows:
        ax.scatter(
            x[rows], y[rows], s=6 * size, facecolors="none", edgecolors=DATA, linewidths=0.8,
            zorder=2, label="probably spikes", clip_on=False,
        )  # fmt: skip
    ax.set_ylabel(drawable(label_of(posterior)))
    draw_unit(ax.yaxis, posterior)
    clean(ax)


def from_zero(ax: Axes, posterior: Answer) -> None:
    """Let the axis begin at 0, where the parameter does; after all else is drawn."""
    if posterior.model.likelihood.domain[0] == 0:
        ax.set_ylim(bottom=0)


def draw_strip(ax: Axes, told: list[tuple[Answer, str]]) -> None:
    """Make room under the data, and draw there where changes are: upwards, a second down.

    Heights are relative to the most probable row, times P(any change): where no change is
    likely, the strip is nearly empty.
    """
    low, high = ax.get_ylim()
    ticks = [tick for tick in ax.get_yticks() if low <= tick <= high]
    room = (high - low) * STRIP * len(told)
    base = low - room * (1.1 - 0.5 * (len(told) - 1))
    probabilities = [posterior.arrays.change_probability for posterior, _ in told]
    most = max(float(p.max()) for p in probabilities) or 1.0
    sure = max(posterior.probability_of_change for posterior, _ in told)
    for (posterior, color), p, up in zip(told, probabilities, (1, -1), strict=False):
        height = up * p / most * sure * room * 0.9 / len(told)
        seen = np.where(p > SEEN * most, base + height, np.nan)
        edges = edges_of(places(posterior))
        # With an outline, so that one row among thousands is still seen.
        style: dict[str, Any] = {"color": color, "edgecolor": color, "linewidth": 1}
        ax.stairs(seen, edges, baseline=base, fill=True, zorder=3, **style)
    ax.axhline(base, color=DATA, linewidth=0.6)
    ax.set_ylim(low - room * 1.15, high)
    ax.set_yticks(ticks)


def _draw_change(ax: Axes, posterior: Answer, i: int) -> None:
    told = posterior.arrays.places
    assert told is not None  # it is there where a change is
    p = told.probability[i]
    edges = edges_of(places(posterior))
    draw_bars(ax, p, edges, REST)
    draw_bars(ax, np.where(told.credible[i], p, 0.0), edges, CHANGE)
    ax.set_ylabel(
        f"change {i + 1}" if len(posterior.changes) > 1 else "change", fontsize="small"
    )
    ax.set_ylim(0, float(p.max()) * 1.1)
    clean(ax)


def _draw_any(ax: Axes, posterior: Answer) -> None:
    """Draw the probability of a change by row; numbers name the reported changes."""
    told, edges = posterior.arrays, edges_of(places(posterior))
    p, found = told.change_probability, posterior.changes
    draw_bars(ax, p, edges, REST if found else CHANGE)
    if told.places is not None:
        inside = told.places.credible.any(axis=0)
        draw_bars(ax, np.where(inside, p, 0.0), edges, CHANGE, zorder=2)
    before = -np.inf
    for i, change in enumerate(found if 1 < len(found) <= LINES else (), 1):
        if change.index - before > 0.02 * len(p):  # else numbers would overlap
            x = middles_of(places(posterior))[change.index]
            high = p[change.credible[0][0] : change.credible[-1][1] + 1].max()
            _write(ax, str(i), x, high)
            before = change.index
    ax.set_ylabel("P(change)", fontsize="small")
    ax.set_xlim(edges[0], edges[-1])  # also where there are no bars to see
    top = max(float(p.max()) * 1.2, 0 if found else 0.1)
    ax.set_ylim(0 if found else -0.02 * top, top)  # tiny bars don't hide behind the axis
    ax.set_yticks([tick for tick in ax.get_yticks() if 0 <= tick <= min(top, 1)])
    clean(ax)


def _write(ax: Axes, text: str, x: Any, y: float) -> None:
    """Write just above a point."""
    at: dict[str, Any] = {"xytext": (0, 2), "textcoords": "offset points", "ha": "center"}
    ax.annotate(text, (x, y), fontsize="small", color=LINE, **at)


def draw_legend(ax: Axes, ncols: int) -> None:
    """Put the legend above the panel, where no data are."""
    ax.legend(
        loc="lower right", bbox_to_anchor=(1, 1), frameon=False, fontsize="small", ncols=ncols
    )


def _title(posterior: Answer, width: float, points: float) -> str:
    """Return the headline, in lines that fit so many inches."""
    lines = wrap(headline(posterior), int(width * 72 / (points * GLYPH)))
    return "\n".join(map(drawable, lines))
