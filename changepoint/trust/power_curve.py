"""The figure of a certificate: the share of series in which a change is found, by its ratio."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator, PercentFormatter

from changepoint.trust.detection import MOSTLY, FoundAt

LINE, QUIET = "#0b3c5d", "#6e6e6e"


def plot(curve: Sequence[FoundAt], ax: Axes | None = None) -> Axes:
    """Draw the power curve with its 95 % intervals, and the line of 80 %."""
    if ax is None:
        import matplotlib.pyplot as plt

        ax = plt.subplots(figsize=(6.0, 3.4), layout="constrained")[1]
    ratios = [at.ratio for at in curve]
    shares = [at.found.share for at in curve]
    below = [at.found.share - at.found.lower for at in curve]
    above = [at.found.upper - at.found.share for at in curve]
    ax.axhline(MOSTLY, color=QUIET, linewidth=0.8, linestyle=":")
    ax.errorbar(ratios, shares, [below, above], color=LINE, marker="o", markersize=4, capsize=2)
    ax.set_xscale("log")
    shown = [ratio for ratio in ratios if ratio == 1 or not 0.85 < ratio < 1.15]
    ax.set_xticks(shown, [f"{ratio:.2g}" if ratio < 1 else f"{ratio:g}" for ratio in shown])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_ylim(-0.03, 1.03)
    ax.yaxis.set_major_formatter(PercentFormatter(1.0))
    ax.set_xlabel("ratio of a change: after to before")
    ax.set_ylabel("series in which it is found")
    return ax
