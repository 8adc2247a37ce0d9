"""Priors that exclude the data: finite densities, but hopeless wherever the prior allows.

Raw prior draws can't tell: under a vague prior all are bad fits. So the log density is
climbed within the prior's support: of all rows together first, then of single rows that are
still poor. A row's best over all these points is compared with what data simulated from the
best point get. Each row may choose its own point, so a series that changes, or scatters
more than the model says, isn't called excluded: that is for the posterior to show.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from changepoint.sampling.check.points import Observed, Point, compiled
from changepoint.sampling.check.report import Finding

HOPELESS = 30.0  # nats below the worst of the simulated data: a factor of 1e13
SIMULATED = 50
STARTS = 3  # points from which all rows together are climbed
CLIMBS = 40  # rows climbed alone, the poorest first
IDLE = 3  # climbs in a row that gain less than a nat end the search
LARGE = 1e100  # an impossible point, to an optimiser that needs a number
COORDINATES = 50  # discrete values climbed; more are imputed data

RULE = "no parameter in the prior's support comes near the data"
REMEDY = "Widen the prior, or check the units of the data (a rate, a percentage, a count)."


def excluded(
    observed: Observed, points: Sequence[Point], logps: NDArray[np.float64]
) -> Iterator[Finding]:
    """Yield what the prior excludes: rows, or the series as a whole.

    Parameters
    ----------
    observed
        The variable.
    points
        Points in the prior's support.
    logps
        The log density by row at each, (point, row, ...).
    """
    heights = np.where(np.isfinite(logps), logps, -np.inf)
    possible = np.isfinite(heights).any(axis=0)
    totals = heights[:, possible].sum(axis=1)
    if not possible.any() or np.isneginf(totals.max()):
        return  # said by the rows
    order = np.argsort(-totals, kind="stable")[: min(STARTS, np.isfinite(totals).sum())]
    short = _Shortfall(observed, points[order[0]], possible)
    if not short.hopeless(heights.max(axis=0)):
        return
    climb = _Climb(observed)
    tried = [climb(points[i], possible) for i in order]
    short = _Shortfall(observed, max(tried, key=lambda p: climb.height(p, possible)), possible)
    points = [*points, *tried]
    heights = np.array([*heights, *(climb.rows(point) for point in tried)])
    settled, idle = ~possible, 0
    for _ in range(CLIMBS):
        best = heights.max(axis=0)
        if not short.hopeless(best):
            return
        if idle == IDLE or settled.all():
            yield from short.findings(best)
            return
        row = np.zeros(possible.shape, dtype=bool)
        row.flat[np.where(settled, -np.inf, short.rows.mean(axis=0) - best).argmax()] = True
        start = int(heights[:, row].argmax())
        points.append(climb(points[start], row))
        heights = np.append(heights, climb.rows(points[-1])[None], axis=0)
        gain = (heights.max(axis=0) - best)[possible].sum()
        settled, idle = settled | row, idle + 1 if gain < 1 else 0
    # Still gaining: nothing is proved, and an accusation needs proof.


class _Shortfall:
    """How far the data stay below data simulated at a point."""

    def __init__(self, observed: Observed, point: Point, possible: NDArray[np.bool_]) -> None:
        self.observed, self.possible = observed, possible
        simulated = observed.simulate(point, SIMULATED)
        self.rows = np.array([observed.evaluate(point, data)[0] for data in simulated])

    def _series(
        self, best: NDArray[np.float64], rows: NDArray[np.bool_]
    ) -> tuple[float, float]:
        """Return the rows' log density, and the lowest of the simulated data."""
        return float(best[rows].sum()), float(self.rows[:, rows].sum(axis=1).min())

    def _poor(self, best: NDArray[np.float64]) -> NDArray[np.bool_]:
        poor: NDArray[np.bool_] = best + HOPELESS < self.rows.min(axis=0)
        return poor & self.possible

    def hopeless(self, best: NDArray[np.float64]) -> bool:
        """Return whether the series, or a row of it, is beyond all simulated data."""
        reached, lowest = self._series(best, self.possible)
        return reached + HOPELESS < lowest or bool(self._poor(best).any())

    def findings(self, best: NDArray[np.float64]) -> Iterator[Finding]:
        """Yield the poor rows if the others are fine without them, else the series."""
        observed, poor = self.observed, self._poor(best)
        reached, lowest = self._series(best, self.possible & ~poor)
        if reached + HOPELESS >= lowest and poor.sum() <= self.possible.sum() / 2:
            for index in np.argwhere(poor):
                row, value = observed.place(tuple(index), best)
                yield Finding("prior", observed.name, row, value, RULE, REMEDY)
            return
        reached, lowest = self._series(best, self.possible)
        value = f"log density {reached:,.0f} at best; simulated data have {lowest:,.0f} or more"
        yield Finding("prior", observed.name, None, value, RULE, REMEDY)


