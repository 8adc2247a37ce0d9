"""What a hand-written PyMC model must have to be told of, and whose data it must hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm
from numpy.typing import NDArray
from pytensor.graph.basic import Constant
from pytensor.graph.traversal import ancestors
from pytensor.tensor.elemwise import DimShuffle

from changepoint.errors import ModelError, SupportError
from changepoint.likelihoods.base import Fault
from changepoint.observations import Observations
from changepoint.sampling.check.points import constant, named_parameters
from changepoint.sampling.models.build import SWITCHPOINT
from changepoint.sampling.models.placement_sum import summed_shape
from changepoint.sampling.settings import Settings
from changepoint.support_problems import spell_out

DRAWN = 100  # switchpoints drawn from their prior
INVERSE = {("Gamma", "scale"): "beta", ("Exponential", "mu"): "lam"}
SHOWN = 4  # numbers, or names, in the text of a parameter

EXPECTED = (
    "the PyMC model must have an integer variable with dims='change', the first row of each "
    "new segment (or `sum_out` in a pm.Potential), and the parameters of the segments with "
    "dims='segment'; their names are free"
)


def told_parameter(model: pm.Model) -> str:
    """Return the variable by segment to tell of: a Deterministic, which is made to be seen."""
    for variable in (*model.deterministics, *model.free_RVs):
        if model.named_vars_to_dims.get(variable.name) == ("segment",):
            return str(variable.name)
    raise _unexpected(model)


def told_switchpoint(model: pm.Model) -> str | None:
    """Return the free integer variable by change, whatever its name; None if there is none."""
    found = [
        str(rv.name)
        for rv in model.free_RVs
        if model.named_vars_to_dims.get(rv.name) == ("change",)
        and not rv.dtype.startswith("float")
    ]
    if SWITCHPOINT in found or not found:
        return SWITCHPOINT if found else None
    if len(found) > 1:
        raise ModelError(
            f"the PyMC model has several integer variables with dims='change', "
            f"{' and '.join(found)}: call the one that holds the switchpoints 'switchpoint'"
        )
    return found[0]


def known(model: pm.Model) -> list[str]:
    """Return the variables that are told of but not sampled: made of numbers alone."""
    free = set(model.free_RVs)
    return [str(d.name) for d in model.deterministics if not free.intersection(ancestors([d]))]


def _unexpected(model: pm.Model) -> ModelError:
    """Return the error that says what is expected, what was found, and what to write."""
    found = [
        f"{rv.name} ({rv.dtype}, dims {model.named_vars_to_dims.get(rv.name) or 'none'})"
        for rv in (*model.free_RVs, *model.deterministics)
    ]
    told = f"{EXPECTED}; found {', '.join(found) or 'no variable'}"
    return ModelError(". ".join([told, *_candidates(model)]))


def _candidates(model: pm.Model) -> list[str]:
    """Return what to write for variables without dims that could be those expected."""
    dims = set(model.named_vars_to_dims.values())
    bare = [rv for rv in model.free_RVs if rv.name not in model.named_vars_to_dims]
    whole = [rv for rv in bare if rv.dtype.startswith(("int", "uint"))]
    coords, written = {}, []
    if whole and ("change",) not in dims:
        k = sum((rv.type.shape[0] or 1) if rv.ndim else 1 for rv in whole)
        coords["change"] = list(range(k))
        written.append(_as_one(whole, "change", "are switchpoints"))
    if ("segment",) not in dims:
        numbers = [rv for rv in bare if rv.dtype.startswith("float")]
        vectors = [rv for rv in numbers if rv.ndim == 1]
        if len(vectors) or len(numbers) > 1:
            coords["segment"] = list(range(len(coords.get("change", [0])) + 1))
            written.append(
                f"give {_names(vectors, ' or ')} dims='segment'"
                if vectors
                else _as_one(numbers, "segment", "belong to one segment each")
            )
    return [f"Write pm.Model(coords={coords}); {'; '.join(written)}"] if written else []


def _names(variables: list[Any], between: str) -> str:
    return between.join(str(rv.name) for rv in variables)


def _as_one(variables: list[Any], dim: str, which: str) -> str:
    """Return how several numbers become one variable with a dim, or one gets it."""
    first = variables[0]
    if len(variables) > 1:
        names = _names(variables, ", ")
        return f"those of {names} that {which} become one variable with dims={dim!r}"
    element = "" if first.ndim else f", and write {first.name}[0] where it is used"
    return f"give {first.name} dims={dim!r}{element}"


def _size(model: pm.Model, dim: str) -> int:
    return int(model.dim_lengths[dim].eval())


def check_switchpoint(engine: Settings, model: pm.Model, observations: Observations) -> None:
    """Raise ModelError where the model's switchpoint isn't one, or not of these data."""
    if engine.switchpoints == "sum-out":
        raise ModelError(
            "switchpoints='sum-out' needs a model that sums them out: pm.Potential(name, "
            "sum_out(loglik))"
        )
    if engine.switchpoints == "gibbs":
        raise ModelError(
            "switchpoints='gibbs' integrates out the parameters of this package's likelihoods; "
            "for a model of your own use 'metropolis', or `sum_out`"
        )
    segments = _size(model, "segment")
    name = told_switchpoint(model)
    if name is not None:
        _check_segments(segments, _size(model, "change") + 1)
        _check_places(model[name], len(observations))
    elif segments > 1 or SWITCHPOINT in {rv.name for rv in model.free_RVs}:
        raise _unexpected(model)
    for rv in model.observed_RVs:
        _check_data(rv.name, model.rvs_to_values[rv].eval(mode="FAST_COMPILE"), observations)


def _check_places(switchpoint: Any, T: int) -> None:
    """Raise ModelError where a switchpoint isn't a row by its prior, but a year, say."""
    try:
        drawn = pm.draw(switchpoint, draws=DRAWN, random_seed=0, mode="FAST_COMPILE")
    except Exception:  # a distribution that can't be drawn from
        return
    if np.mean((drawn < 1) | (drawn >= T)) > 0.5:
        raise ModelError(
            f"{switchpoint.name!r} of the PyMC model lies between {drawn.min()} and "
            f"{drawn.max()} by its prior: it must be the first row of a new segment, counted "
            f"from 0, so be between 1 and {T - 1}"
        )


