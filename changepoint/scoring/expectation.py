"""Scores of a posterior: expectations over its draws of segmentations."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from changepoint.errors import DataError
from changepoint.results.trajectories import segments
from changepoint.scoring.points import Annotations, Points, annotators, check_whole
from changepoint.scoring.scores import SCORES, against

if TYPE_CHECKING:
    from changepoint.answer import Answer

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Expected(NamedTuple):
    """A posterior mean, and the Monte Carlo standard error that its draws leave."""

    mean: float
    error: float


class Placements(NamedTuple):
    """The distinct segmentations among draws.

    points
        Each once, N of them.
    which
        Which one each draw is, (chain, draw).
    """

    points: Points
    which: Integers

    @property
    def share(self) -> Floats:
        """Of the draws, by segmentation, shape (N,)."""
        return np.bincount(self.which.ravel()) / self.which.size


def placements(posterior: Answer) -> Placements:
    """Return the segmentations of all draws."""
    T = len(posterior.observations)
    first, _ = segments(posterior.tree)
    chains, draws = first.shape[:2]
    # Two changes of a hand-written model may coincide, or stand before the first row.
    rows = np.sort(np.where(first > 0, first, T).reshape(chains * draws, -1))
    rows[:, 1:][rows[:, 1:] == rows[:, :-1]] = T
    rows = np.sort(np.minimum(rows, T))
    distinct, which = np.unique(rows, axis=0, return_inverse=True)
    begun = np.pad(distinct, ((0, 0), (1, 0)))  # row 0 first
    return Placements(Points(begun, (begun < T).sum(axis=1)), which.reshape(chains, draws))


def expected(
    posterior: Answer, annotations: Annotations, score: str = "f1", margin: int = 5
) -> Expected:
    """Return the posterior mean of a score: a mean over draws, nothing rounded or cut off.

        E[score(annotations, X)] = 1/D sum_d score(annotations, X_d)

    A posterior is judged as a whole by it: it scores high if it puts its probability where
    annotators saw changes, whatever single list of changes one would read from it.

    Parameters
    ----------
    posterior
        Of T rows, with D draws.
    annotations
        Rows of changes of one annotator, or of several, 1..T-1.
    score
        "f1", "covering", "precision", "recall", "hausdorff" or "annotation_error".
    margin
        The largest distance of a hit, in rows; of F1, precision and recall.

    Returns
    -------
    Expected
        Mean and Monte Carlo standard error: sd / sqrt(D) of independent draws, by batch means
        of sqrt(D) draws each for the chains of a sampler.

    Raises
    ------
    DataError
        If there is no such score, or something isn't the row of a change.

    References
    ----------
    J. M. Flegal, G. L. Jones (2010), Annals of Statistics 38, 1034: batch means.

    Examples
    --------
    >>> from changepoint import Model, fit, likelihoods, read_csv, scoring
    >>> posterior = fit(Model(likelihoods.Normal()), read_csv("data/nile.csv"))
    >>> mean, error = scoring.expected(posterior, [28], "covering")
    >>> 0.8 < mean < 1, error < 0.01
    (True, True)
    """
    if score not in SCORES:
        raise DataError(f"score must be one of {', '.join(SCORES)}, not {score!r}")
    margin, T = check_whole("margin", margin, 0), len(posterior.observations)
    found = placements(posterior)
    of_each = against(score, annotators(annotations, T), found.points, T, margin)
    values = of_each[found.which]
    independent = posterior.engine["name"] == "exact"
    batch = 1 if independent else math.isqrt(values.shape[1])
    return Expected(float(values.mean()), _error(values, batch))


def _error(values: Floats, batch: int) -> float:
    """Return the standard error of the mean over (chain, draw), by means of batches."""
    chains, draws = values.shape
    whole = draws // batch * batch
    means = values[:, :whole].reshape(chains, -1, batch).mean(axis=2).ravel()
    if len(means) < 2:
        return math.nan
    return float(means.std(ddof=1) / math.sqrt(len(means)))
