"""Whether the exact engine could solve a hand-written model: the model that it would take."""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm

from changepoint import likelihoods, priors
from changepoint.changes import Changes
from changepoint.model import Model
from changepoint.observations import Observations
from changepoint.sampling.check.points import (
    compiled,
    constant,
    named_parameters,
    prior_draws,
    quiet,
    starting_point,
)
from changepoint.sampling.models.build import SWITCHPOINT

FAMILIES = {"Binomial": likelihoods.Binomial, "Poisson": likelihoods.Poisson}
PRIORS: dict[str, Any] = {
    "Beta": priors.Beta,
    "Gamma": priors.Gamma,
    "Uniform": priors.Uniform,
}
CLOSE = 1e-7  # relative, of log densities that are the same


def same_model(model: pm.Model, place: str | None, observations: Observations) -> Model | None:
    """Return the `Model` that has the density of a hand-written one; None if none is known.

    Of one change, in the parameter of a Binomial or a Poisson with a prior of numbers. What it
    looks like only proposes a model: that both have one log density, up to a constant, is what
    counts.
    """
    if place is None or len(model.free_RVs) != 2 or len(model.observed_RVs) != 1:
        return None
    if model.potentials:
        return None
    (rate,) = (rv for rv in model.free_RVs if rv.name != place)
    family, prior = FAMILIES.get(_named(model.observed_RVs[0])), PRIORS.get(_named(rate))
    if family is None or prior is None:
        return None
    try:
        with quiet():
            numbers = [_number(parameter) for parameter in named_parameters(rate).values()]
            proposed = Model(family(rate=prior(*numbers)), Changes(exactly=1))
            alike = _alike(model, proposed, place, rate.name, observations)
    except Exception:  # other data, other parameters: then it is another model
        return None
    return proposed if alike else None


def _named(rv: Any) -> str:
    return str(getattr(rv.owner.op, "_print_name", ("",))[0])


def _number(parameter: Any) -> float:
    """Return a parameter that is one number for all segments."""
    numbers = np.unique(np.asarray(constant(parameter), float))
    return float(numbers.item())


def _alike(
    model: pm.Model, proposed: Model, place: str, rate: str, observations: Observations
) -> bool:
    """Return whether both have one log density, up to a constant, and one support."""
    theirs = proposed.to_pymc(observations)
    names = {place: SWITCHPOINT, rate: proposed.likelihood.parameter}
    densities = [compiled(each, each.logp()) for each in (model, theirs)]
    values = {
        model.rvs_to_values[model[name]].name: theirs.rvs_to_values[theirs[other]].name
        for name, other in names.items()
    }
    mine, its = starting_point(model), starting_point(theirs)
    if any(mine[name].shape != its[other].shape for name, other in values.items()):
        return False
    T, (at, _) = len(observations), values
    found = []
    # Whatever the parameters, at both ends of the places that are possible and beyond.
    for draw, row in zip(prior_draws(model, 6), (0, 1, T // 3, T // 2, T - 1, T), strict=True):
        here = {**draw, at: np.full_like(draw[at], row)}
        there = {values[name]: value for name, value in here.items()}
        found.append((float(densities[0](here)), float(densities[1](there))))
    one, two = np.array(found).T
    possible = np.isfinite(one)
    if (possible != np.isfinite(two)).any() or not possible.any():
        return False
    apart = one[possible] - two[possible]
    return bool(np.ptp(apart) <= CLOSE * max(1, abs(one[possible]).min()))


def as_code(model: Model) -> str:
    """Return a model of one parameter as it is typed in Python.

    >>> as_code(Model(likelihoods.Poisson(rate=priors.Gamma(2, 1)), Changes(exactly=1)))
    'Model(likelihoods.Poisson(rate=priors.Gamma(alpha=2, beta=1)), Changes(exactly=1))'
    """
    family = model.likelihood
    ((name, prior),) = family.priors().items()
    return (
        f"Model(likelihoods.{type(family).__name__}({name}=priors.{prior}), "
        f"Changes(exactly={model.changes.exactly}))"
    )