def _check_data(name: str, held: NDArray[Any], observations: Observations) -> None:
    """Raise an error where the model's observed rows aren't those of the observations.

    A model that was built from other data, or by astype(int) from fractions and empty cells,
    would be told of as if it were about these.
    """
    response = observations.response
    column, observed = observations.column(response), observations.observed(response)
    T, some = len(column), int(observed.sum())
    if not held.ndim:
        return
    if held.shape[0] not in (T, some):
        rows = f"{T} rows" if T == some else f"{T} rows, {some} of them with data"
        raise ModelError(
            f"{name!r} of the PyMC model has {held.shape[0]} rows, the observations have "
            f"{rows}: give both the same data, missing rows left out"
        )
    counts = response in ("count", "outcomes")
    if not counts or held.dtype.kind not in "iu" or held.shape[1:] != column.shape[1:]:
        return  # measurements may enter on another scale, outcomes as labels
    inside = np.ones(T, bool) if len(held) == T else observed
    other = np.zeros(column.shape, bool)
    other[inside] = column[inside] != held
    if other.any():
        rule = f"the PyMC model holds another number in {name!r}"
        remedy = (
            "Leave rows without data out, and give whole counts: astype(int) cuts fractions "
            "off, and makes an empty cell a number."
        )
        problems = spell_out(Fault(response, other, rule, remedy), observations)
        raise SupportError("the PyMC model is not about these data:", problems)


def check_sum(model: pm.Model, observations: Observations) -> None:
    """Raise ModelError where the log likelihood that is summed isn't that of these data."""
    if SWITCHPOINT in model.named_vars:
        raise ModelError(
            "the PyMC model both sums the switchpoints out and has a variable 'switchpoint': "
            "leave out one"
        )
    segments, T = summed_shape(model)
    if segments is not None:
        _check_segments(_size(model, "segment"), segments)
    if T not in (None, len(observations)):
        raise ModelError(
            f"the log likelihood given to `sum_out` has {T} rows, the observations have "
            f"{len(observations)}: a missing row counts, with a log likelihood of 0"
        )


def _check_segments(segments: int, expected: int) -> None:
    if segments != expected:
        raise ModelError(
            f"the PyMC model has {expected - 1} in 'change', which makes {expected} segments, "
            f"but {segments} in the dim 'segment'"
        )


def distribution_text(rv: Any) -> str:
    """Return a variable's distribution: its family, its parameters as numbers or by name."""
    family = str(getattr(rv.owner.op, "_print_name", (rv.owner.op.name or "custom",))[0])
    parts = []
    for name, parameter in named_parameters(rv).items():
        numbers = constant(parameter)
        if (family, name) in INVERSE:  # PyMC holds 1 / what is usually written
            name = INVERSE[family, name]
            numbers = None if numbers is None else 1 / numbers
        if (family, name) != ("HalfNormal", "loc"):  # always 0
            parts.append(f"{name}={_parameter_text(parameter, numbers)}")
    return f"{family}({', '.join(parts)})"


def _parameter_text(parameter: Any, numbers: NDArray[Any] | None) -> str:
    """Return a number, a few of them, the variable's name, or what it is computed from."""
    if numbers is not None and numbers.size and (numbers == numbers.flat[0]).all():
        return f"{float(numbers.flat[0]):.6g}"
    if numbers is not None:
        few = [f"{float(x):.6g}" for x in numbers.ravel()[:SHOWN]]
        return f"[{', '.join(few)}{', ...' * (numbers.size > SHOWN)}]"
    named = _unstretched(parameter)
    if named.name:
        return str(named.name)
    above = {a.name for a in ancestors([parameter]) if a.name and not isinstance(a, Constant)}
    return f"f({', '.join(sorted(above)[:SHOWN])})"


def _unstretched(parameter: Any) -> Any:
    """Return what the user wrote, where PyMC gave it the variable's dimensions."""
    while not parameter.name and isinstance(getattr(parameter.owner, "op", None), DimShuffle):
        parameter = parameter.owner.inputs[0]
    return parameter
