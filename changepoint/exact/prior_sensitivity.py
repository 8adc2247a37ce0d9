"""How much the answer hangs on priors: of the segments' parameter, and of the hyperparameter.

P(any change) = 1 - p(y, no change) / p(y) under other priors. On a grid both are sums over
nodes whose likelihoods are known already: under another prior nodes weigh something else.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from changepoint.errors import ModelError
from changepoint.exact.forward_backward import Filter
from changepoint.exact.hyper_mixture import Inference
from changepoint.likelihoods import Likelihood
from changepoint.model import Model
from changepoint.results.result import Sensitivity

Floats = NDArray[np.float64]

STRENGTHS = (0.25, 0.5, 1.0, 2.0, 4.0)
SIZES = (0.25, 0.5, 1.0, 2.0, 4.0)
FEW = 24  # outer nodes that priors of the segments' parameter are compared at
LONG = 5000  # rows beyond which it would take too long
UNKNOWN = Sensitivity({}, {})


def of_inference(main: Inference) -> Sensitivity:
    """Return P(any change) under other priors than those of an inference on a grid.

    Where there are many outer nodes the prior of the parameter is varied at those that weigh
    most: what these say of the prior as it is, less what all of them do, is taken off.
    """
    mixture = main.mixture
    if not asked(mixture.model, mixture.T):
        return UNKNOWN
    rise = np.array([_log_none(main, one) for one in mixture.filters])
    log_none = _mixed(main.log_sums, rise)
    return Sensitivity(_by_strength(main, rise, log_none), _by_size(main, rise))


def asked(model: Model, T: int) -> bool:
    """Whether there is anything to vary."""
    return model.changes.exactly is None and bool(model.changes.possible) and T <= LONG


def _log_none(main: Inference, one: Filter) -> float:
    """Return log P(no change) at an outer node."""
    condition = main.condition
    total = condition.log_share(condition.start(one))
    return float(one.counted(1).log_shares()[-1, 0]) - total if total > -math.inf else 0.0


def _mixed(log_sums: Floats, rise: Floats) -> float:
    """Return log P(no change) of all outer nodes, whose sums have these logs."""
    return float(np.logaddexp.reduce(log_sums + rise) - np.logaddexp.reduce(log_sums))


def _by_size(main: Inference, rise: Floats) -> dict[float, float]:
    """Return P(any change) by how many times as large the hyperparameter is expected."""
    outer, told = main.mixture.outer, dict[float, float]()
    if main.mixture.family.hyper is None:
        return told
    for times in SIZES:
        moved = main.log_sums + outer.moved(math.log(times)) - _finite(outer.log_weights)
        told[times] = p_any(_mixed(moved, rise))
    return told


def _finite(x: Floats) -> Floats:
    return np.where(np.isfinite(x), x, 0.0)


def _by_strength(main: Inference, rise: Floats, log_none: float) -> dict[float, float]:
    """Return P(any change) by how many times as strong the parameter's prior is."""
    mixture, condition = main.mixture, main.condition
    heavy = np.argsort(-main.weights)[:FEW]
    few = _mixed(main.log_sums[heavy], rise[heavy])
    off = log_none - few if few > -math.inf else 0.0  # as sure of a change as numbers can be
    told = dict[float, float]()
    for strength, family in families(mixture.family):
        if strength == 1:
            told[strength] = p_any(log_none)
            continue
        weights = mixture.grid.weights_under(family.prior)
        log_sums, rises = np.empty((2, len(heavy)))
        for i, j in enumerate(heavy):
            rows = mixture.filters[j].rows.weighed(weights)
            one = Filter(rows, mixture.log_rho, evidence=True)
            log_sums[i] = one.log_sum + condition.log_share(condition.start(one))
            rises[i] = _log_none(main, one)
        told[strength] = p_any(_mixed(log_sums + mixture.outer.log_weights[heavy], rises) + off)
    return told


def families[F: Likelihood](family: F) -> list[tuple[float, F]]:
    """Return the family with priors of other strengths, but for what is no prior any more."""
    found = []
    for strength in STRENGTHS:
        try:
            varied = family.with_strength(strength)
        except ModelError:
            continue  # so weak, or so strong, that it is no prior
        if varied is None:
            return []
        found.append((strength, varied))
    return found


def p_any(log_none: float) -> float:
    """Return P(any change) of log P(no change)."""
    return -math.expm1(min(log_none, 0.0))
