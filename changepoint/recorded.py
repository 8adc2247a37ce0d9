"""What an engine or a stored tree holds of an answer, read alike."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from changepoint.errors import DataError
from changepoint.events import Event
from changepoint.hand_written import OwnModel
from changepoint.likelihoods import Likelihood
from changepoint.likelihoods.series import Shifts
from changepoint.model import Model
from changepoint.observations import ROLES, Observations
from changepoint.results.marginals import Marginals
from changepoint.results.result import Draws, Result
from changepoint.results.summaries import inside_by_draws, of_any
from changepoint.results.trajectories import (
    GROUPS,
    built,
    shared_names,
    stored_draws,
    trajectories,
)
from changepoint.results.tree import COVARIATE, hyper_draws, marginals, to_tree, told_of

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

Floats = NDArray[np.float64]


class Recorded:
    """What is read off the source of an answer: model, data, engine, arrays, draws, tree.

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
            zone=attrs.get("zone", ""),
        )

    @property
    def engine(self) -> dict[str, Any]:
        """Which engine, its settings, seed and diagnostics."""
        if isinstance(self._source, Result):
            return self._source.engine
        told: dict[str, Any] = json.loads(self.tree.attrs["engine"])
        return told

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
    def likelihoods(self) -> tuple[Likelihood, ...]:
        """The family, priors filled; of an average all of them, the most probable first."""
        told = self._candidates
        if told:
            return tuple(_family(one["likelihood"]) for one in told)
        model = self.model
        return (model.likelihood,) if isinstance(model, Model) else ()

    @cached_property
    def _result(self) -> Result | None:
        """What the engine gave: of a tree that the exact one made, solved again."""
        model, engine = self.model, self.engine
        if isinstance(self._source, Result):
            return self._source
        if engine["name"] != "exact" or isinstance(model, OwnModel):
            return None
        from changepoint.exact.engine import Exact

        again = Exact(draws=engine["settings"]["draws"], seed=engine["seed"])
        return again.run(model, self.observations)

    @property
    def _inside(self) -> Callable[[NDArray[np.bool_]], Floats]:
        """Gives P(some change stands in the set) for sets of rows, (S, T)."""
        known = None if self._result is None else self._result.inside
        return known or partial(inside_by_draws, self._draws)

    @cached_property
    def _draws(self) -> Draws:
        """Places and parameters of the segments of all draws."""
        if isinstance(self._source, Result):
            return self._source.draws
        return stored_draws(self.tree, self.model.likelihood.parameter)

    @cached_property
    def likeliest(self) -> tuple[Model, Draws] | None:
        """The model with all that its rows are drawn from; of an average the most probable.

        None of a model written in PyMC.
        """
        model, source = self.model, self._source
        if isinstance(model, OwnModel):
            return None
        if len(model.likelihood.candidates(self.observations)) > 1:
            assert self._result is not None  # no other engine averages
            assert self._result.likeliest is not None
            return self._result.likeliest()
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
