"""The exact engine: the filter on a parameter grid, inside an outer grid where needed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from changepoint.errors import ModelError
from changepoint.model import Model
from changepoint.observations import Observations
from changepoint.posterior import Posterior
from changepoint.results import CHAINS, QUANTILES, Draws, Given, Result

Floats = NDArray[np.float64]

MASS = 0.95  # of a credible set
COUNTED = 32  # the largest number of changes carried as a dimension
LEFT_OUT = 1e-9  # of the probability of the number of changes
AFFORDABLE = 2e10  # likelihood values spent on the probability inside the credible sets


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
    """

    draws: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        for name, lowest in (("draws", CHAINS), ("seed", 0)):
            number = getattr(self, name)
            if isinstance(number, bool) or not isinstance(number, int | np.integer):
                raise ModelError(f"{name} of Exact must be a whole number, not {number!r}")
            if number < lowest:
                raise ModelError(f"{name} of Exact must be at least {lowest}, not {number}")
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
        from changepoint.engines.mixture import Condition, Inference, Mixture, log_evidence

        rng = np.random.default_rng(self.seed)
        changes, T = model.changes, len(observations)
        condition = Condition.of(changes, T)
        mixture = Mixture(model, observations, condition)
        main = Inference(mixture, condition)
        back = main.backward(self.draws, rng, QUANTILES)
        rows = back.rows
        assert rows is not None  # bands were asked for
        draws = collect(back, rng)
        number = main.number(changes.largest(T), LEFT_OUT, COUNTED)
        error = 0.0
        if number.sum() < 1 - 1e-6:
            number = np.bincount(draws.number(T)) / self.draws
            error = float(np.sqrt(number.max() * (1 - number.max()) / self.draws))
        most_probable = int(number.argmax())
        places = back.place_probability()
        given = None
        segments = back.segments
        if changes.exactly is not None:
            places_given, given_draws = places, draws
        elif most_probable:
            given_draws = _with_number(draws, most_probable, T)
            if most_probable > COUNTED:
                places_given = _frequencies(given_draws, most_probable, T)
            else:
                fitting = int(np.sum(draws.number(T) == most_probable))
                more = 0 if fitting >= max(self.draws // 2, CHAINS) else self.draws
                given_only = Inference(mixture, Condition(most_probable))
                way = given_only.backward(more, rng, QUANTILES, bands=False)
                places_given, segments = way.place_probability(), way.segments
                given_draws = collect(way, rng) if more else given_draws
        if most_probable:
            credible = np.array([_credible(p) for p in places_given])
            cost = T * len(mixture.grid.log_weights) * len(mixture.filters) * most_probable
            if cost < AFFORDABLE:
                inside = np.array([main.probability_inside(one) for one in credible])
            else:
                inside = np.array([_frequency_inside(draws, one) for one in credible])
            if segments is None:
                segments = _from_draws(given_draws)
            given = Given(most_probable, given_draws, places_given, credible, inside, segments)
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
            change_probability=places.sum(axis=0),
            number_probability=number,
            number_error=error,
            rows=rows,
            draws=draws,
            given=given,
        )


def probability_inside(
    model: Model, observations: Observations, rows: NDArray[np.bool_]
) -> float:
    """Return P(some change stands in one of these rows) under a resolved model, rows (T,)."""
    from changepoint.engines.mixture import Condition, Inference, Mixture

    condition = Condition.of(model.changes, len(observations))
    mixture = Mixture(model, observations, condition)
    return Inference(mixture, condition).probability_inside(rows)


def _credible(p: Floats) -> NDArray[np.bool_]:
    """Return the smallest set of rows that holds 95 % of p; ties go to the earlier row."""
    order = np.argsort(-p, kind="stable")
    count = int(np.searchsorted(np.cumsum(p[order]), MASS * p.sum())) + 1
    chosen = np.zeros(len(p), bool)
    chosen[order[:count]] = True
    return chosen


def _with_number(draws: Draws, number: int, T: int) -> Draws:
    """Return the draws with this number of changes, as many as fill the chains."""
    mine = np.flatnonzero(draws.number(T) == number)
    mine = np.resize(mine, max(len(mine) // CHAINS, 1) * CHAINS)
    shared = None if draws.shared is None else draws.shared[mine]
    return Draws(draws.first[mine, : number + 1], draws.parameter[mine, : number + 1], shared)


def _frequencies(draws: Draws, number: int, T: int) -> Floats:
    """Return how often the i-th change stands at each row, (k, T)."""
    counts = [np.bincount(draws.first[:, i + 1], minlength=T) for i in range(number)]
    frequencies: Floats = np.array(counts) / len(draws.first)
    return frequencies


def _from_draws(draws: Draws) -> Floats:
    """Return mean and quantiles of the parameter by segment, (1 + levels, k + 1)."""
    theta = draws.parameter
    return np.vstack([theta.mean(axis=0), np.quantile(theta, QUANTILES, axis=0)])


def _frequency_inside(draws: Draws, rows: NDArray[np.bool_]) -> float:
    """Return how many draws have a change in one of these rows, rows (T,)."""
    return float(np.append(rows, False)[draws.first[:, 1:]].any(axis=1).mean())
