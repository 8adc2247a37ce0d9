"""What PyMC does to data in silence: imputes NaN, truncates fractions to integers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from changepoint.errors import ModelError
from changepoint.sampling.check.points import (
    Observed,
    Point,
    compiled,
    evaluated,
    named_parameters,
    number,
)
from changepoint.sampling.check.report import Finding

Given = Mapping[str, Any]  # original columns of one variable: "observed", and parameters
WHOLE = {  # parameters that are whole numbers, though PyMC doesn't see to it
    "Binomial": ("n",),
    "BetaBinomial": ("n",),
    "Multinomial": ("n",),
    "DirichletMultinomial": ("n",),
}
IMPUTED = (
    "Leave these rows out of data and parameters; a row without data says nothing. (PyMC only "
    "gives an ImputationWarning, and adds a free variable for each row.)"
)
FRACTION = (
    "Give whole counts and trials; model a rate without trials with pm.Beta, and a sum of "
    "weights with pm.Gamma or pm.Normal."
)


def originals(model: Any, data: Mapping[str, Any] | None) -> dict[str, dict[str, Any]]:
    """Return the original columns by variable and role.

    Raises
    ------
    ModelError
        If a name isn't that of an observed variable.
    """
    told: dict[str, dict[str, Any]] = {}
    known = sorted(base_name(model, rv) for rv in model.observed_RVs)
    for name, given in (data or {}).items():
        if name not in known:
            raise ModelError(
                f"data: {name!r} is no observed variable of the model; those are "
                f"{', '.join(known) or 'none'}. To give a parameter's array, write "
                "data={'observed variable': {'parameter': array}}"
            )
        roles = dict(given) if isinstance(given, Mapping) else {"observed": given}
        told[name] = {role: np.ma.filled(_floats(column), np.nan)
                      for role, column in roles.items()}  # fmt: skip
    return told


def _floats(column: Any) -> Any:
    if isinstance(column, np.ma.MaskedArray):
        return column.astype(float)
    return np.asarray(column, dtype=float)


def base_name(model: Any, rv: Any) -> str:
    """Return the name that the user gave an observed variable: without `_observed`."""
    base = str(rv.name).removesuffix("_observed")
    return base if f"{base}_unobserved" in model.named_vars else str(rv.name)


def imputed(model: Any, observed: Observed, start: Point) -> Iterator[Finding]:
    """Yield the rows that PyMC imputes, and tell the variable which rows are left."""
    name = base_name(model, observed.rv)
    if name == observed.rv.name:
        return
    unobserved = model.rvs_to_values[model[f"{name}_unobserved"]]
    [joined] = model.replace_rvs_by_values([model[name]])
    whole = compiled(model, joined)
    moved = start | {unobserved.name: start[unobserved.name] + 1}
    missing = whole(start) != whole(moved)
    places = np.argwhere(missing)
    observed.name = name
    observed.rows, observed.length = np.argwhere(~missing)[:, 0], len(missing)
    for row in dict.fromkeys(places[:, 0].tolist()):
        yield Finding(
            "imputed", name, row, "NaN",
            "missing, so PyMC makes it a free variable and imputes it", IMPUTED,
        )  # fmt: skip


def fractional(model: Any, observed: Observed, start: Point) -> Iterator[Finding]:
    """Yield fractions in pm.Data where whole numbers are meant."""
    from pytensor.scalar.basic import Cast

    value = model.rvs_to_values[observed.rv]
    scalar_op = None if value.owner is None else getattr(value.owner.op, "scalar_op", None)
    if isinstance(scalar_op, Cast) and observed.rv.dtype.startswith(("int", "uint")):
        yield from _fractions(
            observed, evaluated(model, value.owner.inputs[0], start), "observed"
        )
    for role, values in observed.given(start).items():
        if role in WHOLE.get(observed.family, ()):
            yield from _fractions(observed, values, role)


def against_originals(
    observed: Observed, given: Given, start: Point, said: set[int | None]
) -> Iterator[Finding]:
    """Yield what the original columns show and the model doesn't.

    Parameters
    ----------
    observed
        The variable.
    given
        Its original columns: "observed", and parameters by name.
    start
        A point, to evaluate the model's columns.
    said
        Rows that have a finding already.
    """
    held = {"observed": observed.value} | observed.given(start)
    kept = {}
    for role, column in given.items():
        if role not in held:
            raise ModelError(
                f"data: {observed.name!r} has no given parameter {role!r}; it has "
                f"{', '.join(sorted(held))}"
            )
        rows = column[observed.rows] if column.shape[:1] == (observed.length,) else column
        if rows.ndim and rows.shape != held[role].shape:
            yield Finding(
                "shape", observed.name, None, None,
                f"the original {role} has shape {column.shape}, the model's {held[role].shape}",
                "Pass the arrays that the model was built from.",
            )  # fmt: skip
            continue
        kept[role] = rows
        for row in _rows(observed, np.isnan(rows)):
            if row not in said:
                yield Finding(
                    "missing", observed.name, row, "NaN", f"the original {role} is NaN",
                    "Leave the row out of data and parameters.",
                )  # fmt: skip
        whole = held[role].dtype.kind in "iu"
        if whole or role in WHOLE.get(observed.family, ()):
            yield from _fractions(observed, rows, role)
        yield from _differs(observed, rows, held[role], role)
    if observed.family in WHOLE and "observed" in kept and "n" in held:
        yield from _exceeds(observed, kept["observed"], kept.get("n", held["n"]))


def _rows(observed: Observed, where: NDArray[np.bool_]) -> list[int | None]:
    """Return the user's rows of the true entries."""
    return [
        int(observed.rows[index[0]]) if len(index) else None for index in np.argwhere(where)
    ]


