"""One level throughout, under heavy-tailed noise: an integral over level and scale, no more.

Without changes there is nothing to filter. The level is summed at equal steps wherever, at a
scale s, it may matter: the log likelihood bends by at most (nu + 1) / nu sum c_t^2 / s^2, c_t
being what a row says of the level, and the prior by a bend of its own, so that between coarse
steps of D nothing stands higher than the bend times D^2 / 8 above the nearer of the two. The
scale is summed as any hyperparameter. Under a Uniform prior steps are those of the logit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from changepoint.errors import EngineError
from changepoint.exact.hyper_mixture import UNEVEN
from changepoint.exact.hyper_nodes import Lattice
from changepoint.exact.hyper_prior import HyperPrior
from changepoint.exact.posterior_draws import Table, assemble
from changepoint.exact.solution import Floats, Mask, Solution, Solved
from changepoint.kernels.heavy_tails import log_tails
from changepoint.kernels.quantiles import halved, quantiles
from changepoint.likelihoods import StudentT
from changepoint.model import Model
from changepoint.observations import Observations
from changepoint.priors import Uniform
from changepoint.results.result import QUANTILES, Draws

FINE, COARSE = 0.8, 6.0  # steps of the level, in the smallest sd that it may have
CUT, CUT_SCALES = 36.0, 22.0  # in log density: where levels, and scales, are left out
GONE = 60.0  # in log density: where the scan of scales turns round
STEP, WIDEST = 0.6, 0.41  # of the log scale: in its expected sd, and at most
STRIDE = 5.0  # steps of the scan of scales, in these
TAIL = 1e-16  # of the prior of the level: left out
EVERYWHERE = (-math.inf, math.inf)
MOST = 100_000  # levels at a scale; or what is asked for is left to the filter


class _Rows:
    """What the rows of a series say: log p = constant - (nu + 1) / 2 log_tails - n log s."""

    def __init__(self, family: StudentT, observations: Observations) -> None:
        assert family.nu is not None  # one of the candidates
        self.family, self.nu, self.center = family, family.nu, family.pooled(observations)
        observed = observations.observed("value")
        columns = {k: v[observed] for k, v in family.columns(observations).items()}
        y = columns["value"] - self.center
        kept = columns.get("kept", np.zeros_like(y))
        before = columns.get("before", np.full_like(y, self.center)) - self.center
        growth = family.growth(kept)
        self.z, self.share = (y - kept * before) / growth, (1 - kept) / growth
        self.n, half = len(y), (self.nu + 1) / 2
        self.constant = self.n * float(
            special.gammaln(half) - special.gammaln(self.nu / 2)
            - 0.5 * math.log(math.pi * self.nu)
        ) - float(np.log(growth).sum())  # fmt: skip
        self._bend = 2 * half / self.nu * float(self.share @ self.share)
        self._pull = half / math.sqrt(self.nu) * float(self.share.sum())
        lower, upper = family.prior.support
        self._width = upper - lower
        if math.isinf(self._width):
            quarter, middle = family.prior.quantile(np.array([0.25, 0.5]))
            self._prior_bend = 1 / float(middle - quarter) ** 2  # at least
            # Beyond what rows say of the level, and its prior, heights only fall.
            tails = family.prior.quantile(np.array([TAIL, 1 - TAIL])) - self.center
            places = np.append(self.z / self.share, tails)
            self.low, self.high = float(places.min()), float(places.max())
        else:
            self.low, self.high = math.log(TAIL), -math.log(TAIL)

    def level(self, v: Floats) -> Floats:
        """Return the level, less the center, at places: themselves, or of logits."""
        if math.isinf(self._width):
            return v
        lower = self.family.prior.support[0] - self.center
        level: Floats = lower + self._width * special.expit(v)
        return level

    def heights(self, v: Floats, scale: float) -> Floats:
        """Return log prior density times likelihood at places, (G,)."""
        level = self.level(v)
        weight = np.full(len(level), 1 / (self.nu * scale**2))
        tails = np.empty(len(level))
        log_tails(self.z, self.share, level, weight, tails)
        log_p: Floats = self.constant - self.n * math.log(scale) - (self.nu + 1) / 2 * tails
        if math.isinf(self._width):
            return log_p + self.family.prior.log_density(level + self.center)
        uniform: Floats = log_p + special.log_expit(v) + special.log_expit(-v)
        return uniform

    def narrowest(self, scale: float) -> float:
        """Return the smallest sd that the place of the level may have at a scale."""
        bend = self._bend / scale**2
        if math.isinf(self._width):
            return 1 / math.sqrt(bend + self._prior_bend)
        # The logit's inverse has a slope of 1/4 and a bend of 1/(6 root 3) at most.
        slope, curve = self._width / 4, self._width / (6 * math.sqrt(3))
        return 1 / math.sqrt(bend * slope**2 + self._pull / scale * curve + 0.5)

    def ends(self, scale: float) -> tuple[float, float, float]:
        """Return between which places heights may matter, and about the largest."""
        step = COARSE * self.narrowest(scale)
        low, high = self.low - 2 * step, self.high + 2 * step
        if not (high - low) / step < MOST:
            raise EngineError(f"a scale of {scale:.3g} is too small for these levels")
        place: Floats = np.arange(low, high + step, step)
        height = self.heights(place, scale)
        may = np.flatnonzero(height > height.max() - CUT - COARSE**2 / 8)
        return place[may[0]] - step, place[may[-1]] + step, float(height.max())


@dataclass(frozen=True)
class _Slice:
    """The posterior of the level's place at one scale, at equal steps."""

    first: float
    step: float
    height: Floats

    @property
    def places(self) -> Floats:
        """Where the heights stand."""
        places: Floats = self.first + self.step * np.arange(float(len(self.height)))
        return places

    @property
    def log_sum(self) -> float:
        """Log of the integral."""
        return float(np.logaddexp.reduce(self.height)) + math.log(self.step)


