"""Measurements of which it isn't known how they vary: an average over families."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from changepoint.likelihoods.autoregressive import Autoregressive
from changepoint.likelihoods.autoregressive_trend import AutoregressiveTrend
from changepoint.likelihoods.base import Fault, Likelihood, SegmentLikelihood
from changepoint.likelihoods.exponential import looks_exponential
from changepoint.likelihoods.local_noise import noise_prior
from changepoint.likelihoods.normal import Normal
from changepoint.likelihoods.normal_mean_variance import NormalMeanVariance
from changepoint.likelihoods.normal_variance import NormalVariance
from changepoint.likelihoods.regression import value_cautions, value_faults
from changepoint.likelihoods.student_t import StudentT
from changepoint.likelihoods.trend import Trend
from changepoint.observations import Observations
from changepoint.priors import InverseGamma, Uniform

Floats = NDArray[np.float64]

HEAVY = 3.0  # degrees of freedom of a level that changes: one value, to keep it quick
COARSE = 0.2  # noise over the standard deviation of all values: finer structure counts as noise
LONG = 3000  # rows beyond which families of T^2 steps are left out
LONG_MEMORY = 1200  # the same of autocorrelated ones, which take some 60 passes


@dataclass(frozen=True)
class Auto(Likelihood):
    """p(y) = sum_i p(y | family i) / n: which family it is, is part of what is unknown.

    Equally probable before are a level with the same noise in all segments, with heavy-tailed
    noise, and with noise of the segment's own; noise that alone changes; lines; a level, and
    lines, with autocorrelated noise; and one level throughout with noise that jumps and
    returns. Their evidence weighs them. So neither a trend, nor memory, nor a spike is taken
    for a change of level where it explains the data better.

    Noise by segment has the prior that its families have by themselves, but around no less than
    a fifth of the standard deviation of all values. Finer structure counts as noise, until many
    rows say otherwise: else a smooth curve would be told as a chain of lines without noise.

    What needs one family, such as pointwise log likelihoods or `to_pymc`, says so; the engine
    MCMC takes the most probable one.

    References
    ----------
    J. A. Hoeting et al. (1999), Statistical Science 14, 382: Bayesian model averaging.

    Examples
    --------
    >>> from changepoint import Observations
    >>> [family.name for family in Auto().candidates(Observations(value=[1.0, 3.0]))][:2]
    ['normal', 'student-t']
    """

    name: ClassVar = "auto"
    response: ClassVar = "value"
    needs: ClassVar = ("value",)
    parameter: ClassVar = "level"
    domain: ClassVar = (-math.inf, math.inf)

    def candidates(self, observations: Observations) -> tuple[SegmentLikelihood, ...]:
        """Return the families that are averaged over; of long series those that are fast."""
        fast: tuple[SegmentLikelihood, ...] = (Normal(), StudentT(nu=HEAVY))
        if len(observations) > LONG:
            return fast
        level, line = (_noise(observations, columns) for columns in (1, 2))
        independent = (
            *fast,
            NormalMeanVariance(variance=level),
            NormalVariance(variance=level),
            Trend(variance=line),
        )
        if len(observations) > LONG_MEMORY:
            return independent
        memory = Autoregressive(variance=level), AutoregressiveTrend(variance=line)
        return (*independent, *memory)

    def steady(self, observations: Observations) -> tuple[SegmentLikelihood, ...]:
        """Return one level, from which the values jump and to which they return.

        Beside noise that jumps and remembers, a change of level could hardly be told. The level
        lies within the data: one far out would stand for a drift, with the returns as jumps.
        """
        y = observations.column("value")
        within = Uniform(float(np.nanmin(y)), float(np.nanmax(y)))
        return (StudentT(level=within, phi=None),)

    @property
    def unshiftable(self) -> str | None:
        """Effects shift the rows of all candidates that allow changes."""
        return ""

    def resolve(self, observations: Observations) -> Self:
        """Return itself: the candidates are resolved one by one."""
        return self

    def faults(self, observations: Observations) -> Iterator[Fault]:
        """Yield the rules of the support that rows break."""
        yield from value_faults(observations, defaults=True)

    def cautions(self, observations: Observations) -> Iterator[str]:
        """Warn of values that stand still or look like waiting times, of families left out."""
        yield from value_cautions(observations)
        if looks_exponential(observations.column("value")):
            yield (
                "the values are positive, many of them small and a few large, as waiting times "
                "are: if they are times between events, use 'exponential'"
            )
        T, remedy = len(observations), "to keep it quick; sum rows, or name a likelihood"
        if T > LONG:
            left = "lines, autocorrelation and noise by segment are left out of the average"
            yield f"{T} rows, above {LONG}: {left}, {remedy}"
        elif T > LONG_MEMORY:
            left = "levels and lines with autocorrelated noise are left out of the average"
            yield f"{T} rows, above {LONG_MEMORY}: {left}, {remedy}"

    def estimates(self, observations: Observations) -> Floats:
        """Return the values themselves, shape (T,)."""
        return observations.column("value")


def _noise(observations: Observations, columns: int) -> InverseGamma | None:
    """Return the prior of noise by segment; None where no values differ, which is a fault."""
    y = observations.column("value")
    if not np.nanstd(y) > 0:
        return None
    return noise_prior(observations, columns, COARSE)