def _fractions(observed: Observed, values: NDArray[Any], role: str) -> Iterator[Finding]:
    what = "a count" if role == "observed" else f"{role} (the trials)"
    where = np.isfinite(values) & (values != np.trunc(values))
    for row, value in zip(_rows(observed, where), values[where], strict=True):
        yield Finding(
            "fractional", observed.name, row, number(value),
            f"{what} with a fraction, which PyMC cuts off, or computes with, in silence",
            FRACTION,
        )  # fmt: skip


def _differs(
    observed: Observed, column: NDArray[Any], held: NDArray[Any], role: str
) -> Iterator[Finding]:
    """Yield that the model holds other numbers than the originals, cut or not."""
    expected = np.trunc(column) if held.dtype.kind in "iu" else column
    other = np.isfinite(column) & ~np.isclose(expected, held.astype(float), rtol=1e-6, atol=0)
    if other.any():
        column, held = (
            np.broadcast_to(values, other.shape)[other] for values in (column, held)
        )
        yield Finding(
            "differs", observed.name, _rows(observed, other)[0], number(column[0]),
            f"the model holds {number(held[0])} for {role}, first of {len(held)} that differ",
            "Pass the arrays that the model was built from, in the same order.",
        )  # fmt: skip


def _exceeds(observed: Observed, count: NDArray[Any], n: NDArray[Any]) -> Iterator[Finding]:
    """Yield counts that exceed the trials by a fraction only: cut, they fit."""
    where = np.asarray((count > n) & (np.trunc(count) <= np.trunc(n)))
    count, n = (np.broadcast_to(values, where.shape)[where] for values in (count, n))
    for row, value, limit in zip(_rows(observed, where), count, n, strict=True):
        yield Finding(
            "impossible", observed.name, row, f"{number(value)} (n={number(limit)})",
            "more successes than trials (n), by a fraction that PyMC cut off",
            "Correct the row, and check that the two columns aren't exchanged.",
        )  # fmt: skip


def unseen(observed: Observed, given: Given) -> list[str]:
    """Return the columns in which fractions can't be seen: PyMC made them integer."""
    from pytensor.graph.basic import Constant

    value = observed.model.rvs_to_values[observed.rv]
    columns = {"observed": value} | {
        role: parameter
        for role, parameter in named_parameters(observed.rv).items()
        if role in WHOLE.get(observed.family, ())
    }
    return [
        role
        for role, variable in columns.items()
        if role not in given
        and isinstance(variable, Constant)
        and variable.dtype.startswith(("int", "uint"))
    ]