class Steady:
    """The posterior of level and scale, without changes."""

    def __init__(self, model: Model, observations: Observations) -> None:
        family = model.likelihood
        assert isinstance(family, StudentT)  # who asks makes sure
        self.family, self.rows, self.T = family, _Rows(family, observations), len(observations)
        self.prior = HyperPrior(family.hyper)
        sd = math.sqrt((self.rows.nu + 3) / (2 * self.rows.nu * self.rows.n))
        for step in (min(STEP * sd, WIDEST) / fineness for fineness in (1, 2, 4)):
            self._sum(step)
            if self.nodes.unevenness(self.weights) < UNEVEN:
                break

    def _sum(self, step: float) -> None:
        v = self._scan(step)
        values = self.prior.value(v)
        self.slices = [self._slice(float(s)) for s in values]
        log_weights = math.log(step) + self.prior.log_density(v)
        name = self.family.hyper.name
        self.nodes = Lattice((name,), values[:, None], log_weights, self.prior, v)
        log_sums = self.nodes.log_weights + [one.log_sum for one in self.slices]
        self.log_evidence = float(np.logaddexp.reduce(log_sums))
        self.weights = np.exp(log_sums - self.log_evidence)

    def _scan(self, step: float) -> Floats:
        """Return the places of the log scale that may matter, at equal steps."""
        stride = STRIDE * step
        center, heights = self.prior.median(), dict[int, float]()
        for direction in (-1, 1):
            i = 0
            while i not in heights or i == 0:
                heights[i] = self._height(center + i * stride)
                if heights[i] < max(heights.values()) - GONE:
                    break
                i += direction
        # The highest of all may stand half a stride off.
        bend = (self.rows.nu + 1) / 2 * self.rows.n * (stride / 2) ** 2 / 2
        top = max(heights.values())
        some = [i for i, height in heights.items() if height > top - CUT_SCALES - bend]
        places: Floats = center + step * np.arange(
            STRIDE * (min(some) - 1), STRIDE * (max(some) + 1) + 1
        )
        fine = np.array([self._height(v) for v in places])
        kept: Floats = places[fine > fine.max() - CUT_SCALES]
        return kept

    def _height(self, v: float) -> float:
        """Return about the largest log density at a scale."""
        place = np.array(v)
        scale = float(self.prior.value(place))
        return self.rows.ends(scale)[2] + float(self.prior.log_density(place))

    def _slice(self, scale: float) -> _Slice:
        low, high, _ = self.rows.ends(scale)
        step = FINE * self.rows.narrowest(scale)
        place = np.arange(low, high + step, step)
        return _Slice(low, step, self.rows.heights(place, scale))

    def draw(self, size: int, rng: np.random.Generator) -> Draws:
        """Return independent draws of level and scale."""
        uniform = rng.random(size)
        chosen = np.searchsorted(np.cumsum(self.weights), uniform * (1 - 1e-12))
        tables = []
        for j in np.unique(chosen):
            mine, one = np.flatnonzero(chosen == j), self.slices[j]
            density, row = halved(one.height[None]), np.zeros(len(mine), np.int64)
            place = quantiles(density, row, np.sort(rng.random(len(mine)))) / 2
            level = self.rows.level(rng.permutation(one.first + one.step * place))
            level = level + self.rows.center
            tables.append(Table(mine, row, {self.family.parameter: level}))
        hyper = self.nodes.draws(self.weights, uniform)
        return assemble(tables, self.T, self.family.parameter, hyper, self.nodes.names)

    def quantiles(self, levels: Floats) -> Floats:
        """Return quantiles of the level: densities at all scales are added up on one grid."""
        from scipy.interpolate import CubicSpline

        step = min(one.step for one in self.slices) / 2
        first = min(one.first for one in self.slices)
        last = max(one.places[-1] for one in self.slices)
        grid = np.arange(first, last + step, step)
        density = np.zeros(len(grid))
        for weight, one in zip(self.weights, self.slices, strict=True):
            some = slice(*np.searchsorted(grid, one.places[[0, -1]]))
            height = CubicSpline(one.places, one.height - one.log_sum)(grid[some])
            density[some] += weight * np.exp(height)
        place = quantiles(density[None], np.zeros(len(levels), np.int64), levels)
        found: Floats = self.rows.level(first + step * place) + self.rows.center
        return found

    @property
    def mean(self) -> float:
        """The mean of the level."""
        total = 0.0
        for weight, one in zip(self.weights, self.slices, strict=True):
            p = np.exp(one.height - one.height.max())
            total += weight * float(self.rows.level(one.places) @ p / p.sum())
        return total + self.rows.center


