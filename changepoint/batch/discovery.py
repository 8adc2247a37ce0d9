"""False alarms over many series: how many changed, and which of them to flag."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

STEPS = 10_000  # of EM at most
SETTLED = 1e-12  # change of the share at which it ends


class Discovery(NamedTuple):
    """What all series together say of each.

    Parameters
    ----------
    share
        The estimated share of series that changed; NaN where none has a Bayes factor.
    probability
        P(some change | its data, share) of each series, (N,); NaN without a Bayes factor.
    flagged
        The series to report, (N,).
    false
        The expected share of false ones among them, 0 if there are none.
    """

    share: float
    probability: Floats
    flagged: NDArray[np.bool_]
    false: float


def discover(log_bayes_factor: Floats, rate: float) -> Discovery:
    """Return the flags that keep the Bayesian false discovery rate.

    Each series changed with probability pi, the same for all; then

        P(changed | y_i) = pi BF_i / (pi BF_i + 1 - pi),

    with BF_i = p(y_i | some change) / p(y_i | none). pi is found by EM as the mean of these
    probabilities over the series and two more, one that changed and one that didn't: the mode
    of its posterior under the prior Beta(2, 2), without which a batch of few series would be
    certain of its share. EM relies on changes being as the model's prior expects them: where
    all are large, it takes the absence of small ones for hidden ones. So pi is bounded by what
    needs no such assumption. Without change a Bayes factor is 1 on average; the largest set
    of smallest Bayes factors whose mean is at most 1 holds as many series as didn't change, at
    least.

    Flagged are the most probable series, as many as keep the mean of 1 - P(changed) among
    them, which is the expected share of false ones, at the rate; but none that more probably
    didn't change, however many sure ones there are to make up for it.

    Parameters
    ----------
    log_bayes_factor
        (N,), NaN where there is none.
    rate
        The largest expected share of false ones among the flagged, in (0, 1).

    References
    ----------
    M. Newton, A. Noueiry, D. Sarkar, P. Ahlquist (2004), Biostatistics 5, 155, section 3.4:
    the rule for flags.
    X. Wen (2017), Statistics in Biosciences 9, 28: the bound of the share (EBF).

    Examples
    --------
    >>> found = discover(np.array([-3.0] * 95 + [12.0] * 5), rate=0.05)
    >>> round(found.share, 2), int(found.flagged.sum())
    (0.06, 5)
    """
    known = ~np.isnan(log_bayes_factor)
    x = log_bayes_factor[known]
    probability = np.full(len(log_bayes_factor), np.nan)
    flagged = np.zeros(len(log_bayes_factor), bool)
    if not len(x):
        return Discovery(float("nan"), probability, flagged, 0.0)
    share = min(_mode(x), _bound(x))
    p = _posterior(x, share)
    order = np.argsort(-p, kind="stable")
    false = np.cumsum(1 - p[order]) / np.arange(1, len(p) + 1)
    count = int(np.searchsorted(false, rate, "right"))  # a mean of ascending numbers ascends
    count = min(count, int((p > 0.5).sum()))
    # Series that are alike are flagged together or not at all.
    while 0 < count < len(p) and p[order[count]] == p[order[count - 1]]:
        count -= 1
    chosen = np.zeros(len(p), bool)
    chosen[order[:count]] = True
    probability[known], flagged[known] = p, chosen
    return Discovery(share, probability, flagged, float(false[count - 1]) if count else 0.0)


def _posterior(log_bayes_factor: Floats, share: float) -> Floats:
    with np.errstate(divide="ignore", over="ignore"):
        odds = log_bayes_factor + np.log(share) - np.log1p(-share)
        p: Floats = 1 / (1 + np.exp(-odds))
    return p


def _mode(log_bayes_factor: Floats) -> float:
    """Return the most probable share of changed series.

    Its log posterior, sum_i log(1 - pi + pi BF_i) + log pi + log(1 - pi), is concave: EM ends
    at its top from anywhere in (0, 1). Aitken's extrapolation of two steps gets there sooner.
    """

    def step_from(share: float) -> float:
        return float(
            (_posterior(log_bayes_factor, share).sum() + 1) / (len(log_bayes_factor) + 2)
        )

    share = 0.5
    for _ in range(STEPS):
        first = step_from(share)
        second = step_from(first)
        step, bend = first - share, second - 2 * first + share
        jump = share - step**2 / bend if abs(bend) > 1e-300 else second
        after = jump if 0 < jump < 1 else second
        if abs(after - share) < SETTLED:
            return after
        share = after
    return share


def _bound(log_bayes_factor: Floats) -> float:
    """Return the largest share that Bayes factors of 1 on average without change allow."""
    factors = np.exp(np.minimum(np.sort(log_bayes_factor), 700))
    mean = np.cumsum(factors) / np.arange(1, len(factors) + 1)
    unchanged = int(np.searchsorted(mean, 1.0, "right"))  # a mean of ascending numbers ascends
    return (len(factors) - unchanged + 1) / (len(factors) + 2)
