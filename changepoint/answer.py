"""The answer as numbers: what is told of what an engine found."""

from __future__ import annotations

import json
import warnings
from copy import copy
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from changepoint.errors import PACKAGE, DataError, DataWarning
from changepoint.events import Event, Placed, events_of, place
from changepoint.hand_written import OwnLikelihood, OwnModel
from changepoint.likelihoods import Likelihood
from changepoint.likelihoods.links import shift
from changepoint.likelihoods.regression import rows_of
from changepoint.likelihoods.series import Nodes
from changepoint.model import Model
from changepoint.recorded import Recorded
from changepoint.results.effects import found, in_draws
from changepoint.results.events import EventFound, events_found
from changepoint.results.reported import Change, changes
from changepoint.results.result import EffectFound, Result, Sensitivity
from changepoint.results.spikes import Spike, spikes
from changepoint.results.summaries import MASS
from changepoint.results.sure_changes import SureChange, sure_changes, sure_windows
from changepoint.time_window import rows_between

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


class Answer(Recorded):
    """What is known about the changes, as numbers: what figures, words and scores are made of.

    Parameters
    ----------
    source
        A DataTree that `save` wrote or an engine made; engines give arrays, which become a
        tree when it is first asked for.
    """

    per: float | None = None  # what `Posterior.told_per` asked for; None: by their size

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was noticed while reading, checking and fitting, and of the events."""
        if isinstance(self._source, Result):
            return (*self._source.warnings, *self.placed.notes)
        return (*json.loads(self.tree.attrs["warnings"]), *self.placed.notes)

    @cached_property
    def effects(self) -> tuple[EffectFound, ...]:
        """What shifts every row, whatever its segment: a mean and an interval of each term."""
        if isinstance(self._source, Result):
            known = self._source.effects
        else:
            told = json.loads(self.tree.attrs.get("effects", "[]"))
            known = tuple(map(EffectFound.from_dict, told))
        coefficients = self._coefficients
        if known or coefficients is None:
            return known
        assert isinstance(self.model, Model)  # no other has any
        return found(self.model, self.observations, in_draws(coefficients))

    @cached_property
    def estimates(self) -> Floats:
        """Each row's own estimate of the parameter, likely effects taken out, (T,).

        Where rows remember the one before, that stays: it is of the rows, not of the level.
        """
        family, by = self.model.likelihood, self._by
        if by is None or self._kept is not None or isinstance(family, OwnLikelihood):
            return family.estimates(self.observations)
        return family.estimates_without(self.observations, by)

    @cached_property
    def fitted(self) -> Floats:
        """The mean of the parameter in each row, at the mean of its likely effects, (T,)."""
        level: Floats = self.arrays.rows[0]
        family, by = self.model.likelihood, self._by
        if by is None or isinstance(family, OwnLikelihood):
            return level
        if family.domain != family.shifted_domain:  # what effects shift is not the parameter
            return level
        there: Floats = shift(family.domain, Nodes(level, 1 - level), by, self._kept).theta
        return there

    @cached_property
    def _by(self) -> Floats | None:
        """How far likely effects shift each row on the scale of the link, (T,); None: not."""
        beta = self._likely_coefficients
        if beta is None or self._shifts is None:
            return None
        by: Floats = self._shifts.patterns @ beta
        return by

    @cached_property
    def _kept(self) -> Floats | None:
        """The share of each row's level that likely effects leave to it, (T,); None: all."""
        beta = self._likely_coefficients
        return None if beta is None or self._shifts is None else self._shifts.kept(beta)

    @cached_property
    def _likely_coefficients(self) -> Floats | None:
        """The means of the coefficients of likely effects, 0 of others, (d,); None: none."""
        shifts, coefficients = self._shifts, self._coefficients
        if shifts is None or coefficients is None:
            return None
        likely = np.array([effect.likely for effect in self.effects])
        beta: Floats = coefficients.mean(axis=0) * likely[shifts.effect]
        return beta

    @property
    def candidates(self) -> pd.DataFrame:
        """The models that were averaged over, the most probable first; empty for one model.

        Evidence, posterior probability, P(any change), most probable number of changes (NaN
        and -1 where a model's own probability is below one in a million), whether it allows no
        change at all, and priors.
        """
        import pandas as pd

        names = ("log_evidence", "probability", "probability_of_change", "number", "steady")
        columns = {name: [one[name] for one in self.models] for name in (*names, "priors")}
        index = pd.Index([one["model"] for one in self.models], name="model")
        return pd.DataFrame(columns, index=index)

    @cached_property
    def models(self) -> list[dict[str, Any]]:
        """The rows of `candidates` as plain numbers and text, which takes no pandas."""
        found = []
        for one, family in zip(self._candidates, self.likelihoods, strict=False):
            known = {name: number for name, number in one.items() if name != "likelihood"}
            found.append({"model": family.title, **known, "priors": str(family)})
        return found

    @property
    def varied(self) -> Likelihood:
        """The family of `sensitivity`: of an average, the most probable that allows changes."""
        steady = [one["steady"] for one in self.models] or [False]
        allowing = zip(self.likelihoods, steady, strict=True)
        return next(family for family, never in allowing if not never)

    @property
    def sensitivity(self) -> dict[float, float]:
        """P(any change) by how many times as strong the prior of the parameter is.

        Of the most probable model, where several were averaged over. A prior twice as strong
        is worth twice as many observations. Empty where the number of changes is given, for
        samplers, for priors without a strength (Uniform) and for more than 5,000 rows.
        """
        return self._sensitivity.strength

    @property
    def hyper_sensitivity(self) -> dict[float, float]:
        """P(any change) by how many times as large the hyperparameter is expected a priori.

        Of a dispersion its excess over 1, of measurements their noise, of rates their
        concentration: its prior is moved so far on the scale of logarithms. Empty as
        `sensitivity` is, for families without one, and for those not on a grid.
        """
        return self._sensitivity.size

    @cached_property
    def _sensitivity(self) -> Sensitivity:
        from changepoint.exact.prior_sensitivity import UNKNOWN
        from changepoint.exact.sensitivity_again import of_model

        model = self.model
        if (
            isinstance(model, OwnModel)
            or self.engine["name"] != "exact"
            or not self.likelihoods
        ):
            return UNKNOWN
        if self._result is not None and self._result.sensitivity is not None:
            return self._result.sensitivity()
        allowing = (one for one in self.models if not one["steady"])
        # NaN of one that is too improbable to have been asked.
        p = next((one["probability_of_change"] for one in allowing), self.probability_of_change)
        return of_model(replace(model, likelihood=self.varied), self.observations, p)

    @cached_property
    def changes(self) -> list[Change]:
        """The changes, given their most probable number, in order of time."""
        return changes(
            lambda: self.tree,
            self.arrays,
            self.number,
            self.model.likelihood,
            self.observations,
            averaged=len(self.likelihoods) > 1,
        )

    def probability_between(self, first: Any, last: Any) -> float:
        """Return P(some change stands between two times, both included).

        Exact where the engine is; from the draws otherwise. A row is never divided: where a
        window begins inside of one, that row belongs to it, and a warning says so.

        Parameters
        ----------
        first, last
            Dates, numbers, or rows where the data have no times; both included, a day or a
            month as a whole.

        Raises
        ------
        DataError
            If these aren't times, if the last is before the first, or if there are no rows
            between them.
        """
        rows, note = rows_between(self.observations, first, last)
        if note:
            warnings.warn(note, DataWarning, skip_file_prefixes=(PACKAGE,))
        return max(0.0, float(self._inside(rows[None])[0]))  # not -0.0

    def with_events(self, events: Any) -> Self:
        """Return this answer with events that may have changed something, such as a launch.

        They change no number of it. Figures, pages, words and JSON then tell of each how
        probable a change is near it, see `events`; what lies outside the data is left out, and
        a warning says so.

        Parameters
        ----------
        events
            Times with labels, such as `{"2024-09-12": "launch"}`; or a list of times, or of
            such pairs.

        Raises
        ------
        DataError
            If times can't be read, or none of them is inside the data.

        Examples
        --------
        >>> from changepoint import fit, read_csv
        >>> posterior = fit(read_csv("data/conversions.csv"))
        >>> launch = posterior.with_events({"2025-04-17": "launch"}).events[0]
        >>> launch.times, round(launch.probability, 2), round(launch.chance, 2)
        (('2025-04-14', '2025-04-20'), 0.26, 0.03)
        """
        other = copy(self)
        other._marked = events_of(events)
        for name in ("tree", "placed", "events"):
            other.__dict__.pop(name, None)
        for note in place(other._marked, self.observations).notes:
            warnings.warn(note, DataWarning, skip_file_prefixes=(PACKAGE,))
        return other

    @cached_property
    def placed(self) -> Placed:
        """Events inside the data, their rows, and what to say of the others."""
        marked = self._marked
        if marked is None:
            told = (
                "[]"
                if isinstance(self._source, Result)
                else self.tree.attrs.get("events", "[]")
            )
            marked = tuple(Event(*event) for event in json.loads(told))
        return place(marked, self.observations) if marked else Placed()

    @cached_property
    def events(self) -> tuple[EventFound, ...]:
        """How probable a change is near each event, and what one exactly there would have done.

        Beside what chance would give: the prior probability of a change in as many rows there.
        """
        if not self.placed.events:
            return ()
        allowed = [not one["steady"] for one in self.models] or [True]
        return events_found(
            self.placed,
            self.model,
            self.observations,
            self._inside,
            None if self._result is None else self._result.jump,
            draws=lambda: self._draws,
            share=sum(allowed) / len(allowed),
            x=rows_of(self.observations),
        )

    @cached_property
    def spikes(self) -> tuple[Spike, ...]:
        """The rows that are rather spikes than not, under a family that allows for them."""
        if self.likeliest is None:
            return ()
        model, draws = self.likeliest
        return spikes(draws, model, self.observations)

    def sure_changes(self, mass: float = MASS) -> list[SureChange]:
        """Return disjoint windows of rows each of which holds a change, in order of time.

        With at least this probability each, whatever the number of changes, which may be far
        from known; between them nowhere holds one with as much. The shortest window comes
        first, then what lies on both sides of it, and so on.

        Probabilities are exact where the engine is; where there are many rows and windows, up
        to what draws say of two changes in one of these.

        Parameters
        ----------
        mass
            Between 0 and 1.

        Raises
        ------
        DataError
            If it isn't.

        Examples
        --------
        >>> from changepoint import Model, fit, likelihoods, read_csv
        >>> posterior = fit(Model(likelihoods.Poisson()), read_csv("data/coal_disasters.csv"))
        >>> [(one.times, round(one.probability, 2)) for one in posterior.sure_changes()]
        [((1887, 1897), 0.97)]
        """
        if not 0 < mass < 1:
            raise DataError(f"mass is a probability between 0 and 1, not {mass!r}")
        told, observations = self.arrays, self.observations
        p, draws = told.change_probability, self._draws
        windows = sure_windows(p, draws, self._inside, mass)
        family, x = self.model.likelihood, rows_of(observations)
        positive = family.domain[0] >= 0
        return sure_changes(windows, p, told.rows, draws, observations, positive, x)
