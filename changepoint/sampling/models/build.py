"""A model as PyMC's: what one would write by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray

from changepoint.changes import Changes, log_placements
from changepoint.effects import Effect
from changepoint.errors import EngineError
from changepoint.likelihoods import Auto
from changepoint.likelihoods.base import Likelihood
from changepoint.likelihoods.grid import GridLikelihood
from changepoint.likelihoods.hyperparameter import Hyperparameter
from changepoint.likelihoods.regression import LinearLikelihood
from changepoint.observations import Observations
from changepoint.priors import Prior
from changepoint.sampling.models import effects as shared_effects
from changepoint.sampling.models import lines
from changepoint.sampling.models.sum_out import sum_out

if TYPE_CHECKING:
    import xarray as xr

Integers = NDArray[np.int64]

SWITCHPOINT, RESPONSE = "switchpoint", "y"


def build(
    likelihood: Likelihood, changes: Changes, observations: Observations,
    summed: bool = False, effects: Sequence[Effect] = (),
) -> pm.Model:  # fmt: skip
    """Return the PyMC model of a likelihood and effects whose priors are filled.

    Parameters
    ----------
    changes
        With `exactly`.
    observations
        T rows; the observed ones enter.
    summed
        Whether the places of the changes are summed out, by a potential instead of the
        response, and no `switchpoint` is left.
    effects
        Each of which is there.
    """
    family, T = buildable(likelihood), len(observations)
    k = changes.exactly
    assert k is not None  # `to_pymc` and the engine make sure
    if summed and isinstance(family, LinearLikelihood):
        lines.check_sum(family)
    rows = np.flatnonzero(observations.observed(family.response))
    time = np.arange(T) if observations.time is None else observations.time
    coords = {"time": time[rows], "segment": np.arange(k + 1), "change": np.arange(k)}
    with pm.Model(coords=coords) as built:
        columns = _held(family, observations, rows)
        parts = _parts(family)
        shared = None if family.hyper is None else _shared(family.hyper)
        by, kept = shared_effects.along(effects, family, observations, rows)
        if summed:
            by_segment = {name: part[:, None] for name, part in parts.items()}
            distribution, parameters = _response(family, columns, by_segment, shared, by, kept)
            loglik = pm.logp(distribution.dist(**parameters), columns[family.response])
            pm.Potential(RESPONSE, sum_out(_on_grid(loglik, rows, T), changes.min_length))
            return built
        position = pm.Data("position", rows, dims="time")
        first = pt.zeros(1, "int64")
        segment = pt.zeros_like(position)
        if k:
            switchpoint = _placement(T, k, changes.min_length)
            first = pt.concatenate([first, switchpoint])
            segment = pt.sum(position[:, None] >= switchpoint[None, :], axis=1)
        by_row = {name: part[segment] for name, part in parts.items()}
        if "slope" in parts:
            built.add_coord("row", np.arange(T))
            by_row["level"] = lines.along(parts, observations, first)(position, segment)
        y = columns[family.response]
        if isinstance(family, LinearLikelihood) and family.remembers:
            assert shared is not None  # the correlation of neighbours
            mu = by_row["level"] if by is None else by_row["level"] + by
            lines.remembering(RESPONSE, mu, by_row["noise_sd"], shared, segment, rows, y)
            return built
        distribution, parameters = _response(family, columns, by_row, shared, by, kept)
        distribution(RESPONSE, **parameters, observed=y, dims="time")
    return built


def buildable(family: Likelihood) -> GridLikelihood | LinearLikelihood:
    """Return the family, if it can be built for PyMC; else raise EngineError."""
    if isinstance(family, Auto):
        raise EngineError(
            "there is no PyMC model of 'auto', an average over several families: choose one, "
            "or use fit(model, data, MCMC()), which takes the most probable"
        )
    if not isinstance(family, GridLikelihood | LinearLikelihood):
        raise EngineError(
            f"there is no PyMC model of the likelihood {family.name!r}: use Exact()"
        )
    return family


def segment_names(family: Likelihood) -> tuple[str, ...]:
    """Return the random variables by segment, other than switchpoints."""
    return lines.names(family) if isinstance(family, LinearLikelihood) else (family.parameter,)


def told(
    variables: xr.Dataset, family: Likelihood, effects: Sequence[Effect] = ()
) -> xr.Dataset:
    """Return what the exact engine draws, under its names, of a sampler's variables."""
    if lines.START in variables:  # a line's level is reported at its segment's first row
        variables = variables.assign({family.parameter: variables[lines.START]})
    coefficients = shared_effects.by_name(variables, effects)
    variables = variables.assign(coefficients)
    shared = *family.hyper_names, *coefficients
    names = SWITCHPOINT, family.parameter, "slope", "noise_sd", *shared
    return variables[[name for name in dict.fromkeys(names) if name in variables]]


