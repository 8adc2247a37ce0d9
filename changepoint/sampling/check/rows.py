"""Rows that no parameter can explain, and rows that the start can't explain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from changepoint.sampling.check.points import (
    CUT,
    Observed,
    Point,
    compiled,
    depends,
    evaluated,
    named_parameters,
    number,
    told,
)
from changepoint.sampling.check.report import Finding

SHOWN_INITVALS = 6  # more numbers than these don't fit in a sentence

SMALL = (
    "; if it was positive, its array is of a type too small for it, such as int8: use int64."
)
NOISE = (
    "Under Uniform(lower=rate) every observation below the rate is impossible: it is no model "
    'of noise around a rate. Write pm.Binomial("{name}", n=trials, p=rate, observed=counts) '
    'where the trials are known, else pm.Beta("{name}", mu=rate, nu=..., observed=rates), '
    "whose mean is the rate."
)


def impossible_rows(
    observed: Observed, start: Point, draws: NDArray[np.float64], advice: str
) -> Iterator[Finding]:
    """Yield the rows whose log density isn't finite: nowhere, or not at the start.

    Parameters
    ----------
    observed
        The variable.
    start
        Where PyMC starts.
    draws
        Its log density by row at prior draws, (draw, row, ...).
    advice
        What to do about the start.
    """
    logp, broken = observed.evaluate(start)
    bad = ~np.isfinite(logp)
    nowhere = bad & ~np.isfinite(draws).any(axis=0)
    given = observed.given(start)
    if nowhere.all() and (finding := _exchanged(observed, start)) is not None:
        yield finding
        return
    for message, fails in broken.items():
        # A free variable outside its bounds breaks every row alike, and is told once.
        once = fails.all() and not _row_faults(observed, given, fails).any()
        rule = f"its parameters break {message!r} at the start"
        if once and not nowhere.any():
            yield Finding("start", observed.name, None, None, rule, advice)
            return
        if once and nowhere.all():
            yield Finding(
                "impossible", observed.name, None, None,
                f"{rule} and at all {len(draws)} prior draws",
                "Choose priors whose whole support is allowed: pm.Beta for a probability, "
                "pm.HalfNormal or pm.Gamma for a scale.",
            )  # fmt: skip
            return
    for place in np.argwhere(bad):
        index = tuple(int(i) for i in place)
        parameters = _given_at(given, logp, index)
        if nowhere[index]:
            kind = "impossible"
            rule, remedy = _cause(observed, observed.at(index, logp), parameters, len(draws))
        else:
            kind = "start"
            rule = "impossible at the starting point, possible at other parameters"
            remedy = NOISE.format(name=observed.name) if from_below(observed) else advice
        row, text = observed.place(index, logp)
        if "n" in parameters:
            text += f" (n={number(parameters['n'])})"
        yield Finding(kind, observed.name, row, text, rule, remedy)


def _exchanged(observed: Observed, start: Point) -> Finding | None:
    """Return that n and p of a Binomial stand in each other's place, if they do."""
    if observed.family != "Binomial":
        return None
    n, p = (
        evaluated(observed.model, parameter, start).astype(float)
        for parameter in named_parameters(observed.rv).values()
    )
    if not (np.all((n >= 0) & (n <= 1)) and np.any(p > 1)):
        return None
    return Finding(
        "exchanged", observed.name, None,
        f"n={number(n.flat[0])}, p={number(p.flat[0])} at the start",
        "n, the trials, is a probability, and p, the probability, is above 1: they stand in "
        "each other's place",
        f'Name them: pm.Binomial("{observed.name}", n=trials, p=rate, observed=counts).',
    )  # fmt: skip


def from_below(observed: Observed) -> bool:
    """Return whether the variable is uniform between a parameter and a known bound."""
    if observed.family != "Uniform":
        return False
    bounds, free = named_parameters(observed.rv), observed.model.free_RVs
    return depends(bounds["lower"], free) and not depends(bounds["upper"], free)


def uniform_noise(observed: Observed) -> Iterator[Finding]:
    """Yield a uniform likelihood whose lower bound is a parameter, and whose upper isn't."""
    if from_below(observed):
        yield Finding(
            "noise", observed.name, None, None,
            "a uniform likelihood whose lower bound is a parameter",
            NOISE.format(name=observed.name),
        )  # fmt: skip


