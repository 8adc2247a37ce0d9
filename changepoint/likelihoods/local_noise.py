"""The default prior of noise by segment: from windows of rows, of which few hold a change.

The variance of all values holds the changes themselves: after a jump of 30 standard deviations
of the noise a prior that stands on it expects noise that is ten times too large, and a few rows
of it are enough to be told so. Most short windows hold no change: what scatters within these
around their own level, or line, is noise.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import special

from changepoint.likelihoods.regression import Scale, rows_of
from changepoint.observations import Observations
from changepoint.priors import InverseGamma

Floats = NDArray[np.float64]

PARTS = 10  # windows side by side that hold all rows
SHORTEST = 8  # rows of a window: more than a week, whose pattern is noise if it is not modelled
SHARE = 0.25  # of the windows are quieter than the one that counts: most may hold changes
BELOW = 0.5  # of that noise: on the low side, where one change more costs more
WORTH = 4.0  # rows
FINEST = 1e-3  # noise over the standard deviation of all values, where windows stand still


def noise_prior(
    observations: Observations, columns: int = 1, finest: float = FINEST
) -> InverseGamma:
    """Return InverseGamma(2, 2 s^2), worth four rows of standard deviation s.

    Parameters
    ----------
    columns
        1 where segments have a level, 2 where they have a slope as well.
    finest
        Least s, over the standard deviation of all values.

    Notes
    -----
    s is half of what `quiet_sd` finds. Priors around the noise itself would make a change
    cheap: of series without one more would then seem to change (`benchmarks/noise.py`).

    Examples
    --------
    >>> noise = [0.1, -0.2, 0.2, -0.1] * 5
    >>> prior = noise_prior(Observations(value=noise + [50 + z for z in noise]))
    >>> round((prior.beta / prior.alpha) ** 0.5, 2)
    0.11
    """
    seen = observations.observed("value")
    y, x = observations.column("value")[seen], rows_of(observations)[seen]
    sd = Scale.of(observations).sd
    typical = max(BELOW * quiet_sd(y, x, columns), finest * sd)
    return InverseGamma(WORTH / 2, WORTH / 2 * typical**2)


def quiet_sd(y: Floats, x: Floats, columns: int) -> float:
    """Return the noise's standard deviation, from what a quiet window has around its own line.

    Windows hold a tenth of the rows, at least 8, and begin every quarter of that, counted from
    both ends of the rows, so that time may run backwards. A quarter of them are quieter than
    the one that counts, as if its squares were that quantile of Normal noise. Rows too few for
    a window are one.
    """
    size = min(max(len(y) // PARTS, SHORTEST), len(y))
    if size <= columns:
        return float(y.std())
    starts = np.arange(0, len(y) - size + 1, max(size // 4, 1))
    starts = np.union1d(starts, len(y) - size - starts)
    parts = (np.lib.stride_tricks.sliding_window_view(z, size)[starts] for z in (y, x))
    rest, along = (part - part.mean(axis=1, keepdims=True) for part in parts)
    if columns == 2:
        slope = (rest * along).sum(axis=1) / (along**2).sum(axis=1)
        rest = rest - slope[:, None] * along
    squares = np.quantile((rest**2).sum(axis=1), SHARE, method="lower")
    usual = 2 * special.gammaincinv((size - columns) / 2, SHARE)  # chi-square's quantile
    return math.sqrt(float(squares / usual))
