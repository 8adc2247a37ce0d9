"""`fit`: the model checked and its priors filled, an engine run, its result wrapped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changepoint.errors import ModelError
from changepoint.exact.engine import Exact
from changepoint.model import Model, default_model
from changepoint.observations import Observations
from changepoint.posterior import Posterior
from changepoint.results.result import Engine

if TYPE_CHECKING:
    import pymc as pm


def fit(
    model: Model | pm.Model | None,
    observations: Observations,
    engine: Engine | None = None,
) -> Posterior:
    """Return the posterior of a model given data.

    The data are checked first: everything that the likelihood can't have produced is
    reported before anything is computed.

    Parameters
    ----------
    model
        A `Model`; None for the default model of this kind of data. With the engine MCMC
        also a PyMC model of your own, whose integer variable `switchpoint` has the dim
        `change` and whose segment variables have the dim `segment`.
    observations
        The data, T rows.
    engine
        How: `Exact()`, the default, or `MCMC()`.

    Raises
    ------
    SupportError
        With a table of the rows that the likelihood or its prior rules out.
    ModelError, EngineError
        If parts don't fit together.

    Examples
    --------
    >>> from changepoint import Model, Observations, fit, likelihoods
    >>> data = Observations(count=[1, 0, 2, 1, 7, 9, 6, 8], trials=[500] * 8)
    >>> fit(Model(likelihoods.Binomial()), data).number
    1
    """
    if model is None:
        model = default_model(observations)
    if not isinstance(observations, Observations):
        raise ModelError(
            "fit takes Observations, from read_csv or from_frame, not "
            f"{type(observations).__name__}"
        )
    engine = Exact() if engine is None else engine
    if isinstance(engine, type) or not isinstance(engine, Engine):
        raise ModelError(f"the engine must be Exact() or MCMC(), not {engine!r}")
    if isinstance(model, Model):
        notes = model.check(observations)
        return Posterior(engine.run(model.resolve(observations), observations, notes))
    if engine.exact:
        raise ModelError(
            f"fit takes a Model, such as Model(BetaBinomial()), not {model!r}; a PyMC model "
            "needs the engine MCMC()"
        )
    return Posterior(engine.run(model, observations))
