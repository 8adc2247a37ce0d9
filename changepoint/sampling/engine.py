"""The sampling engine: PyMC's NUTS with one of three ways to treat the switchpoints."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar

from changepoint.errors import EngineError, ModelError
from changepoint.exact.engine import Exact
from changepoint.likelihoods.grid import GridLikelihood
from changepoint.model import Model
from changepoint.observations import Observations
from changepoint.results.result import Result
from changepoint.sampling.settings import Settings

if TYPE_CHECKING:
    import pymc as pm


@dataclass(frozen=True)
class MCMC(Settings):
    """Sampling by PyMC, for a model of this package or one written by hand.

    The exact engine answers the same questions faster and without chains that may not
    converge; this one shows the model in PyMC, takes models of your own, and checks one engine
    by the other. It conditions on the number of changes: that of `Changes(exactly=)`, else the
    most probable one by the exact engine, which it says; of `likelihoods.Auto` on the most
    probable family, as of any average; and on each effect that may be absent being there, or
    not, by which is more probable.

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
          parameter and the coefficients of effects, by the exact engine's kernels, then NUTS on
          all that is continuous.
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
        If PyMC can't sample the model, or nutpie isn't installed where it is asked for.

    References
    ----------
    O. Abril-Pla et al. (2023), PeerJ Computer Science 9, e1516: PyMC.
    M. D. Hoffman, A. Gelman (2014), JMLR 15, 1593: NUTS.
    S. Chib (1998), J. Econometrics 86, 221: the block of all switchpoints.

    Examples
    --------
    >>> MCMC(switchpoints="gibbs").draws
    1000
    """

    name: ClassVar = "mcmc"
    exact: ClassVar = False

    def run(
        self, model: Model | pm.Model, observations: Observations, notes: tuple[str, ...] = ()
    ) -> Result:
        """Return draws from the posterior of a resolved model, or of one written by hand."""
        if self.nuts == "nutpie" and find_spec("nutpie") is None:
            raise EngineError(
                "this needs nutpie, which isn't installed: pip install "
                "'changepoint-toolkit[nutpie]'; or nuts='pymc'"
            )
        if not isinstance(model, Model):
            from changepoint.sampling.hand_written import fit_own

            return fit_own(self, model, observations)
        for known in (_one_family, _sure_of_effects, _with_number):
            model, chosen = known(model, observations)
            notes = (*notes, *chosen)
        return self._run(model, observations, notes)

    def _run(self, model: Model, observations: Observations, notes: tuple[str, ...]) -> Result:
        """Sample a resolved model whose number of changes is known."""
        from changepoint.sampling import sampler
        from changepoint.sampling.models import build
        from changepoint.sampling.models.sum_out import draw_switchpoints
        from changepoint.sampling.result import Question, to_result
        from changepoint.sampling.starts import starts

        summed, k = self.switchpoints == "sum-out", model.changes.exactly
        pm_model = build.build(
            model.likelihood, model.changes, observations, summed, model.effects
        )
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
        kept = build.told(variables, model.likelihood, model.effects)
        question = Question(model, observations, (*notes, *note), exact)
        return to_result(self, question, kept, sampled.sample_stats, sampled.interrupted)

    def _gibbs(self, pm_model: pm.Model, model: Model, observations: Observations) -> Any:
        if self.switchpoints != "gibbs":
            return None
        from changepoint.sampling.conditional import conditional
        from changepoint.sampling.gibbs import SwitchpointGibbs
        from changepoint.sampling.models import build

        family = model.likelihood
        names = ("switchpoint", *build.segment_names(family))
        blocks = [pm_model.rvs_to_values[pm_model[name]] for name in names]
        draws = conditional(model, observations)
        shared = *family.hyper_names, *(effect.title for effect in model.effects)
        return SwitchpointGibbs(blocks, draws, family, shared, model=pm_model)


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


def _sure_of_effects(model: Model, observations: Observations) -> tuple[Model, tuple[str, ...]]:
    """Return the model with effects that are there, and a note on each that may not be."""
    open_ones = [effect.title for effect in model.effects if effect.probability < 1]
    if not open_ones:
        return model, ()
    told = Exact(draws=4).run(model, observations).effects
    probability = {effect.name: effect.probability for effect in told}
    kept = [
        replace(effect, probability=1.0)
        for effect in model.effects
        if probability[effect.title] >= 0.5
    ]
    notes = [
        f"MCMC {'assumes' if probability[name] >= 0.5 else 'leaves out'} the effect {name!r}, "
        f"which is there with probability {probability[name]:.2f}"
        for name in open_ones
    ]
    return replace(model, effects=tuple(kept)), tuple(notes)


def _with_number(model: Model, observations: Observations) -> tuple[Model, tuple[str, ...]]:
    """Return the model with a known number of changes, and a note if it was chosen here."""
    from changepoint.sampling.models.build import with_number

    if model.changes.exactly is not None:
        return model, ()
    number = _beside(model).run(model, observations).number_probability
    k = int(number.argmax())
    times = "1 change" if k == 1 else f"{k} changes"
    note = (
        f"MCMC assumes exactly {times}, the most probable number by the exact engine under "
        f"{model.changes}, with probability {number[k]:.2f}; it says nothing of other numbers"
    )
    known = with_number(model.likelihood, model.changes, k)
    return replace(model, changes=known), (note,)


def _beside(model: Model) -> Exact:
    """Return the exact engine, with draws where it takes quantiles from them."""
    return Exact(draws=4 if isinstance(model.likelihood, GridLikelihood) else 4000)


def _exact(model: Model, observations: Observations) -> tuple[Result | None, tuple[str, ...]]:
    """Return the exact answer, or None and a note where the engine can't give one."""
    try:
        return _beside(model).run(model, observations), ()
    except (EngineError, ModelError) as error:
        return None, (f"there is no exact answer to compare with: {error}",)
