"""Which likelihoods can explain a table, and which one to use."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from changepoint.errors import DataError
from changepoint.likelihoods import FAMILIES, Poisson
from changepoint.model import Model, default_likelihood
from changepoint.observations import Observations

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Verdict:
    """Whether one likelihood fits: `error` says why not, `cautions` what to know if it does.

    `absent` names the roles that it needs and the data don't have.
    """

    likelihood: str
    absent: tuple[str, ...] = ()
    error: DataError | None = None
    cautions: tuple[str, ...] = ()

    @property
    def fits(self) -> bool:
        """Whether the likelihood can have produced the data."""
        return self.error is None and not self.absent


def verdicts(observations: Observations) -> list[Verdict]:
    """Return a verdict for every family."""
    found = []
    observations = replace(observations, covariates={})  # a likelihood alone uses none
    for name, family in FAMILIES.items():
        model = Model(family())
        try:
            cautions = () if model.absent(observations) else model.check(observations)
            found.append(Verdict(name, tuple(model.absent(observations)), None, cautions))
        except DataError as error:
            found.append(Verdict(name, error=error))
    return found


FEW = 0.1  # of the rows with a response: these may be mistakes, more are another kind of data


def to_mend(observations: Observations, found: list[Verdict]) -> Verdict | None:
    """Return the verdict on the usual family, if a few rows are all that it can't explain."""
    default = default_likelihood(observations).name
    usual = next(verdict for verdict in found if verdict.likelihood == default)
    if usual.error is None or not usual.error.rows:
        return None
    rows = int(observations.observed(observations.response).sum())
    return usual if len(usual.error.rows) <= FEW * rows else None


def recommendation(observations: Observations, found: list[Verdict]) -> tuple[str, str] | None:
    """Return the likelihood to use and the reason; None if none fits, or rows are to mend."""
    fitting = [verdict.likelihood for verdict in found if verdict.fits]
    if not fitting or to_mend(observations, found) is not None:
        return None
    default = default_likelihood(observations).name
    if default not in fitting:
        return fitting[0], f"the usual choice, {default!r}, doesn't fit these data"
    reasons = {
        "bernoulli": "0 and 1: each row is one trial",
        "beta": "rates whose trials are unknown; with the trials it would know more",
        "auto": "measurements: an average over levels, lines, memory and outliers, by evidence",
        "multinomial": "several outcomes per trial",
        "categorical": "several outcomes, one trial a row",
    }
    if default in reasons:
        return default, reasons[default]
    told = _trials if default == "beta-binomial" else _events
    return default, told(observations)


LITTLE_LOST = "it doesn't take such variation for change, and loses little where there is none"


def _trials(observations: Observations) -> str:
    """How much rows differ from their neighbours, compared with independent trials."""
    k, n = observations.column("count"), observations.column("trials")
    used = ~np.isnan(k) & (n > 0)
    k, n = k[used], n[used]
    p = k.sum() / n.sum()
    if len(k) < 3 or not 0 < p < 1:
        return "counts out of trials; it doesn't take chance variation between rows for change"
    inflation = _inflation(k / n, p * (1 - p) / n)
    return (
        f"counts out of trials that vary {inflation:.1f} times as much from row to row as "
        f"independent trials would; {LITTLE_LOST}"
    )


def _events(observations: Observations) -> str:
    """How much rows differ from their neighbours, compared with independent events."""
    k, exposure = observations.column("count"), Poisson().exposure(observations)
    used = ~np.isnan(k) & (exposure > 0)
    k, exposure = k[used], exposure[used]
    if len(k) < 3 or k.sum() == 0:
        return "counts of events; it doesn't take chance variation between rows for change"
    inflation = _inflation(k / exposure, k.sum() / exposure.sum() / exposure)
    return (
        f"counts that vary {inflation:.1f} times as much from row to row as independent events "
        f"(Poisson) would; {LITTLE_LOST}"
    )


def _inflation(rate: Floats, variance: Floats) -> float:
    """Return the mean square of first differences, compared with what variances lead to."""
    return float(np.mean(np.diff(rate) ** 2 / (variance[1:] + variance[:-1])))
