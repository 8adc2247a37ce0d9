"""The exact engine: the filter on a parameter grid, inside an outer grid where needed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from changepoint.errors import ModelError
from changepoint.model import Model
from changepoint.observations import Observations
from changepoint.posterior import Posterior
from changepoint.results import CHAINS, QUANTILES, Result

Floats = NDArray[np.float64]

COUNTED = 32  # the largest number of changes carried as a dimension
LEFT_OUT = 1e-9  # of the probability of the number of changes


@dataclass(frozen=True)
class Exact:
    """Exact inference: no sampling error in anything but draws, and no chains to converge.

    Sums over placements of changes are exact; integrals over parameters are sums over grids
    whose error is below 1e-6 in log evidence and in probabilities (1e-5 with a parameter
    shared by all segments). O(T G) time and O(G sqrt T) memory for T rows and G nodes.

    Parameters
    ----------
    draws
        Independent draws from the posterior, stored as 4 chains; a multiple of 4.
    seed
        Of the draws. Everything else is deterministic.

    Raises
    ------
    ModelError
        If a setting isn't a whole number in its range.

    References
    ----------
    S. Chib (1998), J. Econometrics 86, 221: change points as a hidden Markov model.
    P. Fearnhead (2006), Statistics and Computing 16, 203, Theorem 1: exact recursions over
    segments, whose sum over segment starts the grid of parameter values makes unnecessary.

    Examples
    --------
    >>> from changepoint import Model, fit, likelihoods, read_csv
    >>> data = read_csv("data/coal_disasters.csv")
    >>> posterior = fit(Model(likelihoods.Poisson()), data, Exact(draws=400, seed=7))
    >>> posterior.tree["posterior"].sizes["draw"]
    100
    """

    draws: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        for name, lowest in (("draws", CHAINS), ("seed", 0)):
            number = getattr(self, name)
            if isinstance(number, bool) or not isinstance(number, int | np.integer):
                raise ModelError(f"{name} of Exact must be a whole number, not {number!r}")
            if not lowest <= number < 2**63:
                raise ModelError(f"{name} of Exact must be at least {lowest}, not {number}")
            object.__setattr__(self, name, int(number))
        if self.draws % CHAINS:
            raise ModelError(f"draws of Exact must be a multiple of {CHAINS}, not {self.draws}")

    def fit(self, model: Model, observations: Observations) -> Posterior:
        """Return the posterior; see `changepoint.fit`."""
        cautions = model.check(observations)
        return Posterior(self.run(model.resolve(observations), observations, cautions))

    def run(
        self, model: Model, observations: Observations, warnings: tuple[str, ...] = ()
    ) -> Result:
        """Return the posterior of a resolved model as arrays."""
        from changepoint.engines.draws import collect
        from changepoint.engines.given import given_number
        from changepoint.engines.mixture import Condition, infer, log_evidence

        rng = np.random.default_rng(self.seed)
        changes, T = model.changes, len(observations)
        condition = Condition.of(changes, T)
        main = infer(model, observations, condition)
        mixture = main.mixture
        back = main.backward(self.draws, rng, QUANTILES)
        rows = back.rows
        assert rows is not None  # bands were asked for
        draws = collect(back, rng)
        number = main.number(changes.largest(T), LEFT_OUT, COUNTED)
        error = 0.0
        if number.sum() < 1 - 1e-6:  # beyond what is carried as a dimension
            number = np.bincount(draws.number(T)) / self.draws
            error = float(np.sqrt(number.max() * (1 - number.max()) / self.draws))
        return Result(
            model=model,
            observations=observations,
            engine={
                "name": "exact",
                "seed": self.seed,
                "settings": {"draws": self.draws},
                "converged": True,
                "diagnostics": {
                    "nodes": len(mixture.grid.log_weights),
                    "shared_nodes": len(mixture.filters),
                },
            },
            warnings=observations.warnings + warnings,
            log_evidence=log_evidence(main),
            change_probability=back.place_probability().sum(axis=0),
            number_probability=number,
            number_error=error,
            rows=rows,
            draws=draws,
            given=given_number(back, draws, int(number.argmax()), rng),
        )


def probability_inside(
    model: Model, observations: Observations, rows: NDArray[np.bool_]
) -> float:
    """Return P(some change stands in one of these rows) under a resolved model, rows (T,)."""
    from changepoint.engines.mixture import Condition, infer

    condition = Condition.of(model.changes, len(observations))
    return infer(model, observations, condition).probability_inside(rows)
