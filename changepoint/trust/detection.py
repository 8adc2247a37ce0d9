"""Shares of simulated series in which a change is found, and the smallest that mostly is."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from changepoint.errors import ModelError

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

SURE = 0.95  # P(any change) above which a change counts as found
MOSTLY = 0.8  # share of series in which the smallest change is found
AROUND = 0.6, 0.93  # shares between which half of the series lie
FEWEST, MOST = 20, 1_000_000  # series that are simulated
SCREENED = 25  # series by which a ratio is screened
PRIOR_SD = 10.0  # of the coefficients of the curve


class Share(NamedTuple):
    """A share of simulated series, its Monte Carlo standard error, and its 95 % interval.

    The interval is that of Clopper and Pearson (1934), by quantiles of the beta distribution:
    it holds the truth with at least 95 %, where none or all are found, too.
    """

    share: float
    error: float
    lower: float
    upper: float


class FoundAt(NamedTuple):
    """What is found of changes of one ratio.

    Attributes
    ----------
    ratio
        Of the parameter after to that before; 1 for no change.
    runs
        Series.
    found
        Share of them whose P(any change) is above 0.95.
    """

    ratio: float
    runs: int
    found: Share


class Smallest(NamedTuple):
    """The smallest change that is found in 80 % of the series.

    `ratio` and its standard error.
    """

    ratio: float
    error: float


class Delay(NamedTuple):
    """Rows between the true place of a change and the reported one, in series of the smallest.

    Attributes
    ----------
    rows
        The median.
    lower, upper
        Its 95 % interval, by ranks.
    series
        In which a change was found and reported.
    """

    rows: float
    lower: float
    upper: float
    series: int


def delay_of(rows: Floats) -> Delay | None:
    """Return the median of delays and its interval by ranks; None below 6, which have none.

    >>> delay_of(np.arange(11.0))
    Delay(rows=5.0, lower=1.0, upper=9.0, series=11)
    """
    n, ordered = len(rows), np.sort(rows)
    # The median lies between ranks r and n + 1 - r unless so few of n fall on one side.
    sides = np.cumsum([math.comb(n, k) for k in range(n + 1)], dtype=float) / 2.0**n
    rank = int(np.searchsorted(sides, 0.025, side="right"))
    if rank == 0:
        return None
    low, high = float(ordered[rank - 1]), float(ordered[n - rank])
    return Delay(float(np.median(ordered)), low, high, n)


def share_of(found: Mask) -> Share:
    """Return the share that is True; its error isn't 0 where all, or none, are.

    >>> share_of(np.array([True, False, True, True])).share
    0.75
    >>> round(share_of(np.zeros(500, bool)).upper, 4)  # some 3.7 / 500
    0.0074
    """
    from scipy.special import betaincinv

    n, k = len(found), int(np.sum(found))
    p = (k + 0.5) / (n + 1)
    lower = float(betaincinv(k, n - k + 1, 0.025)) if k else 0.0
    upper = float(betaincinv(k + 1, n - k, 0.975)) if k < n else 1.0
    return Share(k / n, float(np.sqrt(p * (1 - p) / n)), lower, upper)


def screened(found: Callable[[Floats], Mask], ratios: Sequence[float]) -> int:
    """Return which of ascending ratios is the first that mostly is found; their number if none.

    By halving, with a few series each.

    Parameters
    ----------
    found
        Whether a change is found in series, one for each ratio it is given.
    """
    low, high = 0, len(ratios)
    while low < high:
        middle = (low + high) // 2
        if np.mean(found(np.full(SCREENED, ratios[middle]))) >= MOSTLY:
            high = middle
        else:
            low = middle + 1
    return low


def trials_of_screening(ratios: Sequence[float]) -> int:
    """Return how many series `screened` takes at most."""
    return SCREENED * math.ceil(math.log2(len(ratios) + 1))


def smallest(
    found: Callable[[Floats], Mask],
    ratios: Sequence[float],
    runs: int,
    rng: np.random.Generator,
    first: int | None = None,
) -> Smallest | None:
    """Return the smallest ratio that mostly is found; None if the largest is not.

    Ratios are screened, then drawn around the first that will do; a logistic curve through
    what is found by the log of |log ratio| says where the share is 80 %, half of the series
    close to that place.

    Parameters
    ----------
    found
        Whether a change is found in series, one for each ratio it is given.
    ratios
        Ascending, above 1, or descending, below.
    runs
        Series for the curve.
    first
        Which of the ratios is the first that mostly is found, where that is known: none is
        screened.
    """
    if first is None:
        first = screened(found, ratios)
    if first == len(ratios):
        return None
    # Screening may err by one or two.
    ends = ratios[max(first - 2, 0)], ratios[min(first + 2, len(ratios) - 1)]
    low, high = np.log(np.abs(np.log(ends)))
    if first < 2:  # what is smaller still?
        low -= 2.0
    sign = 1.0 if ratios[-1] > 1 else -1.0

    def seen(x: Floats) -> Mask:
        return found(np.exp(sign * np.exp(x)))

    x = rng.uniform(low, high, runs // 2)
    hits = seen(x)
    curve = Curve.through(x, hits)
    near = np.clip([curve.reaches(share) for share in AROUND], low, high)
    if near[1] > near[0]:
        closer = rng.uniform(float(near[0]), float(near[1]), runs - runs // 2)
        x, hits = np.append(x, closer), np.append(hits, seen(closer))
        curve = Curve.through(x, hits)
    size = float(np.exp(np.clip(curve.reaches(MOSTLY), low, high)))
    ratio = float(np.exp(sign * size))
    return Smallest(ratio, ratio * size * curve.error(MOSTLY))


class Curve(NamedTuple):
    """A logistic curve: log odds a + b (x - center) / scale, and the covariance of a and b."""

    beta: Floats
    covariance: Floats
    center: float
    scale: float

    @classmethod
    def through(cls, x: Floats, seen: Mask) -> Curve:
        """Return the most probable curve through what was seen at x.

        A weak prior keeps it finite where all that was seen lies above the rest.
        """
        center, scale = float(x.mean()), float(x.std())
        design = np.column_stack([np.ones_like(x), (x - center) / scale])
        beta, precision = np.zeros(2), np.eye(2) / PRIOR_SD**2
        for _ in range(50):
            p = 1 / (1 + np.exp(-design @ beta))
            curvature = (design.T * (p * (1 - p))) @ design + precision
            step = np.linalg.solve(curvature, design.T @ (seen - p) - precision @ beta)
            beta += step * min(1.0, 5 / max(np.abs(step).max(), 1e-300))
            if np.abs(step).max() < 1e-9:
                break
        return cls(beta, np.linalg.inv(curvature), center, scale)

    def reaches(self, share: float) -> float:
        """Return the x at which the curve reaches a share."""
        log_odds = np.log(share / (1 - share))
        return self.center + self.scale * float((log_odds - self.beta[0]) / self.beta[1])

    def error(self, share: float) -> float:
        """Return the standard error of that x."""
        at = (self.reaches(share) - self.center) / self.scale
        gradient = np.array([1.0, at]) / self.beta[1]
        return self.scale * float(np.sqrt(gradient @ self.covariance @ gradient))


def told(value: Share | Smallest | Delay | None) -> dict[str, Any] | None:
    """Return a share, a ratio or a delay ready for JSON."""
    return None if value is None else value._asdict()


def check_runs(runs: int, seed: int) -> None:
    """Raise ModelError unless these are whole numbers in their range."""
    for name, number, least, most in (
        ("runs", runs, FEWEST, MOST),
        ("seed", seed, 0, 2**63 - 1),
    ):
        whole = isinstance(number, int | np.integer) and not isinstance(number, bool)
        if not (whole and least <= number <= most):
            raise ModelError(
                f"{name} must be a whole number from {least} to {most}, not {number}"
            )
