"""Two posteriors side by side: two engines, or two models of the same data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from changepoint.answer import Answer
from changepoint.errors import DataError
from changepoint.report.figure_style import (
    BAND,
    DATA,
    LINE,
    OTHER,
    SIZES,
    Picture,
    axes_or_new,
    clean,
    draw_dates,
    draw_events,
    edges_of,
    places,
)
from changepoint.report.plots import PANELS, draw_data, draw_legend, draw_strip, from_zero

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Comparison:
    """Two posteriors of the same data.

    `table` has a row per quantity, a column for each posterior and their difference; `plot()`
    draws both.
    """

    posteriors: tuple[Answer, Answer]
    labels: tuple[str, str]

    @property
    def table(self) -> pd.DataFrame:
        """Quantities by posterior; the difference is second less first, where both have one.

        The total variation of a change's place, half the sum over rows of the differences of
        probability, is 0 where both agree and 1 where they have nothing in common.
        """
        import pandas as pd

        columns = [_quantities(posterior) for posterior in self.posteriors]
        names = list(dict.fromkeys([*columns[0], *columns[1]]))
        values = np.array(
            [[column.get(name, math.nan) for column in columns] for name in names]
        )
        table = pd.DataFrame(
            values, index=pd.Index(names, name="quantity"), columns=self.labels
        )
        table["difference"] = table[self.labels[1]] - table[self.labels[0]]
        if self.posteriors[0].number != self.posteriors[1].number:  # other changes, then
            table.loc[[name for name in names if name.startswith("change ")], "difference"] = (
                math.nan
            )
        for name, distance in self._distances().items():
            table.loc[name, "difference"] = distance
        return table

    def _distances(self) -> dict[str, float]:
        """Return the total variation of each change's place, where the numbers agree."""
        one, two = self.posteriors
        if one.number != two.number:
            return {}
        return {
            f"change {i + 1}: total variation of the row": float(
                abs(_probability(one, i) - _probability(two, i)).sum() / 2
            )
            for i in range(one.number)
        }

    def plot(self) -> Picture:
        """Draw both bands over the data, and each change's probability up and down."""
        one, two = self.posteriors
        number = one.number if one.number == two.number and one.number <= PANELS else 1
        below = max(number, 1)
        figure = Picture(figsize=(SIZES["screen"][0], 3.6 + 1.3 * below), layout="constrained")
        axes = figure.subplots(
            1 + below, 1, sharex=True, squeeze=False, height_ratios=[3.0, *[1.1] * below]
        )[:, 0]
        _draw_bands(axes[0], self)
        for i, ax in enumerate(axes[1:]):
            _draw_mirrored(ax, self, i, alone=below == 1)
        draw_dates(axes[-1], one)
        return figure

    def __str__(self) -> str:
        return self.table.to_string(float_format=lambda x: f"{x:.4g}", na_rep="")

    def _repr_html_(self) -> str:
        html: str = self.table.to_html(float_format=lambda x: f"{x:.4g}", na_rep="")
        return html


def compare(one: Answer, two: Answer) -> Comparison:
    """Return the comparison of two posteriors.

    Raises
    ------
    DataError
        If their data differ, or one isn't a posterior.
    """
    if not isinstance(two, Answer):
        raise DataError(f"compare takes another Posterior, not {two!r}")
    prints = [p.observations.fingerprint() for p in (one, two)]
    if prints[0] != prints[1]:
        raise DataError(
            "these posteriors have different data, so there is nothing to compare: "
            f"{one.observations!r} and {two.observations!r}"
        )
    labels = [_label(posterior, short=True) for posterior in (one, two)]
    if labels[0] == labels[1]:
        labels = [_label(posterior, short=False) for posterior in (one, two)]
    if labels[0] == labels[1]:
        labels = [f"{label} ({i})" for i, label in enumerate(labels, 1)]
    return Comparison((one, two), (labels[0], labels[1]))