def start_advice(model: Any, points: Sequence[Point], fine: NDArray[np.bool_]) -> str:
    """Return what to do about a start of density zero: initvals, if a prior draw has some.

    Parameters
    ----------
    model
        The PyMC model.
    points
        Prior draws.
    fine
        Whether all rows are possible there, but those that nowhere are.
    """
    why = (
        "With NUTS pm.sample fails here (Bad initial energy); with Metropolis alone every "
        "chain stays where it is, without a warning. "
    )
    pass_some = "Pass initvals at which everything is possible"
    try:
        potentials = compiled(model, model.logp(vars=model.potentials))
        candidates = (point for point, good in zip(points, fine, strict=True) if good)
        good = next((p for p in candidates if np.isfinite(potentials(p))), None)
        if good is None:
            return f"{why}{pass_some}; no prior draw is such a point, so look at the prior too."
        values = {rv.name: evaluated(model, rv, good) for rv in model.free_RVs}
    except Exception:  # the advice stands without an example
        return f"{why}{pass_some}."
    if sum(value.size for value in values.values()) > SHOWN_INITVALS:
        return f"{why}{pass_some}."
    shown = ", ".join(f"{name!r}: {number(value)}" for name, value in values.items())
    return f"{why}{pass_some}, such as {{{shown}}}."


def own_density(
    model: Any, factor: Any, start: Point, points: Sequence[Point], advice: str
) -> Iterator[Finding]:
    """Yield a free variable or a potential whose own log density isn't finite at the start."""
    [graph] = model.logp(vars=[factor], sum=False)
    logp = compiled(model, graph.sum())
    here = float(logp(start))
    if np.isfinite(here):
        return
    potential = factor in model.potentials
    what = "potential" if potential else "prior density"
    if any(np.isfinite(logp(point)) for point in points):
        rule, remedy = f"the {what} isn't finite at the starting point", advice
    else:
        rule = f"the {what} isn't finite at the start nor at any of {len(points)} prior draws"
        remedy = "Look in it for a logarithm of 0, a division by 0, a bound that nothing keeps."
    kind = "potential" if potential else "start"
    yield Finding(kind, factor.name, None, f"log density {here:g}", rule, remedy)


def uncomputable(model: Any, rv: Any, start: Point, error: Exception) -> Finding:
    """Return why PyMC can't compute a variable's log density: shapes, as a rule."""
    parts = {"the data": model.rvs_to_values[rv]} | named_parameters(rv)
    try:
        shapes = {name: evaluated(model, part, start).shape for name, part in parts.items()}
    except Exception:
        shapes = {}
    try:
        np.broadcast_shapes(*shapes.values())
    except ValueError:
        value = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        return Finding(
            "shape", rv.name, None, value, "data and parameters have shapes that don't fit",
            "Give them one length, a row of data for each row of parameters.",
        )  # fmt: skip
    return Finding(
        "error", rv.name, None, None, f"PyMC can't compute its log density ({told(error)})",
        "Correct the model: pm.sample would raise this too.",
    )  # fmt: skip


def _row_faults(
    observed: Observed, given: dict[str, NDArray[Any]], fails: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return the rows with a fault of their own: a bad n, a bad value."""
    y = np.asarray(observed.value, dtype=float)
    faults = np.zeros(y.shape, dtype=bool)
    for values in given.values():
        if values.shape == y.shape:
            faults |= ~np.isfinite(values.astype(float)) | (values < 0)
    return faults & np.broadcast_to(fails, y.shape) if y.shape == fails.shape else faults


def _cause(
    observed: Observed, value: Any, parameters: dict[str, Any], draws: int
) -> tuple[str, str]:
    """Return why no parameter explains a row, as rule and remedy."""
    y, n = value, parameters.get("n")
    number = np.ndim(y) == 0
    if number and (y == CUT or not np.isfinite(y)):
        return "NaN or infinite", "Correct the row, or leave it out."
    for name, parameter in parameters.items():
        if np.ndim(parameter) == 0 and (parameter == CUT or not np.isfinite(parameter)):
            return (
                f"{name} is NaN or infinite",
                f"Correct the row's {name}, or leave the row out.",
            )
    if from_below(observed):
        return "outside the uniform's bounds, whatever the parameters", NOISE.format(
            name=observed.name
        )
    if n is not None and np.ndim(n) == 0 and n < 0:
        return "n (the trials) is negative", f"Correct the row's trials{SMALL}"
    if number and n is not None and np.ndim(n) == 0 and y > n:
        return (
            "more successes than trials (n)",
            "Correct the row, and check that the two columns aren't exchanged.",
        )
    if number and observed.rv.dtype.startswith(("int", "uint")) and y < 0:
        return "a negative count", f"Correct the row{SMALL}"
    if number and observed.family == "Beta" and not 0 < y < 1:
        return (
            "not strictly between 0 and 1, where alone the Beta has a density",
            f'Write pm.Binomial("{observed.name}", n=trials, p=rate, observed=counts) where '
            "the trials are known: it takes rates of 0 and 1; else leave the row out.",
        )
    return (
        f"impossible at the start and at all {draws} prior draws",
        "Correct the row or leave it out; or choose a distribution and priors that allow it.",
    )


def _given_at(
    given: dict[str, NDArray[Any]], logp: NDArray[Any], index: tuple[int, ...]
) -> dict[str, Any]:
    """Return the given parameters of a row."""
    row = {}
    for name, values in given.items():
        try:
            row[name] = np.broadcast_to(values, logp.shape)[index]
        except ValueError:  # of a multivariate distribution
            continue
    return row
