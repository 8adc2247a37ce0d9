"""Variables that can't move: no gradient, one possible value, or no possible neighbour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from changepoint.sampling.check.points import (
    Point,
    compiled,
    constant,
    named_parameters,
    number,
)
from changepoint.sampling.check.report import Finding

REACH = 4  # Metropolis begins with round(normal(0, 1)), and shrinks when all is rejected
SLOPES = 20  # points at which a derivative must be 0 to be called so
JOINT = 200  # proposals tried for a discrete vector that moves as a whole


def empty_ranges(model: Any) -> Iterator[Finding]:
    """Yield uniform priors whose lower bound is above the upper: no value is possible."""
    for rv in model.basic_RVs:
        if getattr(rv.owner.op, "_print_name", ("",))[0] not in ("Uniform", "DiscreteUniform"):
            continue
        lower, upper = (constant(bound) for bound in named_parameters(rv).values())
        if lower is None or upper is None or not np.any(lower > upper):
            continue
        lower, upper = (bound[lower > upper][0] for bound in np.broadcast_arrays(lower, upper))
        yield Finding(
            "empty", rv.name, None, f"lower={number(lower)}, upper={number(upper)}",
            "its range is empty: no value is possible, so nothing else was checked",
            "Give a lower bound that isn't above the upper one; if they stand in the wrong "
            f"order, lower={number(upper)}, upper={number(lower)}.",
        )  # fmt: skip


def integer_constants(model: Any, draws: Sequence[Point]) -> Iterator[Finding]:
    """Yield variables whose density, or start, changes when small integers become floats.

    PyTensor keeps 64 as an 8-bit integer, in which 64 + 64 is -128.
    """
    import pymc as pm
    import pytensor.tensor as pt
    from pymc.distributions.distribution import support_point
    from pytensor.tensor.random.op import RandomVariable

    for rv in model.basic_RVs:
        if not isinstance(rv.owner.op, RandomVariable):
            continue  # a graph of others, whose inputs have fixed types
        parameters = rv.owner.op.dist_params(rv.owner)
        small = {
            p: numbers
            for p in parameters
            if p.dtype.startswith(("int", "uint"))
            and np.dtype(p.dtype).itemsize < 8
            and (numbers := constant(p)) is not None
        }
        if not small or rv.owner.op.ndim_supp:
            continue
        value, *inputs = model.replace_rvs_by_values([rv, *rv.owner.inputs])
        wide = [
            pt.constant(small[given].astype(float)) if given in small else p
            for given, p in zip(rv.owner.inputs, inputs, strict=True)
        ]
        both = []
        for replaced in (inputs, wide):
            node = rv.owner.clone_with_new_inputs(replaced, strict=False)
            changed = node.outputs[rv.owner.outputs.index(rv)]
            both += [pm.logp(changed, value).sum(), support_point(changed).sum()]
        evaluate = compiled(model, both)
        for point in draws[:3]:
            narrow, begin, correct, middle = (float(told) for told in evaluate(point))
            # Small types that don't overflow are computed in float32, which is no fault.
            near = np.isclose(narrow, correct, rtol=1e-3, atol=0.1, equal_nan=True)
            if near and np.isclose(begin, middle, rtol=1e-4, equal_nan=True):
                continue
            names = named_parameters(rv)
            shown = {n: float(small[p].flat[0]) for n, p in names.items() if p in small}
            text = ", ".join(f"{n}={v:.0f}" for n, v in shown.items())
            floats = ", ".join(f"{n}={v:.1f}" for n, v in shown.items())
            yield Finding(
                "integer", rv.name, None, text or None,
                f"small integers overflow: log density {narrow:g} instead of {correct:g}, "
                f"start {begin:g} instead of {middle:g}",
                f"Write them as floats: {floats}.",
            )  # fmt: skip
            break


def blind_gradients(model: Any, points: Sequence[Point]) -> Iterator[Finding | str]:
    """Yield continuous variables whose step sees no gradient; as notes, those without NUTS."""
    import pytensor
    from pymc.sampling.mcmc import assign_step_methods
    from pymc.step_methods import NUTS, STEP_METHODS

    steps = assign_step_methods(model, None, methods=STEP_METHODS)[1]
    continuous = set(model.continuous_value_vars)
    for method, values in steps.items():
        for value in continuous.intersection(values) if method is not NUTS else ():
            rv = model.values_to_rvs[value]
            yield (
                f"{rv.name} gets {method.__name__}: its density has no derivative, so neither "
                "NUTS nor nutpie can move it"
            )
    factors = [*model.free_RVs, *model.observed_RVs, *model.potentials]
    logps = [logp.sum() for logp in model.logp(vars=factors, sum=False)]
    for value in [v for v in model.continuous_value_vars if v in steps.get(NUTS, ())]:
        rv = model.values_to_rvs[value]
        others = sum(lp for factor, lp in zip(factors, logps, strict=True) if factor is not rv)
        if isinstance(others, int):
            continue  # the only factor of the model
        slope = pytensor.grad(others, value, disconnected_inputs="ignore")
        density, slopes = compiled(model, others), compiled(model, slope)
        finite = [p for p in points if np.isfinite(density(p))][:SLOPES]
        if len(finite) < 2 or np.any([slopes(point) for point in finite]):
            continue
        # At equal rates, say, a switchpoint changes nothing: so try it at every point.
        swapped = [
            density(one | {value.name: other[value.name]}) - density(one)
            for one, other in pairwise(finite)
        ]
        if np.nan_to_num(swapped, posinf=0.0, neginf=0.0).any():
            yield Finding(
                "stuck", rv.name, None, None,
                "the data's log density depends on it, but its derivative is 0 everywhere: "
                "NUTS doesn't see the data",
                "It enters through an index, a comparison or a cast. Make it discrete, such "
                f'as pm.DiscreteUniform("{rv.name}", ...), or sum it out of the model.',
            )  # fmt: skip


def frozen_values(model: Any, points: Sequence[Point]) -> Iterator[Finding]:
    """Yield discrete variables whose proposals are all impossible at the first finite point."""
    if not model.discrete_value_vars:
        return
    density = compiled(model, model.logp())
    base = next((point for point in points if np.isfinite(density(point))), None)
    if base is None:
        return  # said by the rows
    for value in model.discrete_value_vars:
        rv, now = model.values_to_rvs[value], base[value.name]
        joint = getattr(rv.owner.op, "ndim_supp", 0) > 0
        drawn = [point[value.name] for point in points]
        for i in range(1 if joint else now.size):
            trials = _joint_proposals(now) if joint else _proposals(rv, now, i, drawn)
            if any(np.isfinite(density(base | {value.name: trial})) for trial in trials):
                continue
            row = i if now.ndim and not joint else None
            yield Finding(
                "stuck", rv.name, row, str(now if joint else now.flat[i]),
                "every value near this one, the start, is impossible: no step leaves it",
                "If only one value is possible, write it as a number; else loosen the prior, "
                "or the terms that forbid its neighbours.",
            )  # fmt: skip


def _proposals(rv: Any, now: Any, i: int, drawn: Sequence[Any]) -> Iterator[Any]:
    """Yield what a step may propose for one coordinate."""
    near = [int(now.flat[i]) + sign * d for d in range(1, REACH + 1) for sign in (1, -1)]
    # The Gibbs step of a Categorical proposes every category.
    categories = getattr(rv.owner.op, "_print_name", ("",))[0] == "Categorical"
    far = {int(v.flat[i]) for v in drawn if v.shape == now.shape} if categories else set()
    for value in [*near, *sorted(far - {int(now.flat[i])})]:
        trial = now.copy()
        trial.flat[i] = value
        yield trial


def _joint_proposals(now: Any) -> Iterator[Any]:
    """Yield proposals as Metropolis makes them for a vector."""
    rng = np.random.default_rng(0)
    for _ in range(JOINT):
        move = np.round(rng.normal(size=now.shape)).astype(now.dtype)
        if move.any():
            yield now + move
