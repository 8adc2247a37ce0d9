"""Quadrature over a segment's parameter: nodes, and weights that turn sums into integrals.

Nodes stand at whole numbers u of a `Stretch`, for B series at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from changepoint.errors import EngineError, ModelError
from changepoint.exact.node_range import narrow, quantiles, widest
from changepoint.exact.stretch import Stretch, weigh
from changepoint.likelihoods.coordinates import Coordinate
from changepoint.likelihoods.grid import GridLikelihood
from changepoint.likelihoods.links import heeded, is_relative, linked, shift
from changepoint.likelihoods.series import (
    Integers,
    Nodes,
    Series,
    repeated,
    stacked,
    with_fields,
)
from changepoint.priors import Prior

Floats = NDArray[np.float64]

STEP = 0.8  # in standard deviations of the posterior if all rows were one segment
ROUGH = 1.6  # the same, for grids that only look for the outer grid
ENOUGH = 400  # nodes that aren't worth a search for fewer, in a rough grid
HOLDS = 2**18  # nodes; as many for each of 20 nodes of an outer grid take 3 GB


@dataclass(frozen=True)
class Grid:
    """Nodes first, first + 1, ... of a stretch, with log prior weights, of B series.

    `first` and `nodes.counts` have shape (B,); nodes and weights stand one after the other.
    """

    prior: Prior
    stretch: Stretch
    first: Floats
    nodes: Nodes
    log_weights: Floats

    def at(self, position: Floats) -> Floats:
        """Return theta at fractional node numbers; of one series."""
        return self.stretch.nodes(position + self.first).theta

    def slope(self) -> tuple[Floats, Floats]:
        """Return theta at the nodes and its derivative by their number; of one series."""
        u = self.first + np.arange(float(len(self.log_weights)))
        with np.errstate(divide="ignore"):
            log_slope = self.stretch.coordinate.log_slope(self.nodes) + self.stretch.log_slope(
                u
            )
        return self.nodes.theta, np.exp(log_slope)

    def elsewhere(self, position: Floats) -> Grid:
        """Return the grid of other places, given as fractional node numbers; of one series."""
        nodes, weights = weigh(self.prior, self.stretch, self.first + position)
        return Grid(self.prior, self.stretch, self.first, nodes, weights)

    def weights_under(self, prior: Prior) -> Floats:
        """Return log weights of the nodes under another prior; of one series, (G,)."""
        u = self.first + np.arange(float(len(self.log_weights)))
        return weigh(stacked([prior]), self.stretch, u)[1]

    def one(self, i: int) -> Self:
        """Return the grid of one series."""
        counts = self.nodes.counts
        if counts is None or len(counts) == 1:
            return self
        start = int(counts[:i].sum())
        some = slice(start, start + int(counts[i]))
        parts = {
            name: value[i : i + 1]
            for name, value in vars(self.prior).items()
            if isinstance(value, np.ndarray)
        }
        return with_fields(  # type: ignore[no-any-return]
            self,
            {
                "prior": with_fields(self.prior, parts) if parts else self.prior,
                "stretch": self.stretch.one(i),
                "first": self.first[i : i + 1],
                "nodes": Nodes(
                    self.nodes.theta[some], self.nodes.companion[some], counts[i : i + 1]
                ),
                "log_weights": self.log_weights[some],
            },
        )


def build(
    families: Sequence[GridLikelihood],
    series: Series,
    hypers: Sequence[Floats],
    step: float = STEP,
    most: int = HOLDS,
    steady: bool = False,
) -> Grid:
    """Return grids fine and wide enough for each of some values of the hyperparameters.

    Parameters
    ----------
    families
        Of each series, alike but for their priors, which are filled.
    series
        B of them.
    hypers
        Values of the hyperparameters, each (B, d).
    step
        In standard deviations of the posterior if all rows were one segment.
    most
        Nodes of a series; with more: EngineError.
    steady
        Whether all rows are one segment.

    Raises
    ------
    ModelError
        If the prior has mass so close to an end of its support that no grid can hold it.
    EngineError
        If the data tell the parameter so precisely that there would be too many nodes.
    """
    family = families[0]
    prior = stacked([one.prior for one in families])
    hyper = family.hyper
    end = np.maximum if hyper is not None and hyper.finest else np.minimum
    finest = family.own(hypers[0] if len(hypers) == 1 else end.reduce(hypers))
    coordinate = family.coordinate(series, finest)
    low, high = families[0].prior.support
    inside = family.domain[0] < low, high < family.domain[1]
    series, wider = _shifted(family, series, hypers)
    information = wider * family.information(series, finest) + _information(prior, coordinate)
    stretch = _stretch(coordinate, low, high, inside, step / np.sqrt(information))
    first, last = widest(families, prior, series, stretch)
    seek = (last - first > ENOUGH) | (step < ROUGH)
    if seek.any():
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # theta may be 0
            first, last = narrow(
                family, prior, series, stretch, hypers, first, last, seek, steady
            )
    for i in np.flatnonzero(~(last - first <= most)):
        far = float((last - first)[i])
        raise _too_many(family, series.one(int(i)), float(finest[i]), far, most)
    start = np.trunc(first)
    return _grid(prior, stretch, start, (np.trunc(last) - start).astype(np.int64) + 1)


def _shifted(
    family: GridLikelihood, series: Series, hypers: Sequence[Floats]
) -> tuple[Series, float]:
    """Return the series with the ends of its rows' estimates as effects move them.

    And by how much effects may raise the information of a row.
    """
    if series.shifts is None:
        return series, 1.0
    psi = np.array([hyper[0] for hyper in hypers])
    by = np.array([series.shifts.by(one) for one in psi])
    kept = series.shifts.kept(psi)
    if kept is not None:
        return _remembered(family, series, by, kept)
    least, largest = (
        shift(family.domain, Nodes(end, 1 - end), -far).theta
        for end, far in ((series.least, by.max()), (series.largest, by.min()))
    )
    # Towards either end a proportion's information may rise.
    most = float(abs(by).max() if family.domain[1] == 1 else max(by.max(), 0.0))
    wider = math.exp(most) if is_relative(family.domain) else 1.0
    return replace(series, least=least, largest=largest), wider


def _remembered(
    family: GridLikelihood, series: Series, by: Floats, kept: Floats
) -> tuple[Series, float]:
    """Return the same where rows keep a share of their level; shifts and shares, (n, P)."""
    pooled = float(series.pooled[0])
    middle = float(linked(family.domain, series.pooled)[0])
    least, largest = (
        heeded(family.domain, end, pooled) for end in (series.least, series.largest)
    )
    away = ((least - by) / kept).min() - middle, ((largest - by) / kept).max() - middle
    there = (family.shifted(series.pooled, np.array(far)) for far in away)
    lean = float(np.abs(by - (1 - kept) * middle).max())  # of rows at the middle
    return replace(series, least=np.minimum(series.least, next(there)),
                   largest=np.maximum(series.largest, next(there))), math.exp(lean)  # fmt: skip


def _stretch(
    coordinate: Coordinate, low: float, high: float, inside: tuple[bool, bool], h: Floats
) -> Stretch:
    same = np.zeros_like(h)
    bottom, top, gap = coordinate.bottom + same, coordinate.top + same, same
    if inside[0]:
        bottom = coordinate.x(low + same, 1 - low + same)
    if inside[1]:
        top = coordinate.x(high + same, 1 - high + same)
        if math.isfinite(coordinate.top):
            gap = coordinate.below_top(high + same, 1 - high + same)
    return Stretch(
        coordinate, bottom, top, gap, h, bool(np.isfinite(bottom[0])), bool(np.isfinite(top[0]))
    )


def _ramp(counts: Integers) -> Floats:
    """Return 0, 1, ... for each series, one after the other."""
    if len(counts) == 1:
        return np.arange(float(counts[0]))
    starts = np.cumsum(counts) - counts
    ramp: Floats = np.arange(float(counts.sum())) - np.repeat(starts, counts)
    return ramp


def _grid(prior: Prior, stretch: Stretch, first: Floats, counts: Integers) -> Grid:
    wide = first if len(counts) == 1 else np.repeat(first, counts)
    nodes, weights = weigh(
        repeated(prior, counts), stretch.repeated(counts), wide + _ramp(counts)
    )
    return Grid(prior, stretch, first, nodes._replace(counts=counts), weights)


class OutlierError(EngineError):
    """The nodes would be too many, perhaps for a row far out: which one, who has them says."""

    def __init__(self, begin: str, end: str) -> None:
        super().__init__(f"{begin} some row{end}")
        self.parts = begin, end

    def at(self, where: str) -> EngineError:
        """Return the error with the row named."""
        begin, end = self.parts
        return EngineError(f"{begin} {where}{end}")


def _too_many(
    family: GridLikelihood, series: Series, hyper: float, count: float, most: int
) -> EngineError:
    found = f"the grid of the {family.parameter} would need {count:.2g} nodes, above {most}"
    if most < HOLDS:
        return EngineError(f"{found}, and take too long")
    if family.hyper is None:
        return EngineError(
            f"{found}: the data are too precise for it. Use fewer trials or less exposure a row"
        )
    middle, ends = float(series.pooled[0]), (float(series.least[0]), float(series.largest[0]))
    far = max(ends, key=lambda end: abs(end - middle))
    name, field = family.hyper.name, family.hyper.field
    return OutlierError(
        f"{found}, where {name} is {hyper:.3g}. Either a row lies too far out: at",
        f" the {family.parameter} would be {far:.6g}; if that is an error, make the row "
        f"missing. Or the prior leaves too much to such values of {name}: state one for "
        f"{field} that doesn't, or allow fewer changes",
    )


def _information(prior: Prior, coordinate: Coordinate) -> Floats:
    """One over the square of half the prior's central 68 % in x."""
    low, high = quantiles(prior)[:2]
    width = coordinate.x(high, 1 - high) - coordinate.x(low, 1 - low)
    if not np.all((width > 1e-100) & (width < math.inf)):
        raise ModelError(f"{prior} is too narrow for numbers to tell its values apart")
    information: Floats = (2 / width) ** 2
    return information
