"""The sampling engine: PyMC's NUTS with one of three ways to treat the switchpoints."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from changepoint.engines.exact import Exact
from changepoint.errors import EngineError, ModelError
from changepoint.likelihoods.base import GridLikelihood
from changepoint.model import Model
from changepoint.observations import Observations
from changepoint.posterior import Posterior
from changepoint.results import Result

if TYPE_CHECKING:
    import pymc as pm

WAYS = ("metropolis", "gibbs", "sum-out")
SAMPLERS = ("pymc", "nutpie")


@dataclass(frozen=True)
class MCMC:
    """Sampling by PyMC, for a model of this package or one written by hand.

    The exact engine answers the same questions faster and without chains that may not
    converge; this one shows the model in PyMC, takes models of your own, and checks one engine
    by the other. It conditions on the number of changes: that of `Changes(exactly=)`, else the
    most probable one by the exact engine, which it says; and of `likelihoods.Auto` on the
    most probable family, as of any average.

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
          parameter, by the exact engine's kernels, then NUTS on all that is continuous.
        - "sum-out": the switchpoints summed out of the likelihood (`changepoint.sum_out`), NUTS
          on what is left, the switchpoints drawn afterwards. Not for lines, nor where noise is
          autocorrelated.
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
            if not least <= number < 2**63:
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
        from changepoint.sampling import require

        require("pymc")
        if self.nuts != "pymc":
            require(self.nuts)
        if not isinstance(model, Model):
            from changepoint.engines.own import fit_own

            return fit_own(self, model, observations)
        cautions = model.check(observations)
        resolved, chosen = _one_family(model.resolve(observations), observations)
        conditioned, note = _with_number(resolved, observations)
        return self._posterior(conditioned, observations, (*cautions, *chosen, *note))

    def _posterior(
        self, model: Model, observations: Observations, notes: tuple[str, ...]
    ) -> Posterior:
        """Sample a resolved model whose number of changes is known."""
        from changepoint.engines.sampled import Question, conclude
        from changepoint.sampling import draw_switchpoints, models, sampler
        from changepoint.sampling.starts import starts

        summed, k = self.switchpoints == "sum-out", model.changes.exactly
        pm_model = models.build(model, observations, summed)
        exact, note = _exact(model, observations)
        steps = None
        if not summed and k:
            gibbs = self._gibbs(pm_model, model, observations)
            steps = sampler.compound(pm_model, self.repeats, gibbs)
        begin = starts(model, observations, self.chains, self.seed, summed)
        sampled = self.sample(pm_model, steps, begin)
        variables = sampled.posterior
        if summed and k:
            places = draw_switchpoints(pm_model, variables, self.seed)
            variables = variables.assign(switchpoint=places)
        kept = models.told(variables, model.likelihood)
        question = Question(model, observations, (*notes, *note), exact)
        return conclude(self, question, kept, sampled.sample_stats, sampled.interrupted)

    def _gibbs(self, pm_model: pm.Model, model: Model, observations: Observations) -> Any:
        if self.switchpoints != "gibbs":
            return None
        from changepoint.engines.conditional import conditional
        from changepoint.sampling import models
        from changepoint.sampling.gibbs import SwitchpointGibbs

        family = model.likelihood
        names = ("switchpoint", *models.segment_names(family))
        blocks = [pm_model.rvs_to_values[pm_model[name]] for name in names]
        draws = conditional(model, observations)
        return SwitchpointGibbs(blocks, draws, family, model=pm_model)

    def sample(self, pm_model: pm.Model, steps: Any, begin: Any) -> Any:
        """Run the sampler with this engine's settings."""
        from changepoint.sampling import sampler

        return sampler.run(
            pm_model, steps, begin, draws=self.draws, tune=self.tune, chains=self.chains,
            cores=self.cores, seed=self.seed, nuts=self.nuts,
        )  # fmt: skip


def _one_family(model: Model, observations: Observations) -> tuple[Model, tuple[str, ...]]:
    """Return the model with one family, and a note if it was chosen from several here."""
    family = model.likelihood
    if family.candidates(observations) == (family,):
        return model, ()
    best = Exact(draws=4).run(model, observations).candidates[0]
    note = (
        f"MCMC uses the most probable of the families that {family.name!r} averages over, "
        f"{best.likelihood.title}, with probability {best.probability:.2f}"
    )
    return replace(model, likelihood=best.likelihood), (note,)


def _with_number(model: Model, observations: Observations) -> tuple[Model, tuple[str, ...]]:
    """Return the model with a known number of changes, and a note if it was chosen here."""
    from changepoint.sampling.models import with_number

    if model.changes.exactly is not None:
        return model, ()
    number = _beside(model).run(model, observations).number_probability
    k = int(number.argmax())
    times = "1 change" if k == 1 else f"{k} changes"
    note = (
        f"MCMC assumes exactly {times}, the most probable number by the exact engine under "
        f"{model.changes}, with probability {number[k]:.2f}; it says nothing of other numbers"
    )
    return with_number(model, k), (note,)


def _beside(model: Model) -> Exact:
    """Return the exact engine, with draws where it takes quantiles from them."""
    return Exact(draws=4 if isinstance(model.likelihood, GridLikelihood) else 4000)


def _exact(model: Model, observations: Observations) -> tuple[Result | None, tuple[str, ...]]:
    """Return the exact answer, or None and a note where the engine can't give one."""
    try:
        return _beside(model).run(model, observations), ()
    except (EngineError, ModelError) as error:
        return None, (f"there is no exact answer to compare with: {error}",)