class _Climb:
    """Climb the log density of some rows from a point, within the prior's support."""

    def __init__(self, observed: Observed) -> None:
        model = observed.model
        self._observed = observed
        self._prior = compiled(model, model.logp(vars=model.free_RVs, jacobian=False))
        self._continuous = [value.name for value in model.continuous_value_vars]
        self._discrete = [value.name for value in model.discrete_value_vars]
        try:
            self._slopes = observed.gradient() if self._continuous else None
        except Exception:  # an operation without derivative: differences will do
            self._slopes = None

    def rows(self, point: Point) -> NDArray[np.float64]:
        """Return the log density by row, -inf where it isn't finite."""
        logp = self._observed.evaluate(point)[0]
        return np.where(np.isfinite(logp), logp, -np.inf)

    def height(self, point: Point, rows: NDArray[np.bool_]) -> float:
        """Return the log density of the rows, -inf beyond the prior's support."""
        total = self._observed.evaluate(point)[0][rows].sum()
        # NaN is an overflow of small integers, not a bound: that is another finding.
        inside = np.isfinite(total) and not np.isneginf(self._prior(point))
        return float(total) if inside else -np.inf

    def __call__(self, point: Point, rows: NDArray[np.bool_]) -> Point:
        """Return the point reached."""
        for _ in range(2):
            point = self._climb_continuous(point, rows)
            point, moved = self._climb_discrete(point, rows)
            if not moved:
                break
        return point

    def _climb_continuous(self, point: Point, rows: NDArray[np.bool_]) -> Point:
        from scipy.optimize import minimize

        if not self._continuous:
            return point
        sizes = np.cumsum([point[name].size for name in self._continuous])[:-1]

        def unpacked(x: NDArray[np.float64]) -> Point:
            parts = zip(self._continuous, np.split(x, sizes), strict=True)
            return point | {name: part.reshape(point[name].shape) for name, part in parts}

        def depth(x: NDArray[np.float64]) -> float:
            height = self.height(unpacked(x), rows)
            return -height if np.isfinite(height) else LARGE

        def slope(x: NDArray[np.float64]) -> NDArray[np.float64]:
            assert self._slopes is not None
            slopes = [part.ravel() for part in self._slopes(unpacked(x), rows)]
            return -np.nan_to_num(np.concatenate(slopes), posinf=0.0, neginf=0.0)

        start = np.concatenate([point[name].ravel() for name in self._continuous])
        reached = minimize(
            depth, start, jac=slope if self._slopes else None, method="L-BFGS-B",
            options={"maxiter": 200},
        )  # fmt: skip
        return unpacked(reached.x) if reached.fun < depth(start) else point

    def _climb_discrete(self, point: Point, rows: NDArray[np.bool_]) -> tuple[Point, bool]:
        moved, height = False, self.height(point, rows)
        places = [(name, i) for name in self._discrete for i in range(point[name].size)]
        for name, i in places[:COORDINATES]:
            for direction in (1, -1):
                step = 1
                while True:
                    changed = point[name].copy()
                    changed.flat[i] += direction * step
                    trial = point | {name: changed}
                    reached = self.height(trial, rows)
                    if not reached > height:
                        break
                    point, height, moved, step = trial, reached, True, 2 * step
        return point, moved
