"""The prior of a parameter against its posterior, segment by segment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from changepoint.errors import DataError
from changepoint.likelihoods import SegmentLikelihood
from changepoint.plain import drawable
from changepoint.report.figure_style import (
    BAND,
    CHANGE,
    DATA,
    LINE,
    axes_or_new,
    clean,
    draw_unit,
    label_of,
)
from changepoint.results.reported import lengths
from changepoint.results.trajectories import tilted

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

    from changepoint.answer import Answer

Floats = NDArray[np.float64]
DRAWS = 20_000  # of the prior
NAMED = 6  # segments in the legend
POINTS = 400
LOWEST = 0.25  # of the highest posterior: a prior that is lower is drawn higher


def plot_prior(posterior: Answer, parameter: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw the densities of draws: of the prior once, of the posterior by segment.

    Raises
    ------
    DataError
        If there is no such parameter.
    """
    family = posterior.model.likelihood
    name = family.parameter if parameter is None else parameter
    after = _posterior_draws(posterior, name)
    prior = _prior_draws(posterior, name)
    ax = axes_or_new(ax, height=3.2)
    x = _shown(prior, after)
    before, densities = _density(prior, x), [_density(values, x) for values in after]
    times = _times_as_high(before, densities)
    told = "prior" if times == 1 else f"prior, drawn {times:,} times as high"
    ax.fill_between(x, times * before, facecolor=BAND, edgecolor=DATA, linewidth=1, label=told)
    for i, density in enumerate(densities):
        label = _label(posterior, i, len(after))
        ax.plot(x, density, color=_colour(i, len(after)), label=label)
    ax.set_xlim(x[0], x[-1])
    ax.set_ylim(bottom=0)
    ax.set_yticks([])
    ax.xaxis.set_major_locator(MaxNLocator(6))
    ax.set_ylabel("density")
    changes = name == family.parameter  # not what all segments share
    ax.set_xlabel(drawable(label_of(posterior) if changes else name))
    if changes:
        draw_unit(ax.xaxis, posterior)
    ax.legend(frameon=False, fontsize="small")
    clean(ax)
    return ax


def _posterior_draws(posterior: Answer, name: str) -> list[Floats]:
    """Return draws by segment, given the reported number; of a shared parameter one array."""
    fixed = _given_number(posterior)
    if name not in fixed:
        names = [str(n) for n in fixed if n not in ("switchpoint", "n_changes")]
        raise DataError(f"there is no parameter {name!r}; there are {', '.join(names)}")
    values = fixed[name].values
    if values.ndim == 2:
        return [values.ravel()]
    values = values.reshape(-1, values.shape[-1])
    if (
        name == posterior.model.likelihood.parameter
        and "slope" in fixed
        and tilted(posterior.tree)
    ):
        # Draws are at the starts of lines; the prior is about their middles.
        slope = fixed["slope"].values.reshape(values.shape)
        values = values + slope * lengths(fixed, posterior.observations) / 2
    return list(values.T)


def _given_number(posterior: Answer) -> xr.Dataset:
    """Return the draws that have the reported number of changes."""
    tree = posterior.tree
    return tree["given" if "given" in tree.children else "posterior"].dataset


def _prior_draws(posterior: Answer, name: str) -> Floats:
    """Return draws from the prior; under an average, as many from each family."""
    if not posterior.likelihoods:  # a model written in PyMC knows how to draw
        values: Floats = posterior.build("prior")["prior"].dataset[name].values.ravel()
        return values
    drawn, rng = [], np.random.default_rng(0)
    for family in posterior.likelihoods:
        if family.hyper is not None and name == family.hyper.name:
            drawn.append(family.hyper.draws(rng, DRAWS))
        else:
            assert isinstance(family, SegmentLikelihood)  # none is an average of others
            named = family.segment_prior(posterior.observations, (DRAWS,), rng)
            drawn += [named[name]] if name in named else []
    return np.concatenate(drawn)


def _shown(prior: Floats, after: list[Floats]) -> Floats:
    """Return the places at which densities are drawn: all posteriors, and the prior near them.

    A wide prior is cut off at as much again as the posteriors take, so that these stay
    readable; a density is never drawn outside of the draws' range.
    """
    ends = np.quantile(np.concatenate(after), [0.0, 1.0])
    wide = np.quantile(prior, [0.01, 0.99])
    room = max(ends[1] - ends[0], 1e-12)
    low = max(min(ends[0] - 0.1 * room, wide[0]), ends[0] - room, prior.min())
    high = min(max(ends[1] + 0.1 * room, wide[1]), ends[1] + room)
    return np.linspace(min(low, ends[0]), max(high, ends[1]), POINTS)


def _times_as_high(prior: Floats, after: list[Floats]) -> int:
    """Return 1, 2, 5, 10, 20, ...: what makes a prior that data narrowed be seen."""
    wanted = LOWEST * max(float(density.max()) for density in after)
    highest = float(prior.max())
    if not 0 < highest < wanted:
        return 1
    tens: int = 10 ** int(np.log10(wanted / highest))
    return next(n * tens for n in (1, 2, 5, 10) if n * tens * highest >= wanted)


def _density(draws: Floats, x: Floats) -> Floats:
    """Return a Gaussian kernel estimate of the density; zero where draws all agree.

    Of the draws near x alone: a long tail would make the kernel as wide as the tail.
    """
    from scipy.stats import gaussian_kde

    room = x[-1] - x[0]
    near = draws[(draws > x[0] - room) & (draws < x[-1] + room)]
    if len(near) < 2 or not np.ptp(near) > 0:
        return np.zeros_like(x)
    density: Floats = gaussian_kde(near)(x) * (len(near) / len(draws))
    return density


def _label(posterior: Answer, i: int, segments: int) -> str | None:
    if segments == 1:
        return "posterior"
    if segments > NAMED:
        return {0: "first segment", segments - 1: "last segment"}.get(i)
    times = [c.time for c in posterior.changes]
    return f"before {times[0]}" if i == 0 else f"from {times[i - 1]}"


def _colour(i: int, segments: int) -> tuple[float, ...] | str:
    """Return LINE for the first segment, CHANGE for the last, what lies between for others."""
    from matplotlib.colors import LinearSegmentedColormap

    between = LinearSegmentedColormap.from_list("segments", [LINE, "#8a8fa3", CHANGE])
    colour: tuple[float, ...] = between(i / max(segments - 1, 1))
    return colour
