"""What chance may do to a law about draws.

The draws of a fixed seed are the same on one machine; on another, whose last bits differ, they
may be others. So each check states how rarely right draws fail it: `RARE`, also where it is
over many rows, which then have a share each. A suite of thousands of checks fails by chance
once in hundreds of machines at most, and a check still sees what is off by 5 standard errors.
"""

from __future__ import annotations

import numpy as np
from scipy import stats

RARE = 1e-6  # p value of a check


def errors_allowed(number: int = 1) -> float:
    """Return how many standard errors the worst of so many may be off: 4.9 for one."""
    return float(stats.norm.isf(RARE / number / 2))


def frequencies(counts: np.ndarray, expected: np.ndarray) -> float:
    """p value of counts by chi-square, rare outcomes put together; 1 where one bin is left."""
    assert counts[expected == 0].sum() == 0
    expected = expected * (counts.sum() / expected.sum())
    often = expected >= 25
    bins = np.append(counts[often], counts[~often].sum())
    told = np.append(expected[often], expected[~often].sum())
    if told[-1] < 25:
        bins = np.append(bins[:-2], bins[-2:].sum())
        told = np.append(told[:-2], told[-2:].sum())
    if len(told) < 2:
        return 1.0
    return float(stats.chisquare(bins, told * (bins.sum() / told.sum())).pvalue)


def worst_share(counts: np.ndarray, size: int, p: np.ndarray) -> float:
    """Smallest p value of binomial tests of counts out of `size`, times how many there are."""
    p = np.clip(p, 1e-12, 1 - 1e-12)
    pairs = zip(counts.tolist(), p.tolist(), strict=True)
    return min(stats.binomtest(int(k), size, q).pvalue for k, q in pairs) * len(p)
