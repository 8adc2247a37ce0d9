"""Check a PyMC model before sampling: what is impossible, imputed, cut off, or can't move."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from changepoint.errors import ChangepointError, ModelError
from changepoint.sampling.check import prior, rows, steps, values
from changepoint.sampling.check.points import (
    Observed,
    Point,
    jittered,
    prior_draws,
    quiet,
    starting_point,
    told,
)
from changepoint.sampling.check.report import Finding, PyMCCheck

if TYPE_CHECKING:
    import pymc as pm


def check_pymc(pm_model: pm.Model, data: Mapping[str, Any] | None = None) -> PyMCCheck:
    """Check a PyMC model, hand-written ones included, before it is sampled.

    It evaluates the observed log density row by row at the starting point and at prior
    draws, and climbs it where those are poor. The kinds of problems:

    - `impossible`: rows that no parameter explains; `start`: rows, or variables, that only
      the starting point can't explain; `potential`: a Potential that isn't finite
    - `prior`: the prior excludes the data, with finite but hopeless log densities
    - `noise`: a uniform likelihood whose lower bound is a parameter
    - `imputed`: NaN that PyMC makes free variables; `fractional`: counts or trials with a
      fraction; `missing`, `differs`: NaN or other numbers in the original arrays
    - `integer`: small integer constants that overflow; `exchanged`: n and p of a Binomial;
      `empty`: a uniform prior whose lower bound is above the upper
    - `stuck`: variables that can't move, or whose gradient is 0
    - `shape`, `error`: a log density that PyMC can't compute; `unobserved`: no data

    Parameters
    ----------
    pm_model
        The model; it isn't changed.
    data
        The original arrays by observed variable, because PyMC cuts fractions off plain
        arrays when a model is built: `{"k": counts}`, or with parameters
        `{"k": {"observed": counts, "n": trials}}`.

    Returns
    -------
    PyMCCheck
        `ok`, `problems` (a DataFrame), `notes`; the same for the same model.

    Raises
    ------
    ModelError
        If it isn't a PyMC model, or `data` names what the model doesn't have.

    Examples
    --------
    >>> import numpy as np, pymc as pm
    >>> from changepoint import check_pymc
    >>> with pm.Model() as model:
    ...     rate = pm.Uniform("rate", 0.0, 1.0)
    ...     counts = pm.Binomial("counts", n=np.array([90, 80, 7]), p=rate, observed=[3, 2, 8])
    >>> check = check_pymc(model)
    >>> check.ok
    False
    >>> print(check.problems[["kind", "variable", "row", "value", "rule"]].to_string())
             kind variable row    value                            rule
    0  impossible   counts   2  8 (n=7)  more successes than trials (n)
    """
    import pymc as pm

    if not isinstance(pm_model, pm.Model):
        raise ModelError(f"check_pymc takes a pm.Model, not {pm_model!r}")
    with quiet():
        given = values.originals(pm_model, data)
        return _Check(pm_model, given).report()


class _Check:
    """Findings and notes of one model, part by part: a part that raises ends alone."""

    def __init__(self, model: Any, given: Mapping[str, Mapping[str, Any]]) -> None:
        self.model, self.given = model, given
        self.findings: list[Finding] = []
        self.notes: list[str] = []
        self.draws: list[Point] = []

    def report(self) -> PyMCCheck:
        """Run every part."""
        model = self.model
        self._part("what is observed", self._nothing_observed)
        self._part("ranges", lambda: steps.empty_ranges(model))
        if any(finding.kind == "empty" for finding in self.findings):
            return PyMCCheck(tuple(self.findings), tuple(self.notes))
        try:
            self.start = starting_point(model)
        except Exception as error:
            rule = f"PyMC can't compute the starting point ({told(error)})"
            remedy = "Correct the priors, or their initvals."
            self.findings.append(Finding("error", None, None, None, rule, remedy))
        else:
            self._draw()
            self._part("integers", lambda: steps.integer_constants(model, self.draws))
            overflown = {f.variable for f in self.findings if f.kind == "integer"}
            if overflown.intersection(rv.name for rv in model.free_RVs):
                self.start = self.draws[0]  # the overflow spoils PyMC's start, and all rows
            self._rows()
            points = [self.start, *self.draws]
            self._part("gradients", lambda: steps.blind_gradients(model, points))
            self._part("proposals", lambda: steps.frozen_values(model, points))
        return PyMCCheck(tuple(self.findings), tuple(self.notes))

    def _part(self, what: str, found: Callable[[], Iterable[Finding | str]]) -> None:
        """Add what a part finds, or a note that it couldn't look."""
        try:
            for item in found():
                if isinstance(item, str):
                    self.notes.append(item)
                else:
                    self.findings.append(item)
        except ChangepointError:
            raise  # about the arguments of check_pymc
        except Exception as error:  # of any kind: the model is the user's, and so is its code
            self.notes.append(f"couldn't check {what}: {told(error)}")

    def _nothing_observed(self) -> Iterable[Finding | str]:
        if self.model.observed_RVs:
            return
        if self.model.potentials:
            yield "nothing is observed; potentials may hold data, and are checked as a whole"
            return
        yield Finding(
            "unobserved", None, None, None, "the model has no observed variable",
            "Pass observed=... to the variable that the data are of.",
        )  # fmt: skip

    def _draw(self) -> None:
        try:
            self.draws = prior_draws(self.model)
        except Exception as error:
            self.notes.append(f"no prior draws, jittered starts instead: {told(error)}")
            self.draws = jittered(self.start)

    def _rows(self) -> None:
        """Check the observed variables, then the free ones and the potentials."""
        model, start = self.model, self.start
        variables = [o for rv in model.observed_RVs if (o := self._observed(rv)) is not None]
        points = [start, *self.draws]
        densities = [o.table(points) for o in variables]
        fine = np.ones(1 + len(self.draws), dtype=bool)
        for logps in densities:
            finite = np.isfinite(logps).reshape(len(logps), -1)
            fine &= finite[:, finite.any(axis=0)].all(axis=1)
        advice = rows.start_advice(model, self.draws, fine[1:])
        for o, logps in zip(variables, densities, strict=True):
            self._variable(o, logps, advice)
        overflown = {f.variable for f in self.findings if f.kind == "integer"}
        for factor in [*model.free_RVs, *model.potentials]:
            if factor.name not in overflown:
                self._part(
                    f"the density of {factor.name}",
                    partial(rows.own_density, model, factor, start, self.draws, advice),
                )

    def _observed(self, rv: Any) -> Observed | None:
        """Return a variable with its log density, if PyMC can compute that."""
        try:
            observed = Observed(self.model, rv, self.start)
            observed.evaluate(self.start)
        except Exception as error:
            self.findings.append(rows.uncomputable(self.model, rv, self.start, error))
            return None
        return observed

    def _variable(self, o: Observed, logps: NDArray[np.float64], advice: str) -> None:
        model, start = self.model, self.start
        name = values.base_name(model, o.rv)
        given = self.given.get(name, {})
        self._part(f"imputed rows of {name}", lambda: values.imputed(model, o, start))
        self._part(f"fractions in {name}", lambda: values.fractional(model, o, start))
        self._part(f"the noise of {name}", lambda: rows.uniform_noise(o))
        self._part(
            f"the rows of {name}",
            lambda: rows.impossible_rows(o, start, logps[1:], advice),
        )
        self._part(
            f"whether the prior excludes {name}",
            lambda: prior.excluded(o, [start, *self.draws], logps),
        )
        said = {finding.row for finding in self.findings if finding.variable == name}
        self._part(
            f"the original arrays of {name}",
            lambda: values.against_originals(o, given, start, said),
        )
        unseen = values.unseen(o, given)
        if unseen:
            roles = ", ".join(f"{role!r}: ..." for role in unseen)
            if (o.value == 0).all():
                self.notes.append(
                    f"{name}: every count is 0, as rates cut to integers would be"
                )
            self.notes.append(
                f"{name}: PyMC holds integers, so fractions that it cut off can't be seen; to "
                f"look for them pass the original arrays, data={{{name!r}: {{{roles}}}}}"
            )
