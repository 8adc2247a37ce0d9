"""What a change did: difference, ratio and P(increase), summed over before and after."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from changepoint.kernels import before_after as kernel
from changepoint.results.result import QUANTILES, Step

Floats = NDArray[np.float64]

NORMAL = 1.96
FOREVER = 0.97  # a factor, from node to node, of terms that add up to infinity


class Side(NamedTuple):
    """The parameter at nodes before or after a change, and its derivative by their number."""

    theta: Floats
    slope: Floats


class Joint(NamedTuple):
    """A joint density by rows of one parameter: what the compiled sums take of it.

    theta and slope are those of its columns.
    """

    theta: Floats
    slope: Floats
    rows: Floats
    joint: Floats
    up_to: Floats
    whole: Floats
    after: bool

    @classmethod
    def of(cls, columns: Side, rows: Side, joint: Floats, after: bool) -> Joint:
        """Return a joint density with its integrals."""
        up_to, whole = kernel.prepare(joint)
        return cls(*columns, rows.theta, joint, up_to, whole, after)


def step_of(one: Side, two: Side, joint: Floats, domain: tuple[float, float]) -> Step:
    """Return what is told of a change.

    Of the two ways to sum a joint density, over rows by what comes before or by what comes
    after, one may break off where the other parameter's density does, at an end of its range:
    the other one is taken. For differences it is the one whose ends are further away, in
    standard deviations.

    Parameters
    ----------
    one, two
        Nodes before and after, (G,) and (H,).
    joint
        Density of before (rows) and after (columns), (G, H), not normalised.
    domain
        Of the parameter.
    """
    joint = joint / joint.sum()
    before, after = joint.sum(axis=1), joint.sum(axis=0)
    by_before = Joint.of(two, one, joint, False)
    by_after = Joint.of(one, two, np.ascontiguousarray(joint.T), True)
    mean, sd = _moments(before, one.theta)
    mean_after, sd_after = _moments(after, two.theta)
    wide = math.hypot(sd, sd_after)
    up = 1 - _below(by_after, 0.0, False)
    rising = _rising(mean, sd, mean_after, sd_after, domain)
    difference = [mean_after - mean]
    ratio = [_mean_ratio(one.theta, two.theta, joint)] if domain[0] >= 0 else None
    log_sd = math.hypot(sd / mean, sd_after / mean_after) if ratio else 0.0
    for level, guess in ((QUANTILES[0], -NORMAL), (QUANTILES[-1], NORMAL)):
        # Whether x, the quantile, is above 0: P(after - before <= 0) tells.
        above = 1 - up < level
        side = by_before if rising[above] else by_after
        start = difference[0] + guess * wide
        difference.append(_crossing(side, False, level, start, wide))
        if ratio:
            ratio.append(_ratio_at(by_after if above else by_before, level, mean, mean_after,
                                   guess, min(log_sd, 3.0)))  # fmt: skip
    # The median stands for a mean that there isn't, or that says less than its interval.
    if ratio and not ratio[1] <= ratio[0] <= ratio[2]:
        ratio[0] = _ratio_at(by_after, 0.5, mean, mean_after, 0.0, min(log_sd, 3.0))
    none = (math.nan, math.nan, math.nan)
    return Step(
        (difference[0], difference[1], difference[2]),
        (ratio[0], ratio[1], ratio[2]) if ratio else none,
        min(max(up, 0.0), 1.0),
    )


def _rising(
    mean: float, sd: float, after: float, sd_after: float, domain: tuple[float, float]
) -> tuple[bool, bool]:
    """Return, for quantiles below and above 0, whether to sum over what comes before."""
    low, high = domain
    falling = (high - mean) / sd < (after - low) / sd_after
    rising = (mean - low) / sd < (high - after) / sd_after
    return falling, rising


def _moments(N: Floats, theta: Floats) -> tuple[float, float]:
    mean = float(N @ theta)
    spread = float(N @ (theta - mean) ** 2)
    return mean, math.sqrt(max(spread, 1e-300))


def _mean_ratio(before: Floats, after: Floats, joint: Floats) -> float:
    """Return the mean of after / before; infinite where the density near 0 leaves none."""
    with np.errstate(divide="ignore"):
        inverse = np.where(before > 0, 1 / before, 0.0)
    parts = inverse * (joint @ after)
    total = float(parts.sum())
    if len(parts) < 2 or not parts[0] > 1e-9 * total:
        return total
    # Towards 0 nodes lie ever closer, and what they add falls by the same factor each.
    falls = float(parts[0] / parts[1])
    return total + float(parts[0]) * falls / (1 - falls) if falls < FOREVER else math.inf


def _ratio_at(
    side: Joint, level: float, mean: float, after: float, guess: float, sd: float
) -> float:
    at = math.log(after / mean) + guess * sd
    return math.exp(min(_crossing(side, True, level, at, sd), 700.0))


def _below(side: Joint, x: float, ratio: bool) -> float:
    return float(kernel.below(*side, x, ratio))


def _crossing(side: Joint, ratio: bool, level: float, at: float, sd: float) -> float:
    return float(kernel.crossing(*side, ratio, level, at, sd))
