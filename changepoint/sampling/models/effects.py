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
from changepoint.observations import Observations

if TYPE_CHECKING:
    import xarray as xr


def along(
    effects: Sequence[Effect], observations: Observations, rows: NDArray[np.int64]
) -> Any:
    """Return how far some rows are shifted on the scale of the link, (n,); None of no effects.

    Each effect has a random variable of its name, its coefficients, each Normal(0, sigma).

    Raises
    ------
    EngineError
        If one of them may be absent.
    """
    shifts = []
    for effect in effects:
        if effect.probability < 1:
            raise EngineError(
                f"there is no PyMC model with {effect}, which may be there or not: give it "
                "probability 1, or leave it out, or use fit(model, data, MCMC()), which takes "
                "what is more probable"
            )
        name, coefficient = effect.title, f"{effect.title}_coefficient"
        design = effect.design(observations).rows[rows]
        pm.modelcontext(None).add_coord(coefficient, np.arange(design.shape[1]))
        held = pm.Data(f"{name}_design", design, dims=("time", coefficient))
        sigma = np.float64(effect.sigma or np.nan)  # of a resolved model, never left out
        shifts.append(held @ pm.Normal(name, np.float64(0), sigma, dims=coefficient))
    return sum(shifts) if shifts else None


def shifted(theta: Any, by: Any, domain: tuple[float, float]) -> Any:
    """Return a parameter shifted on the scale of its link, by broadcasting: see `links.shift`.

    A proportion by its odds: the logarithm of these has no gradient where it rounds to 0 or 1.
    """
    if domain[1] == 1:
        up = theta * pt.exp(by)
        return up / (up + (1 - theta))
    return theta * pt.exp(by) if domain[0] == 0 else theta + by


def by_name(variables: xr.Dataset, effects: Sequence[Effect]) -> dict[str, xr.DataArray]:
    """Return the draws of each coefficient, under the name that the exact engine gives it."""
    found: dict[str, xr.DataArray] = {}
    for effect in effects:
        drawn = variables[effect.title]
        names = effect.coefficients(drawn.sizes[drawn.dims[-1]])
        found |= {name: drawn[..., i].reset_coords(drop=True) for i, name in enumerate(names)}
    return found