def _parts(family: GridLikelihood | LinearLikelihood) -> dict[str, Any]:
    """Return the parameters of the segments by name."""
    if isinstance(family, LinearLikelihood):
        return lines.variables(family)
    return {family.parameter: _random(family.parameter, family.prior, dims="segment")}


def _response(
    family: GridLikelihood | LinearLikelihood,
    columns: dict[str, Any],
    parts: dict[str, Any],
    shared: Any,
    by: Any,
    kept: Any,
) -> tuple[Any, dict[str, Any]]:
    """Return the distribution of rows, and its parameters; `by` effects' shifts, `kept` share.

    Given the rows before them, rows are independent.
    """
    if isinstance(family, LinearLikelihood):
        mu = parts.get("level", shared)
        return pm.Normal, {"mu": mu if by is None else mu + by, "sigma": parts["noise_sd"]}
    theta = parts[family.parameter]
    if by is not None:
        theta = shared_effects.shifted(theta, by, family.domain, kept)
    return family.pymc(columns, theta, shared)


def _held(
    family: GridLikelihood | LinearLikelihood, observations: Observations, rows: Integers
) -> dict[str, Any]:
    """Return the data that enter, by role; counts and trials as whole numbers."""
    kinds = {"count": np.int64, "trials": np.int64}
    return {
        role: pm.Data(
            _data_name(role, family),
            numbers[rows].astype(kinds.get(role, np.float64)),
            dims="time",
        )
        for role in (*family.needs, *family.uses)
        if (numbers := getattr(observations, role)) is not None
    }


def _data_name(role: str, family: Likelihood) -> str:
    """Return the role, unless the parameter has its name: a Beta explains rates by rates."""
    return f"observed_{role}" if role == family.parameter else role


def _random(name: str, prior: Prior, **more: Any) -> Any:
    """Return a random variable; priors have PyMC's names and parameters."""
    return getattr(pm, type(prior).__name__)(name, **_parameters(prior), **more)


def _parameters(prior: Prior) -> dict[str, np.float64]:
    """Return parameters that keep 64 bits: PyTensor holds 2 in 8, and 2.0 in 32."""
    return {name: np.float64(number) for name, number in prior.parameters().items()}


def _shared(hyper: Hyperparameter) -> Any:
    """Return the shared parameter, whose prior may be about another quantity, and be cut."""
    prior, name = hyper.prior, hyper.field
    low, high = hyper.domain
    if low <= prior.support[0] and prior.support[1] <= high:
        native = _random(name, prior)
    else:
        whole = getattr(pm, type(prior).__name__).dist(**_parameters(prior))
        native = pm.Truncated(
            name,
            whole,
            lower=np.float64(low) if math.isfinite(low) else None,
            upper=np.float64(high) if math.isfinite(high) else None,
        )
    if name == hyper.name:
        return native
    return pm.Deterministic(hyper.name, hyper.pymc_value(native))


def _placement(T: int, k: int, m: int) -> Any:
    """Return the first rows of the segments after each change, all placements alike."""
    if k == 1:
        return pm.DiscreteUniform(SWITCHPOINT, np.int64(m), np.int64(T - m), dims="change")
    prior = Changes(exactly=k, min_length=m)
    log_p = -float(log_placements(T, m, k)[k])
    earliest = m * np.arange(1, k + 1)
    spare = T - (k + 1) * m

    def logp(value: Any, earliest: Any) -> Any:
        lengths = pt.diff(pt.concatenate([[0], value, [T]]))
        return pt.switch(pt.all(pt.ge(lengths, m)), log_p, -np.inf)

    def random(
        earliest: Integers, rng: np.random.Generator, size: tuple[int, ...] | None
    ) -> Integers:
        shape = () if size is None else tuple(size)
        drawn = [prior.draw(T, rng) for _ in range(math.prod(shape))]
        return np.array(drawn, np.int64).reshape(*shape, k)

    def support_point(rv: Any, size: Any, earliest: Any) -> Any:
        even = earliest + spare * np.arange(1, k + 1) // (k + 1)
        return pt.broadcast_to(even, rv.shape)

    return pm.CustomDist(
        SWITCHPOINT, earliest, logp=logp, random=random, support_point=support_point,
        signature="(k)->(k)", dtype="int64", dims="change",
    )  # fmt: skip


def _on_grid(loglik: Any, rows: Integers, T: int) -> Any:
    """Return the log likelihood with 0 at rows that are missing."""
    if len(rows) == T:
        return loglik
    return pt.zeros((loglik.shape[0], T))[:, rows].set(loglik)


def with_number(family: Likelihood, changes: Changes, exactly: int | None) -> Changes:
    """Return the changes with a known number: that given, or their own."""
    buildable(family)
    number = changes.exactly if exactly is None else exactly
    if number is None:
        raise EngineError(
            f"a PyMC model needs the number of changes, which {changes} leaves open: give "
            "exactly=, or use the engine Exact(), which sums over all numbers"
        )
    return Changes(exactly=number, min_length=changes.min_length)
