"""Draws by time, and the groups of a posterior that are made from them when asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from changepoint.errors import DataError
from changepoint.likelihoods.grid import GridLikelihood
from changepoint.likelihoods.regression import rows_of
from changepoint.model import Model
from changepoint.observations import Observations, in_rows
from changepoint.results.result import Draws
from changepoint.results.tree import (
    dims_of,
    fixed_number,
    hyper_draws,
    outcome_names,
    unknown,
    whole,
)

if TYPE_CHECKING:
    import xarray as xr

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

GROUPS = ("log_likelihood", "posterior_predictive", "prior")


def segments(tree: xr.DataTree) -> tuple[Integers, dict[str, Floats]]:
    """Return first rows and parameters of all draws' segments, (chain, draw, segment)."""
    if "segments" in tree.children:
        stored = tree["segments"].dataset
        named = {str(name): values.values for name, values in stored.items()}
        return named.pop("first"), named
    fixed = tree["posterior"].dataset
    named = {
        str(name): values.values
        for name, values in fixed.items()
        if values.dims == ("chain", "draw", "segment")
    }
    first = np.zeros(next(iter(named.values())).shape, np.int64)
    if "switchpoint" in fixed:
        first[..., 1:] = fixed["switchpoint"].values
    return first, named


def stored_draws(tree: xr.DataTree, parameter: str, names: tuple[str, ...] = ()) -> Draws:
    """Return places and parameters of all draws' segments; of what these share, `names`."""
    first, named = segments(tree)
    chains, segment = len(first), first.shape[-1]
    flat = {name: values.reshape(-1, segment) for name, values in named.items()}
    theta = flat.pop(parameter)
    if not tilted(tree):
        flat = {}
    first = first.reshape(-1, segment)
    hyper = hyper_draws(tree["posterior"].dataset, names)
    return Draws(first, theta, hyper, names, chains, flat)


def tilted(tree: xr.DataTree) -> bool:
    """Whether a `slope` tilts the parameter: not in a hand-written model, where it's a name."""
    return str(json.loads(tree.attrs["model"])["likelihood"]["name"]) != "pymc"


def shared_names(model: Model, observations: Observations) -> tuple[str, ...]:
    """Return the names of what all segments share: hyperparameters, coefficients of effects."""
    shifts = model.shifts(observations)
    return model.likelihood.hyper_names + (() if shifts is None else shifts.names)


def trajectories(tree: xr.DataTree, parameter: str, draws: int | None) -> xr.Dataset:
    """Return draws by time; see `Posterior.trajectories`."""
    import xarray as xr

    changed, paths = _paths(tree, parameter, draws)
    del paths["first"]
    dims = ("chain", "draw", "time")
    of_draws = {
        name: np.arange(size) for name, size in zip(dims, changed.shape[:2], strict=False)
    }
    return xr.Dataset(
        {name: (dims, values) for name, values in {"changed": changed, **paths}.items()},
        {**of_draws, "time": tree["constant_data"]["time"]},
    )


def _paths(
    tree: xr.DataTree, parameter: str, draws: int | None = None
) -> tuple[NDArray[np.int8], dict[str, NDArray[Any]]]:
    """Return where draws change, and parameters and first row of the segment, by row.

    All (chain, draw, T). A slope tilts the parameter from its segment's first row on.
    """
    first, named = segments(tree)
    first = first[:, :draws]
    time = tree["constant_data"].dataset["time"].values
    x = in_rows(time) if tilted(tree) else None
    flat = {
        name: values[:, :draws].reshape(-1, first.shape[2]) for name, values in named.items()
    }
    changed, paths = _by_row(first.reshape(-1, first.shape[2]), flat, parameter, len(time), x)
    shape = (*first.shape[:2], len(time))
    return changed.reshape(shape), {name: path.reshape(shape) for name, path in paths.items()}


def _by_row(
    first: Integers, named: Mapping[str, Floats], parameter: str, T: int, x: Floats | None
) -> tuple[NDArray[np.int8], dict[str, NDArray[Any]]]:
    """Return the same of first rows and parameters of segments, (D, S); all (D, T).

    x is time by row, (T,); None where a slope tilts nothing.
    """
    begun = np.zeros((len(first), T + 1), np.int64)
    draw = np.arange(len(first))
    for row in first[:, 1:].T:  # two of a hand-written model may coincide
        begun[draw, row] += 1
    changed = (begun[:, :T] > 0).astype(np.int8)
    changed[:, 0] = 0
    segment = np.cumsum(begun[:, :T], axis=1)
    paths: dict[str, NDArray[Any]] = {
        name: np.take_along_axis(values, segment, axis=1) for name, values in named.items()
    }
    paths["first"] = np.take_along_axis(first, segment, axis=1)
    if x is not None and "slope" in paths:
        paths[parameter] += paths["slope"] * (x - x[paths["first"]])
    return changed, paths


