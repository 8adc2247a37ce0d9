"""The exact engine: which kernel sums over the changes, and what becomes of its answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from changepoint.errors import ChangepointError, ModelError
from changepoint.model import Model
from changepoint.observations import Observations
from changepoint.results.effects import found
from changepoint.results.result import CHAINS, MOST_DRAWS, EffectFound, Result

if TYPE_CHECKING:
    from changepoint.exact.solution import Solved

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Exact:
    """Exact inference: no sampling error in anything but draws, and no chains to converge.

    Sums over placements of changes are exact. Where a segment has one parameter it is summed
    out on a grid, whose error is below 1e-6 in log evidence and in probabilities (1e-5 with a
    parameter shared by all segments), in O(T G) time and O(G sqrt T) memory for T rows and G
    nodes. Where it has several, they are integrated in closed form, in O(T^2) time and O(T)
    memory; quantiles of parameters, and means by segment of lines, then come from the draws.

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

    name: ClassVar = "exact"
    exact: ClassVar = True

    def __post_init__(self) -> None:
        for name, lowest, highest in (("draws", CHAINS, MOST_DRAWS), ("seed", 0, 2**63 - 1)):
            number = getattr(self, name)
            if isinstance(number, bool) or not isinstance(number, int | np.integer):
                raise ModelError(f"{name} of Exact must be a whole number, not {number!r}")
            if number < lowest:
                raise ModelError(f"{name} of Exact must be at least {lowest}, not {number}")
            if number > highest:
                raise ModelError(f"{name} of Exact must be at most {highest}, not {number}")
            object.__setattr__(self, name, int(number))
        if self.draws % CHAINS:
            raise ModelError(f"draws of Exact must be a multiple of {CHAINS}, not {self.draws}")

    def run(
        self, model: Model, observations: Observations, notes: tuple[str, ...] = ()
    ) -> Result:
        """Return the posterior of a resolved model as arrays."""
        from changepoint.exact.solve import solve

        solved = solve(model, observations, self.draws, self.seed)
        return self._result(solved, observations, notes, self.seed)

    def run_each(
        self,
        models: Sequence[Model],
        observations: Sequence[Observations],
        notes: Sequence[tuple[str, ...]],
        seeds: Sequence[int],
        rows: Sequence[NDArray[np.int64]],
    ) -> Iterator[tuple[int, Result | ChangepointError]]:
        """Yield number and posterior of each of many series, in no particular order.

        Series of one family are solved together, which takes a fraction of the time.

        Parameters
        ----------
        rows
            Of each series, those at which the parameter is wanted; at others it is NaN.
        """
        from changepoint.exact.solve import solve_each

        for i, solved in solve_each(models, observations, self.draws, seeds, rows):
            if isinstance(solved, ChangepointError):
                yield i, solved
            else:
                yield i, self._result(solved, observations[i], notes[i], seeds[i])

    def _result(
        self, solved: Solved, observations: Observations, notes: tuple[str, ...], seed: int
    ) -> Result:
        from changepoint.exact.limits import limits

        answer = solved.answer()
        model, number = solved.model, _chances(answer.number_probability)
        given = answer.given(int(number.argmax()))
        if given is not None:
            given = given._replace(
                probability=_chances(given.probability), inside=_chances(given.inside)
            )
        effects: tuple[EffectFound, ...] = ()
        if solved.coefficients is not None:
            effects = found(model, observations, solved.coefficients)
        return Result(
            model=model,
            observations=observations,
            engine={
                "name": "exact",
                "seed": seed,
                "settings": {"draws": self.draws},
                "converged": True,
                "diagnostics": answer.diagnosed,
            },
            warnings=(
                *observations.warnings,
                *notes,
                *answer.warnings,
                *limits(model, observations, number),
            ),
            log_evidence=solved.log_evidence,
            change_probability=_chances(answer.change_probability),
            number_probability=number,
            number_error=answer.number_error,
            rows=answer.rows,
            drawn=answer.drawn,
            given=given,
            candidates=answer.candidates,
            effects=effects,
            inside=lambda sets: _chances(answer.inside(sets)),
            jump=answer.jump,
            likeliest=answer.likeliest,
            sensitivity=answer.sensitivity,
        )


def _chances(sums: Floats) -> Floats:
    """Return sums over the posterior as probabilities: rounding may have put them outside."""
    within: Floats = np.clip(sums, 0.0, 1.0)
    return within
