"""The answer as numbers: a thin reader around one DataTree in ArviZ's schema."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from copy import copy
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from changepoint.errors import PACKAGE, DataError, DataWarning
from changepoint.events import Event, Placed, events_of, place
from changepoint.hand_written import OwnLikelihood, OwnModel
from changepoint.likelihoods import Likelihood
from changepoint.likelihoods.links import shift
from changepoint.likelihoods.regression import rows_of
from changepoint.likelihoods.series import Nodes, Shifts
from changepoint.model import Model
from changepoint.observations import ROLES, Observations
from changepoint.results.effects import found, in_draws
from changepoint.results.events import EventFound, events_found
from changepoint.results.marginals import Marginals
from changepoint.results.reported import Change, changes
from changepoint.results.result import Draws, EffectFound, Jump, Result
from changepoint.results.summaries import MASS, inside_by_draws, of_any
from changepoint.results.sure_changes import SureChange, sure_changes, sure_windows
from changepoint.results.trajectories import (
    GROUPS,
    built,
    shared_names,
    stored_draws,
    trajectories,
)
from changepoint.results.tree import COVARIATE, hyper_draws, marginals, to_tree, told_of
from changepoint.time_window import rows_between

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

Floats = NDArray[np.float64]


class Answer:
    """What is known about the changes, as numbers: what figures, words and scores are made of.

    Parameters
    ----------
    source
        A DataTree that `save` wrote or an engine made; engines give arrays, which become a
        tree when it is first asked for.
    """

    def __init__(self, source: xr.DataTree | Result) -> None:
        self._source = source
        self._marked: tuple[Event, ...] | None = None  # those of a tree stand in it

    @cached_property
    def tree(self) -> xr.DataTree:
        """The DataTree: posterior, exact, observed_data, constant_data, and more.

        `az.summary`, `az.plot_trace_dist` and the rest of ArviZ take it as it is. Where the
        number of changes was left open, places and parameters of segments are in the group
        `given`, given the most probable number: `az.summary(posterior.tree, group="given")`.
        What is large and seldom needed is added by `build`.
        """
        tree = to_tree(self._source) if isinstance(self._source, Result) else self._source
        if self._marked is None:
            return tree
        marked = tree.copy()
        marked.attrs["events"] = json.dumps(self._marked)
        return marked

    @cached_property
    def model(self) -> Model | OwnModel:
        """The model with all its priors filled; a description of one written in PyMC."""
        if isinstance(self._source, Result):
            return self._source.model
        told = json.loads(self.tree.attrs["model"])
        own = told["likelihood"]["name"] == "pymc"
        return OwnModel.from_dict(told) if own else Model.from_dict(told)

    @cached_property
    def observations(self) -> Observations:
        """The data."""
        if isinstance(self._source, Result):
            return self._source.observations
        data, attrs = self.tree["constant_data"].dataset, self.tree.attrs
        columns: dict[str, Any] = {role: data[role].values for role in ROLES if role in data}
        if "outcomes" in data:
            columns["outcome_names"] = [str(name) for name in data["outcome"].values]
        return Observations(
            **columns,
            time=data["time"].values if attrs["has_time"] else None,
            covariates={
                str(data[name].attrs["column"]): data[name].values
                for name in data
                if str(name).startswith(f"{COVARIATE}[")
            },
            file=attrs["file"] or None,
            columns=json.loads(attrs["columns"]),
        )

    @property
    def engine(self) -> dict[str, Any]:
        """Which engine, its settings, seed and diagnostics."""
        if isinstance(self._source, Result):
            return self._source.engine
        told: dict[str, Any] = json.loads(self.tree.attrs["engine"])
        return told

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was noticed while reading, checking and fitting, and of the events."""
        if isinstance(self._source, Result):
            return (*self._source.warnings, *self.placed.notes)
        return (*json.loads(self.tree.attrs["warnings"]), *self.placed.notes)

    @property
    def log_evidence(self) -> float | None:
        """Log p(y | model), parameters and changes summed out; None if an engine has none."""
        return self.arrays.log_evidence

    @property
    def number_probability(self) -> Floats:
        """P(k changes), shape (K + 1,)."""
        return self.arrays.number_probability

    @property
    def number(self) -> int:
        """The most probable number of changes."""
        return int(self.number_probability.argmax())

    @property
    def probability_of_change(self) -> float:
        """P(any change)."""
        return of_any(self.number_probability)

    @property
    def change_probability(self) -> pd.Series:
        """P(a change stands at the row), by time, shape (T,)."""
        series: pd.Series = self.marginals["change_probability"].to_series()
        return series

    @property
    def marginals(self) -> xr.Dataset:
        """Probabilities of changes, the parameter by row and segment.

        The group `exact` of the tree; `sampled`, estimated from draws, under a sampler, which
        has the exact answer beside it where there is one.
        """
        if isinstance(self._source, Result):
            return self._marginals
        return self.tree["sampled" if "sampled" in self.tree.children else "exact"].dataset

    @cached_property
    def _marginals(self) -> xr.Dataset:
        assert isinstance(self._source, Result)  # a tree has them
        return marginals(self._source)

    @cached_property
    def arrays(self) -> Marginals:
        """The same as plain arrays, which takes no xarray."""
        if isinstance(self._source, Result):
            return Marginals.of(self._source)
        return Marginals.read(self.marginals, self.model.likelihood.parameter)

    @property
    def converged(self) -> bool:
        """Whether the draws can be trusted; always true of the exact engine."""
        return bool(self.engine["converged"])

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
        """Each row's own estimate of the parameter, likely effects taken out, (T,)."""
        family, by = self.model.likelihood, self._by
        if by is None or isinstance(family, OwnLikelihood):
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
        there: Floats = shift(family.domain, Nodes(level, 1 - level), by).theta
        return there

    @cached_property
    def _by(self) -> Floats | None:
        """How far likely effects shift each row on the scale of the link, (T,); None: not."""
        shifts, coefficients = self._shifts, self._coefficients
        if shifts is None or coefficients is None:
            return None
        likely = np.array([effect.likely for effect in self.effects])
        by: Floats = shifts.patterns @ (coefficients.mean(axis=0) * likely[shifts.effect])
        return by

    @cached_property
    def _shifts(self) -> Shifts | None:
        model = self.model
        return None if isinstance(model, OwnModel) else model.shifts(self.observations)

    @cached_property
    def _coefficients(self) -> Floats | None:
        """Draws of the coefficients of effects, (D, d), if there are any."""
        if self._shifts is None:
            return None
        if isinstance(self._source, Result):
            draws = self._source.draws
            return draws.hyper[:, draws.hyper.shape[1] - len(self._shifts.names) :]
        return hyper_draws(self.tree["posterior"].dataset, self._shifts.names)

    @cached_property
    def _candidates(self) -> list[dict[str, Any]]:
        """What a tree tells of the models that were averaged over."""
        if isinstance(self._source, Result):
            return told_of(self._source.candidates)
        told: list[dict[str, Any]] = json.loads(self.tree.attrs.get("candidates", "[]"))
        return told

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
    def likelihoods(self) -> tuple[Likelihood, ...]:
        """The family, priors filled; of an average all of them, the most probable first."""
        told = self._candidates
        if told:
            return tuple(_family(one["likelihood"]) for one in told)
        model = self.model
        return (model.likelihood,) if isinstance(model, Model) else ()

    @property
    def varied(self) -> Likelihood:
        """The family of `sensitivity`: of an average, the most probable that allows changes."""
        steady = [one["steady"] for one in self.models] or [False]
        allowing = zip(self.likelihoods, steady, strict=True)
        return next(family for family, never in allowing if not never)

    @cached_property
    def sensitivity(self) -> dict[float, float]:
        """P(any change) by how many times as strong the prior of the parameter is.

        Of the most probable model, where several were averaged over. A prior twice as strong
        is worth twice as many observations. Empty where the number of changes is given, for
        samplers, for priors without a strength (Uniform) and for more than 5,000 rows.
        """
        from changepoint.exact.prior_sensitivity import probability_by_strength

        model = self.model
        if (
            isinstance(model, OwnModel)
            or self.engine["name"] != "exact"
            or not self.likelihoods
        ):
            return {}
        allowing = (one for one in self.models if not one["steady"])
        # NaN of one that is too improbable to have been asked.
        p = next((one["probability_of_change"] for one in allowing), self.probability_of_change)
        varied = replace(model, likelihood=self.varied)
        return probability_by_strength(varied, self.observations, p)

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

    @property
    def _inside(self) -> Callable[[NDArray[np.bool_]], Floats]:
        """Gives P(some change stands in the set) for sets of rows, (S, T)."""
        return self._asked[0]

    @cached_property
    def _asked(
        self,
    ) -> tuple[Callable[[NDArray[np.bool_]], Floats], Callable[[int], Jump | None] | None]:
        """Gives the same; and from a row to what is known of a change there, if summed."""
        if isinstance(self._source, Result) and self._source.inside is not None:
            return self._source.inside, self._source.jump
        model, engine = self.model, self.engine
        if engine["name"] == "exact" and isinstance(model, Model):
            from changepoint.exact.engine import again

            draws = engine["settings"]["draws"]
            return again(model, self.observations, draws, engine["seed"])
        return partial(inside_by_draws, self._draws), None

    @cached_property
    def _draws(self) -> Draws:
        """Places and parameters of the segments of all draws."""
        if isinstance(self._source, Result):
            return self._source.draws
        return stored_draws(self.tree, self.model.likelihood.parameter)

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
            *self._asked,
            draws=lambda: self._draws,
            share=sum(allowed) / len(allowed),
            x=rows_of(self.observations),
        )

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

    @cached_property
    def likeliest(self) -> tuple[Model, Draws] | None:
        """The model with all that its rows are drawn from; of an average the most probable.

        None of a model written in PyMC.
        """
        model, source = self.model, self._source
        if isinstance(model, OwnModel):
            return None
        if len(model.likelihood.candidates(self.observations)) > 1:
            if isinstance(source, Result) and source.likeliest is not None:
                return source.likeliest()
            from changepoint.exact.engine import likeliest

            draws = self.engine["settings"]["draws"]
            return likeliest(model, self.observations, draws, self.engine["seed"])
        if isinstance(source, Result):
            return model, source.draws
        names = shared_names(model, self.observations)
        return model, stored_draws(self.tree, model.likelihood.parameter, names)

    def trajectories(self, draws: int | None = None) -> xr.Dataset:
        """Return draws by time: `changed` (int8) and parameters, (chain, draw, time).

        Parameters
        ----------
        draws
            How many of each chain's draws; all, when None. They are large: T numbers each.
        """
        return trajectories(self.tree, self.model.likelihood.parameter, draws)

    def build(self, *groups: str) -> xr.DataTree:
        """Add groups to the tree, unless they are there, and return it.

        Parameters
        ----------
        groups
            Of `log_likelihood`, `posterior_predictive` and `prior`.

        Raises
        ------
        DataError
            If there is no such group, or if the model is PyMC's and was not saved with the
            posterior.

        Examples
        --------
        `az.loo(posterior.build("log_likelihood"))`
        """
        for name in groups:
            if name not in GROUPS:
                raise DataError(f"can't build {name!r}; there are {', '.join(GROUPS)}")
            if name not in self.tree.children:
                self.tree[name] = self._built(name)
        return self.tree

    def _built(self, name: str) -> xr.Dataset:
        model = self.model
        if isinstance(model, Model):
            return built(name, self.tree, model, self.observations)
        from changepoint.sampling.groups import built_by_pymc

        pm_model = self._source.pm_model if isinstance(self._source, Result) else None
        return built_by_pymc(name, self.tree, pm_model)


def _family(told: dict[str, Any]) -> Likelihood:
    """Return the likelihood that `to_dict` told of."""
    return Model.from_dict({"likelihood": told, "changes": {}}).likelihood
