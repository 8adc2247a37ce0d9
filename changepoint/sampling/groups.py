"""Groups of a DataTree that PyMC computes, of hand-written models."""

from __future__ import annotations

from typing import Any

import pymc as pm
import xarray as xr

from changepoint.errors import DataError
from changepoint.sampling.hand_written_checks import told_switchpoint
from changepoint.sampling.models.build import SWITCHPOINT
from changepoint.sampling.sampler import quiet


def built_by_pymc(name: str, tree: xr.DataTree, pm_model: pm.Model | None) -> xr.Dataset:
    """Return `log_likelihood`, `posterior_predictive` or `prior` of a hand-written model."""
    if pm_model is None:
        raise DataError(
            f"{name} needs the PyMC model, which isn't saved with a posterior: fit it again"
        )
    if name != "prior" and not pm_model.observed_RVs:
        raise DataError(
            f"no {name}: the PyMC model has no observed variable, its likelihood is a potential"
        )
    posterior, seed = tree["posterior"].dataset, int(tree.attrs["seed"])
    place = told_switchpoint(pm_model)
    if place is not None and place != SWITCHPOINT:  # PyMC knows it by the model's name
        posterior = posterior.rename({SWITCHPOINT: place})
    whole = xr.DataTree.from_dict({"/posterior": posterior})
    options: dict[str, Any] = {"model": pm_model, "progressbar": False}
    with quiet():
        if name == "prior":
            size = posterior.sizes["chain"] * posterior.sizes["draw"]
            drawn = pm.sample_prior_predictive(size, model=pm_model, random_seed=seed)
        elif name == "log_likelihood":
            drawn = pm.compute_log_likelihood(whole, extend_inferencedata=False, **options)
        else:
            drawn = pm.sample_posterior_predictive(whole, random_seed=seed, **options)
    found: xr.Dataset = drawn if isinstance(drawn, xr.Dataset) else drawn[name].dataset
    return found