def paths_of(
    draws: Draws, model: Model, observations: Observations
) -> tuple[dict[str, NDArray[Any]], Floats]:
    """Return what a family's rows are drawn from, rows first, as the data have them.

    Parameters by row with their effects, and the first row of the segment, (T, D); the family's
    own shared parameter, (D,).
    """
    family, shifts = model.likelihood, model.shifts(observations)
    named = draws.named(family.parameter)
    _, by_draw = _by_row(
        draws.first, named, family.parameter, len(observations), rows_of(observations)
    )
    paths = {name: values.T for name, values in by_draw.items()}
    shared = family.own(draws.hyper)
    if shifts is not None:
        by = shifts.patterns @ draws.hyper[:, draws.hyper.shape[1] - len(shifts.names) :].T
        if isinstance(family, GridLikelihood):
            kept = shifts.kept(draws.hyper)
            kept = None if kept is None else kept.T
            paths[family.parameter] = family.shifted(paths[family.parameter], by, kept)
        else:
            paths["level"] = paths.get("level", shared) + by
    return paths, shared


def built(name: str, tree: xr.DataTree, model: Model, observations: Observations) -> xr.Dataset:
    """Return one of GROUPS."""
    import xarray as xr

    rng = np.random.default_rng(int(tree.attrs["seed"]))
    family, *others = model.likelihood.candidates(observations)
    if others:
        raise DataError(
            f"{name} belongs to one model, and {model.likelihood.name!r} is an average over "
            "several: fit the one you want, such as the most probable of `posterior.candidates`"
        )
    if name == "prior":
        return _prior(tree, model, observations, rng)
    posterior = tree["posterior"].dataset
    chains, draws = posterior.sizes["chain"], posterior.sizes["draw"]
    every = stored_draws(tree, family.parameter, shared_names(model, observations))
    paths, shared = paths_of(every, model, observations)
    if name == "log_likelihood":
        values = family.pointwise(observations, paths, shared)
    else:
        values = whole(family.predict(observations, paths, shared, rng), family)
    by_draw = np.moveaxis(values, 1, 0)
    y = by_draw.reshape(chains, draws, *by_draw.shape[1:])
    return xr.Dataset(
        {"y": (dims_of(y, "chain", "draw", "observation"), y)},
        {
            "time": ("observation", tree["observed_data"]["time"].values),
            "chain": posterior["chain"],
            "draw": posterior["draw"],
            **(outcome_names(observations) if y.ndim == 4 else {}),
        },
    )


def _prior(
    tree: xr.DataTree, model: Model, observations: Observations, rng: np.random.Generator
) -> xr.Dataset:
    """Draws from the prior, with the variables of the posterior."""
    posterior, T = tree["posterior"].dataset, len(observations)
    D = posterior.sizes["chain"] * posterior.sizes["draw"]
    (family,), k = model.likelihood.candidates(observations), model.changes.exactly
    hyper = np.empty((D, 0)) if family.hyper is None else family.hyper.draws(rng, D)[:, None]
    names, shifts = family.hyper_names, model.shifts(observations)
    if shifts is not None:
        hyper = np.append(hyper, shifts.drawn(rng, D), axis=1)
        names += shifts.names
    placements = [model.changes.draw(T, rng) for _ in range(D)]
    most = max(len(placement) for placement in placements)
    first = np.full((D, most + 1), T)
    first[:, 0] = 0
    for row, placement in zip(first, placements, strict=True):
        row[1 : len(placement) + 1] = placement
    named = family.segment_prior(observations, first.shape, rng)
    if "slope" in named:  # from the middle of a segment, which priors are about, to its start
        x = rows_of(observations)
        last = np.append(first[:, 1:], np.full((D, 1), T), axis=1) - 1
        to_start = (x[np.minimum(first, T - 1)] - x[last]) / 2
        named[family.parameter] += named["slope"] * to_start
    chains = posterior.sizes["chain"]
    draws = Draws(first, named.pop(family.parameter), hyper, names, chains, named)
    return fixed_number(draws, model) if k is not None else unknown(draws, T)
