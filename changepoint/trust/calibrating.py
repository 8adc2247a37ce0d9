"""The threshold on P(any change) that data without a change seldom pass."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from changepoint.answer import Answer
from changepoint.trust.certifying import Answered
from changepoint.trust.detection import SURE, Share, check_runs, share_of, told
from changepoint.trust.likeness import Likeness

Floats = NDArray[np.float64]

ALARMS = 0.05, 0.01  # false alarms, as shares of series without a change
NORMAL = 1.96  # standard deviations on both sides, for 95 %


class Threshold(NamedTuple):
    """P(any change) that a share of series without a change passes.

    Attributes
    ----------
    alarms
        That share.
    threshold, lower, upper
        And the 95 % interval that the number of series leaves.
    passed
        Whether the data do.
    """

    alarms: float
    threshold: float
    lower: float
    upper: float
    passed: bool


class Calibration(NamedTuple):
    """Thresholds on P(any change) for data like these.

    Attributes
    ----------
    left_out
        Effects that are rather absent than there, without which series were drawn and answered.
    probability_of_change
        P(any change) of the data.
    runs, seed
        Series without a change; of the simulation.
    false_alarms
        Share of them whose P(any change) is above 0.95.
    thresholds
        For 5 % and 1 % of false alarms.
    """

    left_out: tuple[str, ...]
    probability_of_change: float
    runs: int
    seed: int
    false_alarms: Share
    thresholds: tuple[Threshold, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return {
            **self._asdict(),
            "left_out": list(self.left_out),
            "false_alarms": told(self.false_alarms),
            "thresholds": [one._asdict() for one in self.thresholds],
        }


def calibrate(
    posterior: Answer,
    runs: int = 1000,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, every: None,
) -> Calibration:
    """Return the thresholds on P(any change) that few series without a change would pass.

    Series like the data are simulated from the posterior given no change, and answered under
    the same model.

    Parameters
    ----------
    posterior
        Of the data.
    runs
        Series.
    seed
        Of the simulation.
    progress
        Is told how many series are done, of how many.

    Raises
    ------
    ModelError
        Where the number of changes is given, effects are likely, or the answer isn't exact.

    Examples
    --------
    >>> from changepoint import Model, fit, likelihoods, read_csv, trust
    >>> data = read_csv("data/coal_disasters.csv")
    >>> told = trust.calibrate(fit(Model(likelihoods.Poisson()), data), runs=100)
    >>> [(one.alarms, one.passed) for one in told.thresholds]
    [(0.05, True), (0.01, True)]
    """
    check_runs(runs, seed)
    answered = Answered(Likeness(posterior, np.random.default_rng(seed)), progress)
    answered.expect(runs)
    null = answered.chances(np.ones(runs))
    p = posterior.probability_of_change
    return Calibration(
        left_out=answered.likeness.left_out,
        probability_of_change=p,
        runs=runs,
        seed=seed,
        false_alarms=share_of(null > SURE),
        thresholds=tuple(threshold(null, alarms, p) for alarms in ALARMS),
    )


def threshold(null: Floats, alarms: float, p: float) -> Threshold:
    """Return what no more than a share of some probabilities lie above.

    By ranks; of the interval, too, whose upper end is 1 where they are too few for one.

    >>> threshold(np.arange(1, 101) / 100, 0.05, 0.96)[:2]
    (0.05, 0.95)
    """
    n, ordered = len(null), np.sort(null)
    rank = math.ceil(n * (1 - alarms) - 1e-9)
    apart = NORMAL * math.sqrt(n * alarms * (1 - alarms))
    lower = max(math.floor(rank - apart), 1)
    upper = math.ceil(rank + apart)
    at = float(ordered[rank - 1])
    return Threshold(
        alarms,
        at,
        float(ordered[lower - 1]),
        float(ordered[upper - 1]) if upper <= n else 1.0,
        bool(p > at),
    )
