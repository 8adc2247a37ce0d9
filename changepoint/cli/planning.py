"""`changepoint power`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from changepoint.errors import ModelError
from changepoint.plain import json_text, say


def power(
    *,
    rate: float,
    rows: int,
    trials: int | None = None,
    exposure: float | None = None,
    ratio: Annotated[list[float], Parameter(negative=())] = [],  # noqa: B006 (never changed)
    dispersion: float = 1.0,
    at: int | None = None,
    likelihood: str | None = None,
    runs: int = 1000,
    seed: int = 0,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> int:
    """Say, before there are data, how small a change would be found in them.

    Example: changepoint power --rate 0.009 --trials 1000 --rows 60 --runs 50

    Parameters
    ----------
    rate
        Before the change: events a trial, or per unit of exposure.
    rows
        How many there will be: days, weeks, batches, ...
    trials
        Of each row.
    exposure
        Of each row, where events have no trials; 1 by default.
    ratio
        Of the rate after a change to that before it; may be given several times. Below 1, the
        smallest decrease is looked for, too.
    dispersion
        The variance of rows as a multiple of that of independent trials, or events.
    at
        The first row after the change, from 0; by default a random one in each series.
    likelihood
        beta-binomial (the default) or binomial with trials, negative-binomial (the default) or
        poisson without.
    runs
        Simulated series for each ratio; the errors that are told come from their number.
    seed
        Of the simulation.
    as_json
        Print one JSON object instead of a table.
    """
    from changepoint import trust
    from changepoint.batch.progress import teller
    from changepoint.batch.runner import Progress
    from changepoint.likelihoods import FAMILIES
    from changepoint.model import Model
    from changepoint.report.found import power_text

    if likelihood is not None and likelihood not in FAMILIES:
        raise ModelError(
            f"there is no likelihood {likelihood!r}; there are {', '.join(FAMILIES)}"
        )
    tell = teller()
    try:
        found = trust.power(
            rate,
            rows=rows,
            trials=trials,
            exposure=exposure,
            ratios=ratio,
            dispersion=dispersion,
            at=at,
            model=None if likelihood is None else Model(FAMILIES[likelihood]()),
            runs=runs,
            seed=seed,
            progress=lambda done, every: tell(Progress(1, 0, every, done, 0)),
        )
    finally:
        tell.close()
    say(json_text(found.to_dict(), indent=2) if as_json else power_text(found))
    return 0
