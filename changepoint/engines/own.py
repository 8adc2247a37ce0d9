"""A PyMC model that a user wrote: checked, sampled and told like those of this package."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pymc as pm
from pymc.initial_point import make_initial_point_fn

from changepoint.errors import ModelError
from changepoint.observations import Observations
from changepoint.own_model import describe
from changepoint.posterior import Posterior
from changepoint.sampling import draw_switchpoints, sampler
from changepoint.sampling.check import check_pymc
from changepoint.sampling.models import SWITCHPOINT
from changepoint.sampling.placement_sum import holds_sum

if TYPE_CHECKING:
    import xarray as xr

    from changepoint.engines.mcmc import MCMC

TRIED = 100  # prior draws for the start of a chain

EXPECTED = (
    "an integer variable 'switchpoint' with dims='change', the first row of each new segment "
    "(or, with switchpoints='sum-out', `sum_out` in a pm.Potential), and the parameters of the "
    "segments with dims='segment'"
)


def fit_own(engine: MCMC, model: Any, observations: Observations) -> Posterior:
    """Return the posterior of a hand-written model.

    Raises
    ------
    ModelError
        If it isn't a PyMC model, lacks what tables and figures are about, or can't be sampled
        as it is.
    """
    if not isinstance(model, pm.Model):
        raise ModelError(f"MCMC fits a Model or a pm.Model, not {model!r}")
    parameter = _parameter(model)
    if holds_sum(model):  # then there is no other way
        engine = replace(engine, switchpoints="sum-out")
    summed = engine.switchpoints == "sum-out"
    if engine.switchpoints == "gibbs":
        raise ModelError(
            "switchpoints='gibbs' integrates out the parameters of this package's likelihoods; "
            "for a model of your own use 'metropolis', or 'sum-out' with `sum_out`"
        )
    if not summed:
        if model.named_vars_to_dims.get(SWITCHPOINT) != ("change",):
            raise ModelError(f"the PyMC model must have {EXPECTED}")
        changes, segments = (len(model.coords[dim]) for dim in ("change", "segment"))
        if segments != changes + 1:
            raise ModelError(
                f"the PyMC model has {changes} in the coordinate 'change', which makes "
                f"{changes + 1} segments, but {segments} in 'segment'"
            )
    check = check_pymc(model)
    if not check.ok:
        raise ModelError(f"the PyMC model can't be sampled as it is:\n{check}")
    steps = None if summed else sampler.compound(model, engine.repeats)
    sampled = engine.sample(model, steps, None if summed else _starts(engine, model))
    variables = sampled.posterior
    if summed:
        variables = variables.assign(
            switchpoint=draw_switchpoints(model, variables, engine.seed)
        )
    return _posterior(engine, model, observations, parameter, variables, sampled)


def _parameter(model: pm.Model) -> str:
    """Return the first variable by segment."""
    found = [name for name, dims in model.named_vars_to_dims.items() if dims == ("segment",)]
    if not found:
        raise ModelError(f"the PyMC model must have {EXPECTED}")
    return str(found[0])


def _starts(engine: MCMC, model: pm.Model) -> list[dict[str, Any]]:
    """Return for each chain the best of some points drawn from the prior.

    Chains that all start at one place can't show that they would stay at another; one that
    starts far from all data may stay there for long.
    """
    log_p = model.compile_logp(mode="FAST_COMPILE")
    draw, as_values = (
        make_initial_point_fn(
            model=model,
            overrides={rv: "prior" for rv in model.free_RVs},
            return_transformed=transformed,
        )
        for transformed in (False, True)
    )
    seeds = np.random.SeedSequence(engine.seed).generate_state(engine.chains * TRIED)
    starts = []
    for chain in range(engine.chains):
        mine = seeds[chain * TRIED : (chain + 1) * TRIED]
        best = max(mine, key=lambda seed: float(log_p(as_values(seed))))
        starts.append(draw(best))
    return starts


def _posterior(
    engine: MCMC,
    model: pm.Model,
    observations: Observations,
    parameter: str,
    variables: xr.Dataset,
    sampled: Any,
) -> Posterior:
    from changepoint.engines.mcmc import draws_of

    rows = variables[SWITCHPOINT]
    k, T = rows.sizes["change"], len(observations)
    notes = []
    outside = float(((rows < 1) | (rows >= T)).any("change").mean())
    if outside:
        notes.append(
            f"{outside:.1%} of the draws put a change outside rows 1..{T - 1}, where the first "
            "row of a new segment can be; those are changes without a segment"
        )
    ordered = variables.assign(switchpoint=(rows.dims, np.sort(rows.clip(0, T).values)))
    text = {rv.name: _distribution(rv) for rv in model.basic_RVs}
    positive = bool((variables[parameter] > 0).all())
    judged = variables[list({SWITCHPOINT, *(rv.name for rv in model.free_RVs)})]
    return engine.conclude(
        describe(observations, parameter, k, positive, text),
        observations,
        tuple(notes),
        sampled,
        judged,
        draws_of(ordered, parameter, None),
        None,
        variables,
        model,
    )


def _distribution(rv: Any) -> str:
    """Return a variable's distribution, as PyMC prints it."""
    told: str = rv.str_repr()
    return told.split("~", 1)[1].strip() if "~" in told else told
