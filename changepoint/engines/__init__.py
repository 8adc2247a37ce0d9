"""Engines: how a posterior is computed. Their settings are their fields."""

from __future__ import annotations

from changepoint.engines.exact import Exact as Exact
from changepoint.errors import ModelError
from changepoint.model import Model, default_likelihood
from changepoint.observations import Observations
from changepoint.posterior import Posterior


def fit(
    model: Model | None, observations: Observations, engine: Exact | None = None
) -> Posterior:
    """Return the posterior of a model given data.

    The data are checked first: everything that the likelihood can't have produced is
    reported before anything is computed.

    Parameters
    ----------
    model
        A `Model`; None for the default likelihood of this kind of data.
    observations
        The data, T rows.
    engine
        How; `Exact()` by default.

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
        model = Model(default_likelihood(observations))
    if not isinstance(model, Model):
        raise ModelError(f"fit takes a Model, such as Model(BetaBinomial()), not {model!r}")
    if not isinstance(observations, Observations):
        raise ModelError(
            "fit takes Observations, from read_csv or from_frame, not "
            f"{type(observations).__name__}"
        )
    return (engine or Exact()).fit(model, observations)
