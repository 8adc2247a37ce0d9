"""From a sampler's draws to a result: marginals as estimates, and the verdict on chains."""

from __future__ import annotations

import warnings
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from changepoint.errors import PACKAGE, ConvergenceWarning
from changepoint.hand_written import OwnModel
from changepoint.likelihoods.regression import rows_of
from changepoint.model import Model
from changepoint.observations import Observations
from changepoint.results.result import Draws, Given, Result
from changepoint.results.summaries import bands, changes_of, credible_set, segments_of
from changepoint.results.tree import hyper_draws
from changepoint.sampling.convergence import Verdict, judge
from changepoint.sampling.hand_written_checks import known
from changepoint.sampling.settings import Settings

if TYPE_CHECKING:
    import xarray as xr

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]


class Question(NamedTuple):
    """What was asked of a sampler.

    Notes
    -----
        What was noticed on the way.
    exact
        The exact answer, where there is one.
    pm_model
        The PyMC model, if it was written by hand.
    certain
        Of such a model, the switchpoints that are certain where they never move; None where
        that wasn't asked.
    """

    model: Model | OwnModel
    observations: Observations
    notes: tuple[str, ...]
    exact: Result | None = None
    pm_model: Any = None
    certain: frozenset[int] | None = None


def to_result(
    engine: Settings,
    question: Question,
    variables: xr.Dataset,
    sample_stats: xr.Dataset,
    interrupted: bool,
    posterior: xr.Dataset | None = None,
) -> Result:
    """Judge the draws; warn where they can't be trusted; return the result.

    Parameters
    ----------
    variables
        Switchpoints, parameters by segment and shared parameters, (chain, draw, ...).
    posterior
        The group of that name, if it is more than these.
    """
    model, observations, notes, exact, pm_model, certain = question
    family, T = model.likelihood, len(observations)
    shifts = model.shifts(observations) if isinstance(model, Model) else None
    shared = family.hyper_names if shifts is None else (*family.hyper_names, *shifts.names)
    draws = draws_of(variables, family.parameter, shared, pm_model is None)
    k = draws.first.shape[1] - 1
    places = exact.given.probability if exact is not None and exact.given else None
    drawn = engine.switchpoints != "metropolis"
    still = [] if pm_model is None else known(pm_model)  # and may
    moving = variables.drop_vars(still, errors="ignore")
    verdict = judge(moving, sample_stats, places, drawn, interrupted, certain)
    if not verdict.converged:
        notes = (*notes, _advice(verdict, engine, k, pm_model is not None))
        warnings.warn(notes[-1], ConvergenceWarning, skip_file_prefixes=(PACKAGE,))
    told = given(draws, T)
    x = rows_of(observations) if "slope" in draws.extra else None
    return Result(
        model=model,
        observations=observations,
        engine={
            "name": "mcmc",
            "seed": engine.seed,
            "settings": {n: value for n, value in asdict(engine).items() if n != "seed"},
            "converged": verdict.converged,
            "diagnostics": verdict.diagnostics,
        },
        warnings=(*observations.warnings, *notes),
        log_evidence=None,
        change_probability=np.zeros(T) if told is None else told.probability.sum(axis=0),
        number_probability=np.eye(k + 1)[k],
        number_error=0.0,
        rows=bands(draws, T, x),
        drawn=lambda: draws,
        given=told,
        posterior=posterior,
        sample_stats=sample_stats,
        exact=exact,
        pm_model=pm_model,
    )


def _advice(verdict: Verdict, engine: Settings, k: int, own: bool) -> str:
    """Return a sentence on what failed and what to do."""
    failures = verdict.failures
    shown = "; ".join(failures[:3])
    more = f"; and {len(failures) - 3} more" if len(failures) > 3 else ""
    remedies = []
    if not own:
        remedies.append("take the exact answer (engine Exact(), --engine exact)")
    if k and own and engine.switchpoints == "metropolis":
        remedies.append("sum the switchpoints out of the model (`changepoint.sum_out`)")
    elif k and not own and engine.switchpoints != "gibbs":
        remedies.append("use switchpoints='gibbs' (--switchpoints gibbs)")
    more_draws = "run longer (draws=, tune=; --draws)"
    remedies.append(more_draws if engine.chains > 1 else "run more chains (chains=)")
    told = ", or ".join(remedies)
    return f"the chains have not converged: {shown}{more}. {told[0].upper()}{told[1:]}"


def draws_of(
    variables: xr.Dataset, parameter: str, hyper: tuple[str, ...], all_of_segments: bool
) -> Draws:
    """Return the draws of a sampler as the exact engine has them.

    With the one parameter of the segments, or all that are by segment.
    """
    theta = variables[parameter].values
    chains, size, segments = theta.shape
    first = np.zeros((chains * size, segments), np.int64)
    if "switchpoint" in variables:
        first[:, 1:] = variables["switchpoint"].values.reshape(chains * size, -1)
    extra = {
        str(name): further.values.reshape(-1, segments)
        for name, further in variables.items()
        if all_of_segments and name != parameter and further.dims[-1] == "segment"
    }
    values = hyper_draws(variables, hyper)
    return Draws(first, theta.reshape(-1, segments), values, hyper, chains, extra)


def given(draws: Draws, T: int) -> Given | None:
    """Return places, credible sets and parameters of the changes; None without changes."""
    k = draws.first.shape[1] - 1
    if not k:
        return None
    places = changes_of(draws, T)
    credible = np.array([credible_set(p) for p in places])
    padded = np.pad(credible, ((0, 0), (0, 1)))
    inside = np.array([rows[draws.first[:, 1:]].any(axis=1).mean() for rows in padded])
    return Given(k, lambda: draws, places, credible, inside, segments_of(draws))
