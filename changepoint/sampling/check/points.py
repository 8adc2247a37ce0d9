"""A PyMC model as cheap functions of a point: its densities by row, its prior draws.

Points are dictionaries of value variables, as PyMC's step methods see them: transformed to
the whole line where PyMC transforms. Nothing here touches the model's own state; random
number generators are replaced before anything is drawn.
"""

from __future__ import annotations

import contextlib
import inspect
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Point = dict[str, NDArray[Any]]
DRAWS = 200  # prior draws tried before a row is called impossible
CUT = np.iinfo(np.int64).min  # what NaN and inf become when PyMC makes a column integer


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence PyMC, PyTensor and NumPy: what they would say is in the report.

    PyTensor's compilers are off too: parts of PyMC would spend 10 s in them for one number.
    """
    import pytensor

    loggers = [logging.getLogger(name) for name in ("pymc", "pytensor")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL + 1)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            with pytensor.config.change_flags(cxx="", linker="py"):
                yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def told(error: Exception) -> str:
    """Return an exception as one line."""
    first = next((line for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {first}".rstrip(": ")


def compiled(
    model: Any, outs: Any, extra: Sequence[Any] = (), *, checks: bool = True
) -> Callable[..., Any]:
    """Return outs as a function of a point, and of the extra inputs.

    The plain Python linker without fused loops compiles in 30 ms, where C or numba take
    seconds; a hundred rows take it 0.2 ms. The rewrites that keep logarithms stable stay.
    A broken parameter check is -inf for all rows, as when PyMC samples, or left out.
    """
    import pytensor
    from pytensor.compile.mode import Mode

    mode = Mode(linker="py", optimizer="fast_run").excluding("fusion", "inplace", "BlasOpt")
    rewrite = (
        "local_check_parameter_to_ninf_switch" if checks else "local_remove_check_parameter"
    )
    names = [value.name for value in model.value_vars]
    function = pytensor.function(
        [*model.value_vars, *extra],
        outs,
        mode=mode.including(rewrite),
        on_unused_input="ignore",
        allow_input_downcast=True,
    )
    return lambda point, *more: function(*(point[name] for name in names), *more)


def depends(variable: Any, on: Sequence[Any]) -> bool:
    """Return whether a graph holds one of these variables."""
    from pytensor.graph.traversal import ancestors

    wanted = set(on)
    return any(ancestor in wanted for ancestor in ancestors([variable]))


def starting_point(model: Any) -> Point:
    """Return the point at which PyMC starts, before any jitter."""
    return {name: np.asarray(value) for name, value in model.initial_point(0).items()}


def prior_draws(model: Any, size: int = DRAWS) -> list[Point]:
    """Return draws of the free variables; fewer where NumPy refuses their parameters."""
    from pymc.initial_point import make_initial_point_fn

    if not model.free_RVs:
        return []
    # Of every variable, also of those for which the user gave an initval.
    draw = make_initial_point_fn(
        model=model, overrides={v.name: "prior" for v in model.free_RVs}
    )
    points = []
    for seed in range(size):
        with contextlib.suppress(ValueError):
            points.append({name: np.asarray(value) for name, value in draw(seed).items()})
    return points


def jittered(start: Point) -> list[Point]:
    """Return points around the start, for models that can't be drawn from."""
    rng = np.random.default_rng(0)
    return [
        {
            name: value + rng.normal(size=value.shape) if value.dtype.kind == "f" else value
            for name, value in start.items()
        }
        for _ in range(DRAWS)
    ]


def conditions(logp: Any) -> list[tuple[str, list[Any]]]:
    """Return the parameter checks in a log density: PyMC's text, elementwise conditions.

    PyMC joins them over all rows, so that one negative trial makes every row -inf; the
    conditions under the joins tell the rows apart.
    """
    from pymc.logprob.utils import CheckParameterValue
    from pytensor.graph.traversal import ancestors
    from pytensor.tensor.basic import Join, MakeVector, ScalarFromTensor
    from pytensor.tensor.math import All

    def parts(condition: Any) -> Iterator[Any]:
        owner = condition.owner
        joins = owner is not None and isinstance(
            owner.op, All | MakeVector | Join | ScalarFromTensor
        )
        if joins:
            for inner in owner.inputs:
                yield from parts(inner)
        else:
            yield condition

    return [
        (a.owner.op.msg, [part for check in a.owner.inputs[1:] for part in parts(check)])
        for a in ancestors([logp])
        if a.owner is not None and isinstance(a.owner.op, CheckParameterValue)
    ]


