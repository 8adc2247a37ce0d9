"""What all figures share: colours, sizes, the axis of time."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from numpy.typing import NDArray

from changepoint.errors import DataError
from changepoint.plain import drawable
from changepoint.report.units import unit_of
from changepoint.time_window import moment
from changepoint.zones import zone_of

if TYPE_CHECKING:
    from matplotlib.backend_bases import RendererBase

    from changepoint.answer import Answer

# Told apart by lightness alone, so by everyone and on paper: a dark line, mid-grey points, a
# light band; changes are of the one warm colour, a second posterior is lighter than the first.
DATA, BAND, LINE, CHANGE = "#6e6e6e", "#a9cbe8", "#0b3c5d", "#b8400e"
REST, OTHER, EVENT = "#d9d9d9", "#d08a2e", "#333333"
CLOSE = 0.02  # of the axis of time: events whose labels stand on both sides
LABEL = 28  # characters of an event's label
SEEN = 1e-3  # of the largest probability: what can be seen in a bar

Size = Literal["screen", "paper", "slide"]
# Width in inches, what a panel's height is multiplied by, points of the text.
SIZES: dict[str, tuple[float, float, float]] = {
    "screen": (9.0, 1.0, 10.0),
    "paper": (6.3, 0.75, 8.0),  # the text of an A4 page
    "slide": (13.3, 1.35, 18.0),  # a slide of 16 to 9
}


class Picture(Figure):
    """A figure that notebooks show once, as the result of a cell; pyplot doesn't know it.

    A sign that no font here has is drawn as a box, without a word on standard error.
    """

    def draw(self, renderer: RendererBase) -> None:
        """Draw on matplotlib's renderer."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"Glyph .* missing from ", UserWarning)
            super().draw(renderer)

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=100)
        return buffer.getvalue()


def axes_or_new(ax: Axes | None, height: float = 3.6) -> Axes:
    """Return the axes given, or those of a new figure of pyplot.

    Raises
    ------
    DataError
        If what is given isn't one Axes, such as the array that `subplots` returns.
    """
    if isinstance(ax, Axes):
        return ax
    if isinstance(ax, np.ndarray):
        raise DataError(f"ax must be one Axes, not an array of {ax.size}: give one of them")
    if ax is not None:
        raise DataError(f"ax must be one Axes of matplotlib, not {type(ax).__name__}")
    from matplotlib import pyplot

    _, new = pyplot.subplots(figsize=(SIZES["screen"][0], height), layout="constrained")
    return new


def thicken(figure: Figure, factor: float) -> None:
    """Make lines and points so many times as thick: they don't grow with a figure."""
    for artist in figure.findobj(lambda one: hasattr(one, "set_linewidth")):
        artist.set_linewidth(np.asarray(artist.get_linewidth()) * factor)  # type: ignore[attr-defined]
    for points in figure.findobj(PathCollection):
        points.set_sizes(points.get_sizes() * factor**2)


def places(posterior: Answer) -> NDArray[Any]:
    """Return the times, or the numbers of the rows, shape (T,)."""
    time = posterior.observations.time
    return np.arange(len(posterior.observations)) if time is None else time


def edges_of(x: NDArray[Any]) -> NDArray[Any]:
    """Return where the rows' periods begin, their times, and where the last ends, (T + 1,)."""
    return np.append(x, x[-1] + (x[-1] - x[-2:][0]))


def middles_of(x: NDArray[Any]) -> NDArray[Any]:
    """Return the middles of the rows' periods, where dots stand, (T,)."""
    edges = edges_of(x)
    middles: NDArray[Any] = edges[:-1] + (edges[1:] - edges[:-1]) / 2
    return middles


def draw_bars(
    ax: Axes, p: NDArray[np.float64], edges: NDArray[Any], color: str, **style: Any
) -> None:
    """Draw bars with an outline, so that one row among thousands is still seen."""
    seen = np.where(abs(p) > SEEN * abs(p).max(), p, np.nan)
    ax.stairs(seen, edges, fill=True, color=color, edgecolor=color, linewidth=1, **style)


def times_of(posterior: Answer) -> NDArray[Any]:
    """Return the times of the events inside the data, as those of the rows are, (E,)."""
    x = places(posterior)
    dates = x.dtype.kind == "M"
    times = [moment(event.time, posterior.observations) for event in posterior.placed.events]
    return np.array(times, x.dtype if dates else np.float64)


def draw_events(ax: Axes, posterior: Answer, named: bool = False) -> None:
    """Draw a thin line where each event is, with its label at the top of the panel if asked."""
    from matplotlib.dates import date2num

    x, events = places(posterior), posterior.placed.events
    dates = x.dtype.kind == "M"
    times = times_of(posterior)
    close, before = (x[-1] - x[0]) * CLOSE, None
    for event, time in zip(events, times, strict=True):
        ax.axvline(time, color=EVENT, linewidth=0.8, linestyle=(0, (2, 2)), zorder=1.2)
        side = "left" if before is not None and time - before < close else "right"
        before = None if side == "left" else time
        if named:
            text = drawable(shortened(event.label or str(event.time)))
            at: Any = date2num(time) if dates else time  # type: ignore[no-untyped-call]
            where: dict[str, Any] = {"xycoords": ax.get_xaxis_transform(), "ha": side}
            where |= {"xytext": (1 if side == "left" else -1, 0), "va": "top"}
            where["textcoords"] = "offset points"
            style: dict[str, Any] = {"rotation": 90, "fontsize": "x-small", "color": EVENT}
            ax.annotate(text, (at, 0.98), **where, **style)


def shortened(label: str) -> str:
    """Return a label that fits beside a line."""
    return label if len(label) <= LABEL else f"{label[: LABEL - 3]}..."


def draw_dates(ax: Axes, posterior: Answer) -> None:
    """Label the axis of time."""
    time = posterior.observations.time
    if time is None:
        from matplotlib.ticker import MaxNLocator

        ax.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
        ax.set_xlabel("row")
    elif np.issubdtype(time.dtype, np.datetime64):
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

        zone = posterior.observations.zone
        clocks = zone_of(zone) if zone else None
        locator = AutoDateLocator(tz=clocks, minticks=4, maxticks=9)  # type: ignore[no-untyped-call]
        ax.xaxis.set_major_locator(locator)
        formatter = ConciseDateFormatter(locator, tz=clocks)  # type: ignore[no-untyped-call]
        ax.xaxis.set_major_formatter(formatter)
    else:
        ax.set_xlabel(drawable(posterior.observations.columns.get("time", "time")))


def label_of(posterior: Answer) -> str:
    """Return the parameter, the column it describes, and the unit it is told in."""
    return unit_of(posterior).head(_label(posterior))


def draw_unit(axis: Axis, posterior: Answer) -> None:
    """Write the numbers of an axis in the unit of the answer; what is drawn stays a rate."""
    unit = unit_of(posterior)
    if unit.label:
        axis.set_major_formatter(lambda value, _: f"{unit.per * value:.6g}")


def _label(posterior: Answer) -> str:
    family, columns = posterior.model.likelihood, posterior.observations.columns
    if family.label != family.parameter:
        return family.label
    by = family.divisor(posterior.observations)
    used = [columns.get(role, role) for role in (family.response, by) if role]
    if family.parameter == "noise_sd":
        return f"noise_sd: distance of {used[0]} from its mean"
    return f"{family.parameter}: {' / '.join(used)}" if len(used) > 1 else used[0]


def clean(ax: Axes) -> None:
    """Take away what isn't data."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize="small")