def applies(model: Model) -> bool:
    """Whether a resolved model is one of a level throughout under heavy-tailed noise."""
    family = model.likelihood
    return (
        isinstance(family, StudentT)
        and family.nu is not None
        and model.changes.exactly == 0
        and family.hyper.prior.support == (0.0, math.inf)
        and (family.prior.support == EVERYWHERE or isinstance(family.prior, Uniform))
    )


def solve(model: Model, observations: Observations, draws: int, seed: int) -> Solved:
    """Return the solution for a model that it applies to."""
    main = Steady(model, observations)
    return Solved(model, main.log_evidence, lambda: _answer(main, draws, seed))


def _answer(main: Steady, draws: int, seed: int) -> Solution:
    drawn = main.draw(draws, np.random.default_rng(seed))

    def banded() -> Floats:
        level = np.append(main.mean, main.quantiles(np.array(QUANTILES)))
        return np.repeat(level[:, None], main.T, axis=1)

    def inside(sets: Mask) -> Floats:
        return np.zeros(len(sets))

    return Solution(
        change_probability=np.zeros(main.T),
        number_probability=np.ones(1),
        number_error=0.0,
        mean=np.full(main.T, main.mean),
        banded=banded,
        drawn=lambda: drawn,
        given=lambda number: None,
        inside=inside,
        diagnostics={"shared_nodes": len(main.weights)},
    )