class Observed:
    """One observed variable: its data, and its log density by row.

    Building it raises what PyMC raises.

    Parameters
    ----------
    model
        The PyMC model.
    rv
        One of its observed variables.
    start
        A point, to evaluate what depends on none.
    """

    def __init__(self, model: Any, rv: Any, start: Point) -> None:
        import pytensor.tensor as pt
        from pymc.logprob.basic import transformed_conditional_logp

        self.model, self.rv, self.name = model, rv, rv.name
        self.value = evaluated(model, model.rvs_to_values[rv], start)
        self.length = len(self.value) if self.value.ndim else 1
        self.rows = np.arange(self.length)  # in the user's data; fewer where PyMC imputes
        self._data = pt.tensor("data", dtype=rv.dtype, shape=self.value.shape)
        [self._logp] = transformed_conditional_logp(
            rvs=[rv],
            rvs_to_values={**model.rvs_to_values, rv: self._data},
            rvs_to_transforms=model.rvs_to_transforms,
            jacobian=False,
        )
        self._checks = conditions(self._logp)
        tested = [part for _, parts in self._checks for part in parts]
        self._evaluate = compiled(model, [self._logp, *tested], [self._data], checks=False)

    @property
    def family(self) -> str:
        """The distribution's name, such as Binomial."""
        return str(getattr(self.rv.owner.op, "_print_name", ("",))[0])

    def table(self, points: Sequence[Point]) -> NDArray[np.float64]:
        """Return the log density by row at each point: NaN where it can't be computed."""
        logps = []
        for point in points:
            try:
                logps.append(self.evaluate(point)[0])
            except Exception:  # at this point only: a matrix without a Cholesky factor, say
                logps.append(np.full_like(logps[0], np.nan))
        return np.array(logps)

    def at(self, index: tuple[int, ...], logp: NDArray[np.float64]) -> Any:
        """Return the value, or the vector, that an entry of the log density is about."""
        return self.value[index] if self.value.ndim >= logp.ndim else self.value

    def place(
        self, index: tuple[int, ...], logp: NDArray[np.float64]
    ) -> tuple[int | None, str]:
        """Return the row of an entry of the log density, and its value as text."""
        row = int(self.rows[index[0]]) if index and self.value.ndim else None
        return row, number(self.at(index, logp))

    def given(self, start: Point) -> dict[str, NDArray[Any]]:
        """Return the parameters that no free variable enters, by name."""
        return {
            name: evaluated(self.model, parameter, start)
            for name, parameter in named_parameters(self.rv).items()
            if not depends(parameter, self.model.basic_RVs)
        }

    def evaluate(
        self, point: Point, value: NDArray[Any] | None = None
    ) -> tuple[NDArray[np.float64], dict[str, NDArray[np.bool_]]]:
        """Return the log density by row, and where each parameter check is broken.

        Parameters
        ----------
        point
            Values of the free variables.
        value
            Other data than the model's, in the same shape.
        """
        out, *tested = self._evaluate(point, self.value if value is None else value)
        logp = np.array(out, dtype=float)
        broken = {}
        for message, parts in self._checks:
            fails = np.zeros(logp.shape, dtype=bool)
            for _ in parts:
                held = np.asarray(tested.pop(0), dtype=bool)
                try:
                    fails |= ~held
                except ValueError:  # over dimensions that the log density has summed
                    fails |= not held.all()
            logp[fails] = -np.inf
            if fails.any():
                broken[message] = fails
        return logp, broken

    def gradient(self) -> Callable[[Point, NDArray[np.bool_]], list[NDArray[np.float64]]]:
        """Return the derivative of the chosen rows' sum by the continuous variables."""
        import pytensor
        import pytensor.tensor as pt

        chosen = pt.tensor("chosen", dtype="bool", shape=(None,) * self._logp.ndim)
        total = pt.switch(chosen, self._logp, 0.0).sum()
        wanted = self.model.continuous_value_vars
        slopes = pytensor.grad(total, wanted, disconnected_inputs="ignore")
        function = compiled(self.model, slopes, [self._data, chosen])
        return lambda point, rows: [np.asarray(s) for s in function(point, self.value, rows)]

    def simulate(self, point: Point, times: int) -> Iterator[NDArray[Any]]:
        """Yield data drawn from the variable's distribution at a point."""
        import pytensor
        from pymc.pytensorf import find_rng_nodes, reseed_rngs
        from pytensor.graph.replace import graph_replace

        node = self.rv.owner
        inputs = self.model.replace_rvs_by_values(node.inputs)
        out = node.clone_with_new_inputs(inputs, strict=False).outputs[self.rv.index]
        # Generators of its own: drawing would move those of the user's model.
        old = find_rng_nodes([out])
        new = [pytensor.shared(np.random.default_rng(0)) for _ in old]
        [out] = graph_replace([out], dict(zip(old, new, strict=True)), strict=False)
        draw = compiled(self.model, out)
        for seed in range(times):
            reseed_rngs(new, seed)
            yield np.asarray(draw(point))


def number(value: Any) -> str:
    """Return a number, or a vector, as text."""
    if np.ndim(value):
        return np.array2string(np.asarray(value), precision=6, separator=", ", threshold=8)
    if value == CUT:
        return "NaN or inf, made an integer"
    return f"{float(value):.12g}"


def evaluated(model: Any, variable: Any, point: Point) -> NDArray[Any]:
    """Return the value of a graph over the model's variables at a point."""
    [replaced] = model.replace_rvs_by_values([variable])
    return np.asarray(compiled(model, replaced)(point))


def constant(parameter: Any) -> NDArray[Any] | None:
    """Return the numbers of a parameter that nothing enters but numbers; else None.

    PyMC stretches what the user wrote to the variable's shape, and casts some of it.
    """
    from pytensor.graph.basic import Constant
    from pytensor.graph.traversal import ancestors

    if isinstance(parameter, Constant):
        return np.asarray(parameter.data)
    leaves = [leaf for leaf in ancestors([parameter]) if leaf.owner is None]
    if not all(isinstance(leaf, Constant) for leaf in leaves):
        return None
    try:
        return np.asarray(parameter.eval(mode="FAST_COMPILE"))
    except Exception:  # an operation that can't be computed
        return None


def named_parameters(rv: Any) -> dict[str, Any]:
    """Return a variable's parameters by the names of its family's log density.

    Empty where the names aren't known: mixtures, censored variables, custom ones.
    """
    import pymc as pm

    op = rv.owner.op
    family: Any = getattr(pm, getattr(op, "_print_name", ("",))[0], None)
    if not hasattr(family, "logp") or not hasattr(op, "dist_params"):
        return {}
    names = list(inspect.signature(family.logp).parameters)[1:]
    values = op.dist_params(rv.owner)
    return dict(zip(names, values, strict=True)) if len(names) == len(values) else {}
