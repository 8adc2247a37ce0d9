"""A model: a likelihood with its priors, and a prior on the changes. It knows no data."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from changepoint import priors
from changepoint.changes import Changes
from changepoint.effects import Covariate, Effect, effect_of, seasons_of
from changepoint.errors import DataError, ModelError, Problem, SupportError
from changepoint.likelihoods import FAMILIES, Likelihood
from changepoint.likelihoods.grid import GridLikelihood
from changepoint.likelihoods.links import is_relative
from changepoint.likelihoods.series import Shifts
from changepoint.observations import ROLES, Observations
from changepoint.reading.accepted import observations_of
from changepoint.roles import BY_NAME, behind
from changepoint.support_problems import excluded, row_problems, series_problem, spell_out
from changepoint.time_problems import time_problems

if TYPE_CHECKING:
    import pymc as pm
    from narwhals.typing import IntoFrame

SHIFTABLE = [name for name, family in FAMILIES.items() if family().unshiftable == ""]
RELATIVE = 0.3  # sd of effects of rates a priori: a day of the week is some 30 % off


@dataclass(frozen=True)
class Model:
    """What is assumed before the data are seen.

    Parameters
    ----------
    likelihood
        A family of `changepoint.likelihoods`, priors filled or not.
    changes
        The prior on the number and the places of changes.
    effects
        What shifts every row, whatever its segment: of `changepoint.effects`, each of a kind
        at most once.

    Raises
    ------
    ModelError
        If the parts aren't a likelihood, a `Changes` and effects.

    Examples
    --------
    >>> from changepoint import Changes, Model, likelihoods, priors
    >>> print(Model(likelihoods.Binomial(rate=priors.Beta(2, 200)), Changes(exactly=1)))
    Binomial(rate=Beta(alpha=2, beta=200)), Changes(exactly=1, min_length=1)
    """

    likelihood: Likelihood
    changes: Changes = field(default_factory=Changes)
    effects: tuple[Effect, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.likelihood, type) and issubclass(self.likelihood, Likelihood):
            object.__setattr__(self, "likelihood", self.likelihood())
        if not isinstance(self.likelihood, Likelihood):
            raise ModelError(
                f"likelihood must be one of changepoint.likelihoods, such as "
                f"likelihoods.BetaBinomial(), not {self.likelihood!r}"
            )
        if not isinstance(self.changes, Changes):
            raise ModelError(f"changes must be a Changes, not {self.changes!r}")
        if isinstance(self.effects, Effect) or not isinstance(self.effects, Sequence):
            raise ModelError(f"effects must be a list of them, not {self.effects!r}")
        object.__setattr__(self, "effects", tuple(self.effects))
        if self.effects:
            self._check_effects()

    def _check_effects(self) -> None:
        for effect in self.effects:
            if not isinstance(effect, Effect):
                raise ModelError(f"effects must be of changepoint.effects, not {effect!r}")
        titles = [effect.title for effect in self.effects]
        if len(set(titles)) < len(titles):
            raise ModelError(f"an effect is given twice: {', '.join(titles)}")
        for effect in self.effects:
            if effect.alone is not None:
                self._check_alone(effect, effect.alone)
        family, instead = self.likelihood, f"choose one of {', '.join(SHIFTABLE)}"
        if family.unshiftable == "":
            return
        if family.unshiftable is not None:
            instead = f"{family.unshiftable}, or {instead}"
        raise ModelError(
            f"the likelihood {family.name!r} can't have effects, which shift the level of a "
            f"row; {instead}"
        )

    def _check_alone(self, effect: Effect, instead: str) -> None:
        family, others = self.likelihood, [e.title for e in self.effects if e is not effect]
        if others:
            raise ModelError(
                f"the effect {effect.name!r} can't be combined with others, and there is "
                f"{', '.join(others)}: leave one of them out (patterns: --season none)"
            )
        if not isinstance(family, GridLikelihood) or not is_relative(family.domain):
            raise ModelError(
                f"the effect {effect.name!r} is of rates and counts, and {family.name!r} isn't "
                f"a likelihood of these: measurements have the likelihood {instead!r} instead"
            )

    def __str__(self) -> str:
        return ", ".join(str(part) for part in (self.likelihood, self.changes, *self.effects))

    def resolve(self, observations: Observations | IntoFrame) -> Model:
        """Return the model with every prior that was left out filled from the data."""
        observations = observations_of(observations, "Model.resolve(observations)")
        family = self.likelihood.resolve(observations)
        scale = RELATIVE
        if not is_relative(family.shifted_domain):
            scale = float(np.nanstd(observations.column(family.response)))
        effects = tuple(effect.resolve(scale) for effect in self.effects)
        return replace(self, likelihood=family, effects=effects)

    def shifts(self, observations: Observations) -> Shifts | None:
        """Return how the effects of a resolved model shift the rows, (T, d); None of none."""
        if not self.effects:
            return None
        family = self.likelihood
        designs = [effect.design_under(family, observations) for effect in self.effects]
        sizes = [one.rows.shape[1] for one in designs]
        return Shifts(
            np.concatenate([one.rows for one in designs], axis=1),
            np.repeat([float(effect.sigma or math.nan) for effect in self.effects], sizes),
            tuple(chain.from_iterable(map(Effect.coefficients, self.effects, sizes))),
            np.repeat(np.arange(len(sizes)), sizes),
            designs[0].pulls,
            self.effects[0].hyper,
        )

    def check(self, observations: Observations | IntoFrame) -> tuple[str, ...]:
        """Check the data row by row against the likelihood, its priors and the changes.

        Parameters
        ----------
        observations
            T rows, or a data frame, as for `fit`.

        Returns
        -------
        tuple of str
            Warnings: what is possible, but unlike this model.

        Raises
        ------
        SupportError
            With a table of everything that is impossible.
        DataError
            If a column that the likelihood needs is absent.
        """
        observations = observations_of(observations, "Model.check(observations)")
        family = self.likelihood
        absent = self.absent(observations)
        if absent:
            present = " and ".join(r for r in ROLES if getattr(observations, r) is not None)
            raise DataError(
                f"the likelihood {family.name!r} needs {' and '.join(family.needs)}; the data "
                f"have {present}. Name the columns ({', '.join(f'--{r}' for r in absent)}), or "
                "choose another likelihood"
            )
        problems = [*self._length_problems(observations), *time_problems(observations)]
        with np.errstate(invalid="ignore"):
            problems += row_problems(family, observations)
            for fault in () if problems else family.faults(observations):
                problems += spell_out(fault, observations)
            if not problems:
                resolved = self.resolve(observations).likelihood
                if isinstance(resolved, GridLikelihood):
                    for fault in excluded(resolved, observations, bool(self.effects)):
                        problems += spell_out(fault, observations)
        if problems:
            count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
            raise SupportError(f"{count} with the data under {family.name!r}:", problems)
        self.shifts(observations)  # says what effects lack
        effects = (effect.cautions(observations) for effect in self.effects)
        return (
            *family.cautions(observations),
            *chain.from_iterable(effects),
            *self._unused(observations),
        )

    def _unused(self, observations: Observations) -> Iterator[str]:
        family = self.likelihood
        for role in behind("count"):
            numbers = getattr(observations, role)
            if numbers is None or role in (*family.needs, *family.uses):
                continue
            if not np.any(numbers[~np.isnan(numbers)] != 1):
                continue  # single trials say no more than the response does
            name = observations.columns.get(role, role)
            counts = ""
            if family.response == "rate":
                counts = ": given as counts (rate times trials), larger rows would weigh more"
            yield f"column {name!r} ({role}) is not used by {family.name!r}{counts}"
        used = {effect.column for effect in self.effects if isinstance(effect, Covariate)}
        for name in observations.covariates:
            if name not in used:
                yield (
                    f"the covariate {name!r} isn't used: the model has no effect of it "
                    f"(effects.Covariate({name!r}))"
                )

    def absent(self, observations: Observations) -> list[str]:
        """Return the roles that the likelihood needs and the data don't have."""
        return [r for r in self.likelihood.needs if getattr(observations, r) is None]

    def _length_problems(self, observations: Observations) -> Iterator[Problem]:
        T, needed = len(observations), self.changes.rows_needed
        if T == 0 or not observations.observed(self.likelihood.response).any():
            yield series_problem(
                observations, f"no row has a {self.likelihood.response}", "Check the column."
            )
        elif T < needed:
            rows = "1 row" if T == 1 else f"{T} rows"
            yield series_problem(
                observations,
                f"{rows}, but {self.changes} needs at least {needed}",
                f"Use more rows{self.changes.asking_less}.",
            )

    def to_pymc(
        self, observations: Observations | IntoFrame, exactly: int | None = None
    ) -> pm.Model:
        """Return the same model for PyMC: to look at, to change, to sample.

        Its variables: `switchpoint` (change), integer, the first row of each new segment, every
        placement alike; the parameter (segment); the shared parameter, if there is one; `y`
        (time), the observed rows. Segments of lines, and those with a noise of their own, have
        `variance`, whose root is `noise_sd`, `level` and `slope`; a line's level is that at the
        middle of its segment's time, and `start` its value at the first row. Each effect has a
        vector of coefficients under its name, such as `weekday`. Priors that were left out are
        filled from the data.

        Parameters
        ----------
        observations
            T rows, or a data frame, which are checked; the observed ones enter, as `pm.Data`.
        exactly
            The number of changes; by default that of `Changes(exactly=)`.

        Raises
        ------
        SupportError
            With a table of everything that is impossible.
        EngineError
            If the number of changes is left open, the likelihood is an average over several, or
            an effect may be absent.

        Examples
        --------
        >>> from changepoint import Changes, Model, Observations, likelihoods
        >>> data = Observations(count=[1, 0, 2, 1, 7, 9, 6, 8], trials=[500] * 8)
        >>> pm_model = Model(likelihoods.Binomial()).to_pymc(data, exactly=1)
        >>> [variable.name for variable in pm_model.basic_RVs]
        ['rate', 'switchpoint', 'y']
        """
        from changepoint.sampling.models import build

        observations = observations_of(observations, "Model.to_pymc(observations)")
        known = build.with_number(self.likelihood, self.changes, exactly)
        model = replace(self, changes=known)
        model.check(observations)
        full = model.resolve(observations)
        return build.build(full.likelihood, known, observations, effects=full.effects)

    def to_dict(self) -> dict[str, Any]:
        """Return likelihood, priors and changes, ready for JSON."""
        told = {"likelihood": self.likelihood.to_dict(), "changes": self.changes.to_dict()}
        effects = [effect.to_dict() for effect in self.effects]
        return {**told, "effects": effects} if effects else told

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Model:
        """Return the model that `to_dict` told of."""
        fields = dict(told["likelihood"])
        family = FAMILIES[fields.pop("name")]
        filled = {
            name: _prior(entry) if isinstance(entry, dict) else entry
            for name, entry in fields.items()
        }
        return cls(
            family(**filled),
            Changes(**told["changes"]),
            tuple(map(effect_of, told.get("effects", ()))),
        )


