"""A PyMC model that a user wrote: checked, sampled and told like those of this package."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pymc as pm
from pymc.initial_point import make_initial_point_fn

from changepoint.errors import ModelError
from changepoint.hand_written import describe
from changepoint.observations import Observations
from changepoint.results.result import Result
from changepoint.sampling import sampler
from changepoint.sampling.check import check_pymc
from changepoint.sampling.check.report import PyMCCheck
from changepoint.sampling.hand_written_checks import (
    check_sum,
    check_switchpoint,
    distribution_text,
    told_parameter,
    told_switchpoint,
)
from changepoint.sampling.hand_written_exact import as_code, same_model
from changepoint.sampling.hand_written_places import certain_places, check_moved_row
from changepoint.sampling.models.build import SWITCHPOINT
from changepoint.sampling.models.placement_sum import holds_sum
from changepoint.sampling.models.sum_out import draw_switchpoints
from changepoint.sampling.result import Question, to_result
from changepoint.sampling.settings import Settings

if TYPE_CHECKING:
    import xarray as xr

TRIED = 100  # prior draws for the start of a chain


def fit_own(engine: Settings, model: Any, observations: Observations) -> Result:
    """Return the posterior of a hand-written model.

    Raises
    ------
    ModelError
        If it isn't a PyMC model, lacks what tables and figures are about, isn't about these
        data, or can't be sampled as it is.
    """
    if not isinstance(model, pm.Model):
        raise ModelError(f"MCMC fits a Model or a pm.Model, not {model!r}")
    parameter, place = told_parameter(model), told_switchpoint(model)
    if holds_sum(model):  # then there is no other way
        engine = replace(engine, switchpoints="sum-out")
        check_sum(model, observations)
    else:
        check_switchpoint(engine, model, observations)
    if engine.nuts != "pymc" and model.discrete_value_vars:
        discrete = ", ".join(value.name for value in model.discrete_value_vars)
        raise ModelError(
            f"{engine.nuts} can't sample what is discrete ({discrete}): use nuts='pymc'"
        )
    check = check_pymc(model)
    if not check.ok:
        told_problems = PyMCCheck(check.findings)  # its notes are about data that were compared
        raise ModelError(f"the PyMC model can't be sampled as it is:\n{told_problems}")
    if place is not None and not holds_sum(model):
        check_moved_row(model, place, observations)
    steps = sampler.compound(model, engine.repeats) if model.discrete_value_vars else None
    sampled = engine.sample(model, steps, _starts(engine, model))
    variables, certain = sampled.posterior, None
    if holds_sum(model):
        places = draw_switchpoints(model, variables, engine.seed)
        variables = variables.assign(switchpoint=places)
    elif place is not None:
        certain = certain_places(model, place, variables)
        if place != SWITCHPOINT:  # as all models are told of
            taken = variables.drop_vars(SWITCHPOINT, errors="ignore")
            variables = taken.rename({place: SWITCHPOINT})
    variables, notes = _in_order(variables, len(observations))
    same = same_model(model, place, observations)
    if same is not None:
        notes += (
            f"the exact engine solves this model, without chains: fit({as_code(same)}, data)",
        )
    k = variables[SWITCHPOINT].sizes["change"] if SWITCHPOINT in variables else 0
    text = {rv.name: distribution_text(rv) for rv in model.basic_RVs}
    text |= {potential.name: "a potential" for potential in model.potentials}
    positive = bool((variables[parameter] > 0).all())
    told = describe(observations, parameter, k, positive, text)
    names = [SWITCHPOINT, parameter, *(rv.name for rv in model.free_RVs)]
    return to_result(
        engine,
        Question(told, observations, notes, pm_model=model, certain=certain),
        variables[[name for name in dict.fromkeys(names) if name in variables]],
        sampled.sample_stats,
        sampled.interrupted,
        variables,
    )


def _starts(engine: Settings, model: pm.Model) -> list[dict[str, Any]] | None:
    """Return for each chain the best of some points drawn from the prior.

    Chains that all start at one place can't show that they would stay at another; one that
    starts far from all data may stay there for long. A variable with an initval of the user's
    starts there.
    """
    log_p = model.compile_logp(mode="FAST_COMPILE")
    free = [rv for rv in model.free_RVs if model.rvs_to_initial_values.get(rv) is None]
    names = {rv: getattr(rv.owner.op, "_print_name", ("",))[0] for rv in free}
    proper = [rv for rv in free if names[rv] not in ("Flat", "HalfFlat")]
    draw, as_values = (
        make_initial_point_fn(
            model=model,
            overrides={rv: "prior" for rv in proper},
            return_transformed=transformed,
        )
        for transformed in (False, True)
    )
    seeds = np.random.SeedSequence(engine.seed).generate_state(engine.chains * TRIED)

    def height(seed: int) -> float:
        return float(np.nan_to_num(log_p(as_values(seed)), nan=-np.inf))

    try:
        return [draw(max(mine, key=height)) for mine in np.split(seeds, engine.chains)]
    except Exception:  # a prior that can't be drawn from: PyMC's own start must do
        return None


def _in_order(variables: xr.Dataset, T: int) -> tuple[xr.Dataset, tuple[str, ...]]:
    """Return the switchpoints, ascending and within 0..T; a note on those that are no rows."""
    if SWITCHPOINT not in variables:
        return variables, ()
    rows = variables[SWITCHPOINT].transpose("chain", "draw", "change")
    outside = float(((rows < 1) | (rows >= T)).any("change").mean())
    note = (
        f"{outside:.1%} of the draws put a change outside rows 1..{T - 1}, where the first row "
        "of a new segment can be; those are no changes, but segments without data"
    )
    ordered = rows.copy(data=np.sort(rows.clip(0, T).values.astype(np.int64)))
    return variables.assign(switchpoint=ordered), (note,) if outside else ()
