"""`fit`: the model checked and its priors filled, an engine run, its result wrapped."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from changepoint.errors import ModelError
from changepoint.events import events_of, place
from changepoint.exact.engine import Exact
from changepoint.likelihoods import Likelihood
from changepoint.model import Model, default_model
from changepoint.observations import Observations
from changepoint.posterior import Posterior
from changepoint.reading.accepted import is_data, named, observations_of
from changepoint.results.result import Engine

if TYPE_CHECKING:
    import pymc as pm
    from narwhals.typing import IntoFrame

CALL = "fit(model, observations)"
NUMBERS = (str, os.PathLike, Mapping, Sequence, np.ndarray)  # what people hold data in


def fit(
    model: Model | pm.Model | Observations | IntoFrame | None = None,
    observations: Observations | IntoFrame | None = None,
    engine: Engine | None = None,
    events: Any = (),
) -> Posterior:
    """Return the posterior of a model given data.

    The data are checked first: everything that the likelihood can't have produced is
    reported before anything is computed.

    Parameters
    ----------
    model
        A `Model`; None, or the data in its place, for the default model of this kind of data.
        With the engine MCMC also a PyMC model of your own: its integer variable with the dim
        `change` holds the switchpoints, and what segments have is of the dim `segment`.
    observations
        The data, T rows; or a data frame, whose columns find their roles by name, as in
        `from_frame`.
    engine
        How: `Exact()`, the default, or `MCMC()`.
    events
        Times with labels, such as `{"2024-09-12": "launch"}`, which change no number of the
        answer; see `Posterior.with_events`.

    Raises
    ------
    SupportError
        With a table of the rows that the likelihood or its prior rules out.
    DataError
        If these are no data, or a frame's columns have no roles.
    ModelError, EngineError
        If parts don't fit together.

    Examples
    --------
    >>> from changepoint import Model, Observations, fit, likelihoods
    >>> data = Observations(count=[1, 0, 2, 1, 7, 9, 6, 8], trials=[500] * 8)
    >>> fit(Model(likelihoods.Binomial()), data).number
    1

    The default model, of a data frame:

    >>> import pandas
    >>> fit(pandas.read_csv("data/conversions.csv")).model.likelihood.title
    'beta-binomial'
    """
    chosen, data = _in_order(model, observations)
    marked = events_of(events)
    place(marked, data)  # which may be an error
    engine = Exact() if engine is None else engine
    if isinstance(engine, type) or not isinstance(engine, Engine):
        raise ModelError(f"{CALL}: the engine must be Exact() or MCMC(), not {engine!r}")
    if chosen is None:
        chosen = default_model(data)
    if isinstance(chosen, Model):
        notes = chosen.check(data)
        posterior = Posterior(engine.run(chosen.resolve(data), data, notes))
    elif engine.exact:
        raise ModelError(_no_model(chosen))
    else:
        posterior = Posterior(engine.run(chosen, data))
    return posterior.with_events(marked) if marked else posterior


def _in_order(model: Any, observations: Any) -> tuple[Any, Observations]:
    """Return the model, None where the data stand in its place, and the data."""
    if not is_data(model):
        if observations is None and isinstance(model, NUMBERS):  # no model, and no data
            observations = model
        return model, observations_of(observations, CALL)
    if observations is None:
        return None, observations_of(model, CALL)
    remedy = "leave the model out, fit(observations), or give None"
    if isinstance(observations, Model):
        remedy = "exchange the two"
    elif isinstance(observations, Engine):
        remedy = "name the engine, fit(observations, engine=...)"
    raise ModelError(
        f"{CALL}: model must be a Model or None, not data ({named(model)}): {remedy}"
    )


def _no_model(model: Any) -> str:
    """Say why this can't be fitted by the exact engine."""
    wrong = f"{CALL}: model must be a Model, such as Model(likelihoods.BetaBinomial()), or None"
    if isinstance(model, Likelihood):
        return f"{wrong}, not a likelihood alone: Model({model})"
    return f"{wrong}, not {named(model)}; a PyMC model needs the engine MCMC()"
