"""The sampling engine: PyMC's NUTS with one of three ways to treat the switchpoints."""

from __future__ import annotations

import warnings
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from changepoint.engines.exact import Exact
from changepoint.errors import ConvergenceWarning, EngineError, ModelError
from changepoint.model import Model
from changepoint.observations import Observations
from changepoint.posterior import Posterior
from changepoint.results import Draws, Result

if TYPE_CHECKING:
    import pymc as pm
    import xarray as xr

Floats = NDArray[np.float64]

WAYS = ("metropolis", "gibbs", "sum-out")
SAMPLERS = ("pymc", "nutpie")


@dataclass(frozen=True)
class MCMC:
    """Sampling by PyMC, for a model of this package or one written by hand.

    The exact engine answers the same questions faster and without chains that may not
    converge; this one shows the model in PyMC, takes models of your own, and checks one engine
    by the other. It conditions on the number of changes: that of `Changes(exactly=)`, else the
    most probable one by the exact engine, which it says.

    Parameters
    ----------
    draws, tune
        Iterations of each chain, kept and before.
    chains, cores
        How many, and how many at a time; by default as many as there are processors. Draws
        don't depend on it.
    seed
        Of everything: the same seed gives the same draws.
    switchpoints
        - "metropolis": NUTS on the continuous variables, Metropolis on the switchpoints,
          `repeats` times an iteration. What PyMC does by default, with more steps and better
          starts: one placement from the prior for each chain, each rate at its segment's.
        - "gibbs": all switchpoints and segment parameters drawn at once given the shared
          parameter, by the exact engine's filter, then NUTS on all that is continuous.
        - "sum-out": the switchpoints summed out of the likelihood (`changepoint.sum_out`), NUTS
          on what is left, the switchpoints drawn afterwards.
    repeats
        Metropolis steps in an iteration.
    nuts
        "pymc", or with "sum-out" "nutpie", which is faster and an extra of its own.

    Raises
    ------
    ModelError
        If a setting isn't in its range.
    EngineError
        If PyMC isn't installed, or can't sample the model.

    References
    ----------
    M. D. Hoffman, A. Gelman (2014), JMLR 15, 1593: NUTS.
    S. Chib (1998), J. Econometrics 86, 221: the block of all switchpoints.

    Examples
    --------
    >>> MCMC(switchpoints="gibbs").draws
    1000
    """

    draws: int = 1000
    tune: int = 1000
    chains: int = 4
    cores: int | None = None
    seed: int = 0
    switchpoints: Literal["metropolis", "gibbs", "sum-out"] = "metropolis"
    repeats: int = 8
    nuts: Literal["pymc", "nutpie"] = "pymc"

    def __post_init__(self) -> None:
        lowest = {"draws": 4, "tune": 0, "chains": 1, "cores": 1, "seed": 0, "repeats": 1}
        for name, least in lowest.items():
            number = getattr(self, name)
            if name == "cores" and number is None:
                continue
            if isinstance(number, bool) or not isinstance(number, int | np.integer):
                raise ModelError(f"{name} of MCMC must be a whole number, not {number!r}")
            if number < least:
                raise ModelError(f"{name} of MCMC must be at least {least}, not {number}")
            object.__setattr__(self, name, int(number))
        for name, choices in (("switchpoints", WAYS), ("nuts", SAMPLERS)):
            if getattr(self, name) not in choices:
                raise ModelError(
                    f"{name} of MCMC must be one of {', '.join(choices)}, not "
                    f"{getattr(self, name)!r}"
                )
        if self.nuts != "pymc" and self.switchpoints != "sum-out":
            raise ModelError(
                f"{self.nuts} samples continuous variables only: use switchpoints='sum-out'"
            )

    def fit(self, model: Model | pm.Model, observations: Observations) -> Posterior:
        """Return the posterior; see `changepoint.fit`."""
        require("pymc", "pymc")
        if self.nuts != "pymc":
            require(self.nuts, self.nuts)
        if not isinstance(model, Model):
            from changepoint.engines.own import fit_own

            return fit_own(self, model, observations)
        cautions = model.check(observations)
        conditioned, note = _with_number(model.resolve(observations), observations)
        return self._posterior(conditioned, observations, (*cautions, *note))

    def _posterior(
        self, model: Model, observations: Observations, cautions: tuple[str, ...]
    ) -> Posterior:
        """Sample a resolved model whose number of changes is known."""
        from changepoint.sampling import models, sampler
        from changepoint.sampling.starts import starts

        summed = self.switchpoints == "sum-out"
        pm_model = models.build(model, observations, summed)
        steps = None
        if not summed and model.changes.exactly:
            gibbs = self._gibbs(pm_model, model, observations)
            steps = sampler.compound(pm_model, self.repeats, gibbs)
        begin = starts(model, observations, self.chains, self.seed, summed)
        sampled = self.sample(pm_model, steps, begin)
        family, k = model.likelihood, model.changes.exactly
        variables = sampled.posterior
        if summed and k:
            from changepoint.sampling import draw_switchpoints

            variables = variables.assign(
                switchpoint=draw_switchpoints(pm_model, variables, self.seed)
            )
        draws = draws_of(variables, family.parameter, family.shared)
        names = ["switchpoint", family.parameter, family.shared]
        kept = variables[[name for name in names if name in variables]]
        exact = _exact(model, observations)
        return self.conclude(model, observations, cautions, sampled, kept, draws, exact)

    def _gibbs(self, pm_model: pm.Model, model: Model, observations: Observations) -> Any:
        if self.switchpoints != "gibbs":
            return None
        from changepoint.engines.conditional import Conditional
        from changepoint.sampling.gibbs import SwitchpointGibbs

        family = model.likelihood
        blocks = [
            pm_model.rvs_to_values[pm_model[n]] for n in ("switchpoint", family.parameter)
        ]
        conditional = Conditional(model, observations)
        return SwitchpointGibbs(blocks, conditional, family, model=pm_model)

    def sample(self, pm_model: pm.Model, steps: Any, begin: Any) -> Any:
        """Run the sampler with this engine's settings."""
        from changepoint.sampling import sampler

        return sampler.run(
            pm_model, steps, begin, draws=self.draws, tune=self.tune, chains=self.chains,
            cores=self.cores, seed=self.seed, nuts=self.nuts,
        )  # fmt: skip

    def conclude(
        self,
        model: Any,
        observations: Observations,
        cautions: tuple[str, ...],
        sampled: Any,
        variables: xr.Dataset,
        draws: Draws,
        exact: Result | None,
        posterior: xr.Dataset | None = None,
        pm_model: pm.Model | None = None,
    ) -> Posterior:
        """Judge the draws; warn where they can't be trusted; return the posterior."""
        from changepoint.engines.convergence import judge
        from changepoint.engines.sampled import given, rows

        T, k = len(observations), draws.first.shape[1] - 1
        places = exact.given.probability if exact is not None and exact.given else None
        verdict = judge(variables, sampled.sample_stats, places, sampled.interrupted)
        notes = [*cautions]
        if not verdict.converged:
            notes.append(_advice(verdict.failures, self.switchpoints, pm_model is not None))
            warnings.warn(notes[-1], ConvergenceWarning, stacklevel=4)
        told = given(draws, T)
        change = np.zeros(T) if told is None else told.probability.sum(axis=0)
        settings = {name: value for name, value in asdict(self).items() if name != "seed"}
        return Posterior(
            Result(
                model=model,
                observations=observations,
                engine={
                    "name": "mcmc",
                    "seed": self.seed,
                    "settings": settings,
                    "converged": verdict.converged,
                    "diagnostics": verdict.diagnostics,
                },
                warnings=(*observations.warnings, *notes),
                log_evidence=None,
                change_probability=change,
                number_probability=np.eye(k + 1)[k],
                number_error=0.0,
                rows=rows(draws, T),
                draws=draws,
                given=told,
                posterior=posterior,
                sample_stats=sampled.sample_stats,
                exact=exact,
                pm_model=pm_model,
            )
        )


