"""Effects that all rows share, for PyMC: a vector of coefficients each, and what they shift."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray

from changepoint.effects import Effect
from changepoint.errors import EngineError
from changepoint.likelihoods import Likelihood
from changepoint.observations import Observations
from changepoint.priors import Uniform

if TYPE_CHECKING:
    import xarray as xr


def along(
    effects: Sequence[Effect],
    family: Likelihood,
    observations: Observations,
    rows: NDArray[np.int64],
) -> tuple[Any, Any]:
    """Return how far some rows are shifted on the scale of the link, and what share they keep.

    Both (n,); None of no effects, and where all is kept. Each effect has a random variable of
    its name, its coefficients, each Normal(0, sigma), or Uniform where the effect says so.

    Raises
    ------
    EngineError
        If one of them may be absent.
    """
    shifts, kept = [], None
    for effect in effects:
        if effect.probability < 1:
            raise EngineError(
                f"there is no PyMC model with {effect}, which may be there or not: give it "
                "probability 1, or leave it out, or use fit(model, data, MCMC()), which takes "
                "what is more probable"
            )
        name, coefficient = effect.title, f"{effect.title}_coefficient"
        design = effect.design_under(family, observations)
        there = design.rows[rows]
        pm.modelcontext(None).add_coord(coefficient, np.arange(there.shape[1]))
        held = pm.Data(f"{name}_design", there, dims=("time", coefficient))
        beta = _coefficients(effect, coefficient)
        shifts.append(held @ beta)
        if design.pulls is not None:
            pulls = pm.Data(f"{name}_pull", design.pulls[rows], dims=("time", coefficient))
            kept = 1 - pulls @ beta
    return sum(shifts) if shifts else None, kept


def _coefficients(effect: Effect, dims: str) -> Any:
    """Return the random variable of the coefficients of a resolved effect."""
    if effect.hyper is not None and isinstance(effect.hyper.prior, Uniform):
        lower, upper = map(np.float64, effect.hyper.prior.support)
        return pm.Uniform(effect.title, lower, upper, dims=dims)
    sigma = np.float64(effect.sigma or np.nan)  # of a resolved model, never left out
    return pm.Normal(effect.title, np.float64(0), sigma, dims=dims)


def shifted(theta: Any, by: Any, domain: tuple[float, float], kept: Any = None) -> Any:
    """Return a parameter shifted on the scale of its link, by broadcasting: see `links.shift`.

    `kept`: the share of it that is kept before, all where it is None.
    A proportion by its odds: the logarithm of these has no gradient where it rounds to 0 or 1.
    """
    rest = 1 - theta
    if kept is not None:
        theta, rest = theta**kept, rest**kept
    if domain[1] == 1:
        up = theta * pt.exp(by)
        return up / (up + rest)
    return theta * pt.exp(by) if domain[0] == 0 else theta + by


def by_name(variables: xr.Dataset, effects: Sequence[Effect]) -> dict[str, xr.DataArray]:
    """Return the draws of each coefficient, under the name that the exact engine gives it."""
    found: dict[str, xr.DataArray] = {}
    for effect in effects:
        drawn = variables[effect.title]
        names = effect.coefficients(drawn.sizes[drawn.dims[-1]])
        found |= {name: drawn[..., i].reset_coords(drop=True) for i, name in enumerate(names)}
    return found
