"""Which likelihoods can explain a table, and which one to use."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from changepoint.errors import DataError
from changepoint.likelihoods import FAMILIES
from changepoint.model import Model, default_likelihood
from changepoint.observations import Observations


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
    for name, family in FAMILIES.items():
        model = Model(family())
        try:
            cautions = () if model.absent(observations) else model.check(observations)
            found.append(Verdict(name, tuple(model.absent(observations)), None, cautions))
        except DataError as error:
            found.append(Verdict(name, error=error))
    return found


def recommendation(observations: Observations, found: list[Verdict]) -> tuple[str, str] | None:
    """Return the likelihood to use and the reason; None if none fits."""
    fitting = [verdict.likelihood for verdict in found if verdict.fits]
    if not fitting:
        return None
    default = default_likelihood(observations).name
    if default not in fitting:
        return fitting[0], f"the usual choice, {default!r}, doesn't fit these data"
    reasons = {
        "poisson": "counts without trials",
        "beta": "rates whose trials are unknown; with the trials it would know more",
        "normal": "measurements around a level",
    }
    return default, reasons.get(default) or _overdispersion(observations)


def _overdispersion(observations: Observations) -> str:
    """How much rows differ from their neighbours, compared with independent trials."""
    k, n = observations.column("count"), observations.column("trials")
    used = ~np.isnan(k) & (n > 0)
    k, n = k[used], n[used]
    rate, p = k / n, k.sum() / n.sum()
    if len(k) < 3 or not 0 < p < 1:
        return "counts out of trials; it doesn't take chance variation between rows for change"
    expected = p * (1 - p) * (1 / n[1:] + 1 / n[:-1])
    inflation = float(np.mean(np.diff(rate) ** 2 / expected))
    return (
        f"counts out of trials that vary {inflation:.1f} times as much from row to row as "
        "independent trials would; it doesn't take such variation for change, and loses little "
        "where there is none"
    )