def require(module: str, extra: str) -> None:
    """Raise EngineError unless an optional package can be imported."""
    from importlib.util import find_spec

    if find_spec(module) is None:
        raise EngineError(
            f"this needs {module}, which isn't installed: pip install "
            f"'changepoint-toolkit[{extra}]'; the engine Exact() needs nothing more"
        )


def draws_of(variables: xr.Dataset, parameter: str, shared: str | None) -> Draws:
    """Return the draws of a sampler as the exact engine has them."""
    theta = variables[parameter].values
    chains, size, segments = theta.shape
    first = np.zeros((chains * size, segments), np.int64)
    if "switchpoint" in variables:
        first[:, 1:] = variables["switchpoint"].values.reshape(chains * size, -1)
    values = None if shared is None else variables[shared].values.reshape(-1)
    return Draws(first, theta.reshape(-1, segments), values, chains)


def _with_number(model: Model, observations: Observations) -> tuple[Model, tuple[str, ...]]:
    """Return the model with a known number of changes, and a note if it was chosen here."""
    from changepoint.sampling.models import with_number

    if model.changes.exactly is not None:
        return model, ()
    number = Exact(draws=4).run(model, observations).number_probability
    k = int(number.argmax())
    times = "1 change" if k == 1 else f"{k} changes"
    note = (
        f"MCMC assumes exactly {times}, the most probable number by the exact engine under "
        f"{model.changes}, with probability {number[k]:.2f}; it says nothing of other numbers"
    )
    return with_number(model, k), (note,)


def _exact(model: Model, observations: Observations) -> Result | None:
    """Return the exact answer, or None where the engine can't give one."""
    try:
        return Exact(draws=4).run(model, observations)
    except EngineError:
        return None


def _advice(failures: list[str], switchpoints: str, own: bool) -> str:
    """Return a sentence on what failed and what to do."""
    shown = "; ".join(failures[:3])
    more = f"; and {len(failures) - 3} more" if len(failures) > 3 else ""
    remedies = []
    if not own:
        remedies.append("take the answer of the exact engine, Exact(), which has no chains")
    if own and switchpoints == "metropolis":
        remedies.append("sum the switchpoints out of the model (`changepoint.sum_out`)")
    elif not own and switchpoints != "gibbs":
        remedies.append("draw the switchpoints otherwise (switchpoints='gibbs')")
    remedies.append("run longer (draws=, tune=)")
    told = ", or ".join(remedies)
    return f"the chains have not converged: {shown}{more}. {told[0].upper()}{told[1:]}"
