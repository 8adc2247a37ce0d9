"""A result as a DataTree in ArviZ's schema."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from changepoint.hand_written import OwnLikelihood, OwnModel
from changepoint.likelihoods import Likelihood
from changepoint.model import Model
from changepoint.observations import ROLES, Observations
from changepoint.plain import encodable
from changepoint.results.marginals import Marginals
from changepoint.results.result import Candidate, Draws, Result
from changepoint.results.summaries import with_number
from changepoint.version import __version__

if TYPE_CHECKING:
    import xarray as xr

Floats = NDArray[np.float64]

COVARIATE = "covariate"  # [0], [1], ...: any text can be the name of a column


def to_tree(result: Result) -> xr.DataTree:
    """Return the DataTree of a result: groups, dimensions and attributes as in ArviZ."""
    import xarray as xr

    observations, T = result.observations, len(result.observations)
    family, changes = result.model.likelihood, result.model.changes
    time = np.arange(T) if observations.time is None else observations.time
    observed = observations.observed(family.response)
    fixed = changes.exactly is not None
    posterior = result.posterior
    if posterior is None:
        posterior = (
            fixed_number(result.draws, result.model) if fixed else unknown(result.draws, T)
        )
    y = whole(observations.column(family.response)[observed], family)
    columns = {role: n for role in ROLES if (n := getattr(observations, role)) is not None}
    outcome = outcome_names(observations)
    groups = {
        "posterior": posterior,
        _marginals_of(result): marginals(result),
        "observed_data": xr.Dataset(
            {"y": (dims_of(y, "observation"), y)},
            {"time": ("observation", time[observed]), **(outcome if y.ndim == 2 else {})},
        ),
        "constant_data": xr.Dataset(
            {
                **{role: (dims_of(one, "time"), one) for role, one in columns.items()},
                **{
                    f"{COVARIATE}[{i}]": ("time", column, {"column": encodable(name)})
                    for i, (name, column) in enumerate(observations.covariates.items())
                },
            },
            {"time": time, **outcome},
        ),
    }
    if not fixed:
        groups["segments"] = _segments(result.draws, family.parameter)
        given = with_number(result.draws, 0, T) if result.given is None else result.given.draws
        groups["given"] = fixed_number(given, result.model)
    if result.sample_stats is not None:
        groups["sample_stats"] = result.sample_stats
    if result.exact is not None:
        groups["exact"] = marginals(result.exact)
    tree = xr.DataTree.from_dict({f"/{name}": group for name, group in groups.items()})
    tree.attrs = _attributes(result)
    return tree


def whole(y: Floats, family: Likelihood | OwnLikelihood) -> NDArray[Any]:
    """Return counts as integers: plots of ArviZ tell counts from measurements by that."""
    return y.astype(np.int64) if family.response in ("count", "outcomes") else y


def dims_of(numbers: NDArray[Any], *dims: str) -> tuple[str, ...]:
    """Return the dimensions of numbers by row, which of outcomes have one more."""
    return dims if numbers.ndim == len(dims) else (*dims, "outcome")


def outcome_names(observations: Observations) -> dict[str, list[str]]:
    """Return the names of the outcomes as a coordinate, if there are any."""
    return {"outcome": list(observations.outcome_names)} if observations.outcome_names else {}


def _marginals_of(result: Result) -> str:
    """Return the group of the marginals: exact, or sampled, never one by the other's name."""
    return "exact" if result.engine["name"] == "exact" else "sampled"


def hyper_draws(posterior: xr.Dataset, names: tuple[str, ...]) -> Floats:
    """Return the draws of these parameters, (D, d)."""
    D = posterior.sizes["chain"] * posterior.sizes["draw"]
    columns = [posterior[name].values.reshape(-1) for name in names]
    return np.column_stack([np.empty((D, 0)), *columns])


def unknown(draws: Draws, T: int) -> xr.Dataset:
    """Draws that differ in their number of changes."""
    import xarray as xr

    variables = {"n_changes": draws.number(T), **draws.shared()}
    return xr.Dataset(
        {name: (("chain", "draw"), draws.chained(v)) for name, v in variables.items()},
        draws.coordinates,
    )


def fixed_number(draws: Draws, model: Model | OwnModel) -> xr.Dataset:
    """Draws that all have the same number of changes."""
    import xarray as xr

    k = draws.first.shape[1] - 1
    variables: dict[str, Any] = {}
    if k:
        variables["switchpoint"] = (
            ("chain", "draw", "change"),
            draws.chained(draws.first[:, 1:]),
        )
    family = model.likelihood
    for name, values in draws.named(family.parameter).items():
        variables[name] = (("chain", "draw", "segment"), draws.chained(values))
    for name, values in draws.shared().items():
        variables[name] = (("chain", "draw"), draws.chained(values))
    coordinates = {"change": np.arange(k), "segment": np.arange(k + 1)}
    return xr.Dataset(variables, draws.coordinates | coordinates)


def _segments(draws: Draws, parameter: str) -> xr.Dataset:
    """Draws with their own numbers of changes: padded with T and NaN."""
    import xarray as xr

    variables = {"first": draws.first, **draws.named(parameter)}
    dims = ("chain", "draw", "segment")
    return xr.Dataset(
        {name: (dims, draws.chained(values)) for name, values in variables.items()},
        draws.coordinates,
    )


def marginals(result: Result) -> xr.Dataset:
    """Return probabilities of changes, and the parameter by row and segment."""
    observations, T = result.observations, len(result.observations)
    time = np.arange(T) if observations.time is None else observations.time
    return Marginals.of(result).dataset(result.model.likelihood.parameter, time)


def told_of(candidates: Sequence[Candidate]) -> list[dict[str, Any]]:
    """Return the models that were averaged over, ready for JSON."""
    return [{**one._asdict(), "likelihood": one.likelihood.to_dict()} for one in candidates]


def _attributes(result: Result) -> dict[str, str | int | float]:
    observations = result.observations
    return {
        "created_by": "changepoint",
        "version": __version__,
        "model": json.dumps(result.model.to_dict()),
        "engine": json.dumps(result.engine),
        "seed": int(result.engine["seed"] or 0),
        "converged": int(result.engine["converged"]),
        "warnings": json.dumps(list(result.warnings)),
        "file": encodable(observations.file or ""),
        "columns": json.dumps(dict(observations.columns)),
        "has_time": int(observations.time is not None),
        "zone": observations.zone,
        "fingerprint": observations.fingerprint(),
        "candidates": json.dumps(told_of(result.candidates)),
        "effects": json.dumps([effect.to_dict() for effect in result.effects]),
    }