def _label(posterior: Answer, short: bool) -> str:
    engine = posterior.engine
    way = engine["settings"].get("switchpoints")
    told = engine["name"] if way is None else f"{engine['name']} {way}"
    if not posterior.converged:
        told = f"{told}, NOT converged"
    return told if short else f"{told}, {posterior.model.likelihood.name}"


def _quantities(posterior: Answer) -> dict[str, float]:
    """Return what is compared, as numbers."""
    parameter = posterior.model.likelihood.parameter
    told = {
        "P(any change)": posterior.probability_of_change,
        "number of changes": float(posterior.number),
    }
    if posterior.log_evidence is not None:
        told["log evidence"] = posterior.log_evidence
    for i, change in enumerate(posterior.changes, 1):
        told |= {
            f"change {i}: median row": float(change.index),
            f"change {i}: rows in the 95 % set": float(
                sum(last - first + 1 for first, last in change.credible)
            ),
            f"change {i}: total variation of the row": math.nan,
            f"change {i}: {parameter} before": change.before.mean,
            f"change {i}: {parameter} after": change.after.mean,
            f"change {i}: P(increase)": change.probability_of_increase,
        }
    return told


def plot_compare(one: Answer, other: Answer, ax: Axes | None = None) -> Axes:
    """Draw both bands over the data, and under them where each has the changes."""
    comparison = compare(one, other)
    ax = axes_or_new(ax, height=4.0)
    _draw_bands(ax, comparison)
    draw_strip(ax, [(one, LINE), (other, OTHER)])
    draw_dates(ax, one)
    return ax


def _draw_bands(ax: Axes, comparison: Comparison) -> None:
    one = comparison.posteriors[0]
    edges = edges_of(places(one))
    draw_data(ax, one)
    styles = ((BAND, LINE, 3.0), (None, OTHER, 1.3))  # where both agree, both are seen
    for posterior, label, (fill, line, width) in zip(
        comparison.posteriors, comparison.labels, styles, strict=True
    ):
        mean, lower, _, upper = posterior.arrays.rows
        if fill is not None:
            ax.stairs(upper, edges, baseline=lower, fill=True, color=fill, zorder=1)
        else:
            for end in (lower, upper):
                ax.stairs(end, edges, baseline=None, color=line, linewidth=1, linestyle="--")
        ax.stairs(
            mean, edges, baseline=None, color=line, linewidth=width, zorder=3, label=label
        )
    from_zero(ax, one)
    marked = one if one.placed.events else comparison.posteriors[1]
    draw_events(ax, marked, named=True)
    draw_legend(ax, ncols=3)


def _draw_mirrored(ax: Axes, comparison: Comparison, i: int, alone: bool) -> None:
    """Draw the probability of the i-th change: the first upwards, the second downwards.

    In the colours of their lines above, which the legend names.
    """
    one, two = comparison.posteriors
    edges = edges_of(places(one))
    both = one.number == two.number and one.number > i
    p, q = (_probability(posterior, i if both else None) for posterior in (one, two))
    ax.stairs(p, edges, fill=True, color=LINE, edgecolor=LINE)
    ax.stairs(-q, edges, fill=True, color=OTHER, edgecolor=OTHER)
    ax.axhline(0, color=DATA, linewidth=0.6)
    top = max(float(p.max()), float(q.max()), 1e-3) * 1.15
    ax.set_ylim(-top, top)
    ax.yaxis.set_major_formatter(lambda value, _: f"{abs(value):.2g}")
    ax.set_ylabel("P(change)" if alone else f"change {i + 1}", fontsize="small")
    clean(ax)


def _probability(posterior: Answer, i: int | None) -> NDArray[Any]:
    """Return P(i-th change at row s), or that of any change."""
    told = posterior.arrays
    if i is None or told.places is None:
        return told.change_probability
    values: NDArray[Any] = told.places.probability[i]
    return values
