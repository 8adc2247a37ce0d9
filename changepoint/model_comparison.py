"""Which of several models explains the data best, and what each says of the changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from changepoint.errors import ModelError
from changepoint.exact.engine import Exact
from changepoint.fitting import fit
from changepoint.model import Model
from changepoint.observations import Observations
from changepoint.posterior import Posterior
from changepoint.reading.accepted import observations_of

if TYPE_CHECKING:
    import pandas as pd
    from narwhals.typing import IntoFrame


@dataclass(frozen=True)
class ModelComparison:
    """Posteriors of the same data under several models, in the order they were given."""

    posteriors: tuple[Posterior, ...]

    @property
    def probability(self) -> NDArray[np.float64]:
        """P(model | data), all being equally probable before, (n,)."""
        log_evidence = np.array([posterior.log_evidence for posterior in self.posteriors])
        weights = np.exp(log_evidence - log_evidence.max())
        p: NDArray[np.float64] = weights / weights.sum()
        return p

    @property
    def best(self) -> Posterior:
        """The posterior under the most probable model."""
        return self.posteriors[int(self.probability.argmax())]

    @property
    def labels(self) -> tuple[str, ...]:
        """The titles of the likelihoods; with the rest, or numbered, where they repeat."""
        short = [_title(posterior) for posterior in self.posteriors]
        long = [_title(posterior, full=True) for posterior in self.posteriors]
        often = Counter(short)
        told = [b if often[a] > 1 else a for a, b in zip(short, long, strict=True)]
        often = Counter(told)
        return tuple(
            f"{label} ({i})" if often[label] > 1 else label for i, label in enumerate(told, 1)
        )

    @property
    def table(self) -> pd.DataFrame:
        """A row per model, the most probable first: evidence, probability, changes."""
        import pandas as pd

        order = np.argsort(-self.probability, kind="stable")
        some = [self.posteriors[i] for i in order]
        index = pd.Index([self.labels[i] for i in order], name="model")
        columns = {
            "log_evidence": [posterior.log_evidence for posterior in some],
            "probability": self.probability[order],
            "probability_of_change": [posterior.probability_of_change for posterior in some],
            "number": [posterior.number for posterior in some],
            "changes": [_times(posterior) for posterior in some],
        }
        return pd.DataFrame(columns, index=index)

    def __str__(self) -> str:
        return self.table.to_string(float_format=lambda x: f"{x:.4g}")

    def _repr_html_(self) -> str:
        html: str = self.table.to_html(float_format=lambda x: f"{x:.4g}")
        return html


def _title(posterior: Posterior, full: bool = False) -> str:
    model = posterior.model
    assert isinstance(model, Model)  # no other has an evidence
    title = model.likelihood.title
    return ", ".join(map(str, (title, model.changes, *model.effects))) if full else title


def _times(posterior: Posterior) -> str:
    found = posterior.changes
    told = [str(c.time) for c in found[:5]]
    return ", ".join(told) + (f" and {len(found) - 5} more" if len(found) > 5 else "")


def compare_models(
    models: Iterable[Model],
    observations: Observations | IntoFrame,
    engine: Exact | None = None,
) -> ModelComparison:
    """Return the evidence of models of the same data, and what each says of the changes.

    P(model i | y) = p(y | model i) / sum_j p(y | model j): all are equally probable before.
    Their priors on parameters matter as much as their likelihoods.

    Parameters
    ----------
    models
        Two or more, which explain the same numbers: all counts, or all values.
    observations
        T rows, or a data frame, as for `fit`.
    engine
        `Exact()`, which alone gives the evidence.

    Raises
    ------
    ModelError
        If there are fewer than two models, or they explain different columns.
    SupportError
        If one of them can't have produced the data.

    References
    ----------
    R. E. Kass and A. E. Raftery (1995), J. American Statistical Association 90, 773.

    Examples
    --------
    >>> from changepoint import Model, likelihoods, read_csv
    >>> data = read_csv("data/coal_disasters.csv")
    >>> models = [Model(likelihoods.Poisson()), Model(likelihoods.NegativeBinomial())]
    >>> compare_models(models, data).table["probability"].round(2).to_dict()
    {'poisson': 0.69, 'negative-binomial': 0.31}
    """
    models = list(models) if isinstance(models, Iterable) else [models]
    if len(models) < 2 or not all(isinstance(model, Model) for model in models):
        raise ModelError(f"compare_models takes two or more Models, not {models!r}")
    responses = sorted({model.likelihood.response for model in models})
    if len(responses) > 1:
        raise ModelError(
            f"models of different columns can't be compared: these explain "
            f"{' and '.join(responses)}"
        )
    observations = observations_of(observations, "compare_models(models, observations)")
    engine = Exact() if engine is None else engine
    if not isinstance(engine, Exact):
        raise ModelError(
            f"only the engine Exact() gives the evidence of a model, not {engine!r}"
        )
    return ModelComparison(tuple(fit(model, observations, engine) for model in models))