def default_likelihood(observations: Observations) -> Likelihood:
    """Return the family for data of this kind, priors not filled.

    Count and trials: BetaBinomial; count: NegativeBinomial, Bernoulli where it is 0 and 1;
    rate: Beta; value: Auto, an average over families; outcomes: Multinomial.
    """
    response = observations.response
    if observations.single_trials:
        return FAMILIES["bernoulli"]()
    present = [r for r in behind(response) if getattr(observations, r) is not None]
    defaults = [BY_NAME[role].default for role in (*present, response)]
    return next(FAMILIES[name]() for name in defaults if name is not None)


LASTING = 5  # rows that a segment of measurements lasts, by default


def default_model(
    observations: Observations,
    family: Likelihood | None = None,
    effects: Sequence[Effect] = (),
    seasons: Sequence[str] = (),
    **changes: Any,
) -> Model:
    """Return the model for data of this kind, priors not filled.

    The default likelihood, or `family`, with `Changes(**changes)` and effects. Among them are
    seasons by name (see `effects.SEASONS`; none); by default those that data of these times
    may have. Under Auto measurements, whose spikes would else be segments of their own, change
    for at least 5 rows, or a quarter of a short series, unless `min_length` is given.
    """
    family = default_likelihood(observations) if family is None else family
    if family.name == "auto":
        fits = [LASTING, len(observations) // 4]
        if changes.get("every") is not None:
            fits.append(math.ceil(changes["every"]) - 1)
        if changes.get("exactly"):
            fits.append(len(observations) // (changes["exactly"] + 1))
        changes = {"min_length": max(min(fits), 1), **changes}
    looked_at = observations if family.name in SHIFTABLE else None
    if not seasons and any(effect.alone is not None for effect in effects):
        looked_at = None  # beside what is combined with nothing
    return Model(family, Changes(**changes), (*seasons_of(seasons, looked_at), *effects))


def _prior(told: Mapping[str, Any]) -> priors.Prior:
    parameters = dict(told)
    prior: priors.Prior = getattr(priors, parameters.pop("name"))(**parameters)
    return prior
