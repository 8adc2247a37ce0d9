"""`changepoint power` and `changepoint calibrate`: what simulated series say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from changepoint.cli.columns import Columns
from changepoint.cli.effect_flags import Stated
from changepoint.cli.fitting import read
from changepoint.cli.model_flags import Season
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
    from changepoint.likelihoods import FAMILIES
    from changepoint.model import Model
    from changepoint.report.found import power_text

    if likelihood is not None and likelihood not in FAMILIES:
        raise ModelError(
            f"there is no likelihood {likelihood!r}; there are {', '.join(FAMILIES)}"
        )
    with _progress() as progress:
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
            progress=progress,
        )
    say(json_text(found.to_dict(), indent=2) if as_json else power_text(found))
    return 0


def calibrate(
    file: str,
    *,
    columns: Columns = Columns(),
    model: Path | None = None,
    likelihood: str | None = None,
    at_most: int | None = None,
    every: float | None = None,
    min_length: int | None = None,
    season: list[Season] = [],  # noqa: B006 (never changed)
    runs: int = 1000,
    seed: int = 0,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> int:
    """Say which P(any change) data like these pass in 5 % and 1 % of cases without a change.

    Example: changepoint calibrate data/nile.csv --likelihood trend --runs 50

    Parameters
    ----------
    file
        As for fit; the options that say how to read it, and which model, too.
    model
        A model file, such as models/conversion_rate.py. It is run as Python code.
    likelihood
        As for fit; by default what the columns suggest.
    at_most
        The largest number of changes.
    every
        Mean rows from one change to the next, instead of even odds on any change.
    min_length
        Shortest stretch between changes, in rows.
    season
        As for fit. Effects that are rather absent are left out of the simulation; with others
        a series takes too long.
    runs
        Simulated series; the intervals that are told come from their number.
    seed
        Of the simulation.
    as_json
        Print one JSON object instead of text.
    """
    import changepoint
    from changepoint import trust
    from changepoint.report.found import calibration_text

    changes = {"at_most": at_most, "every": every, "min_length": min_length}
    changes = {name: number for name, number in changes.items() if number is not None}
    chosen, observations = read(file, columns, model, likelihood, changes, season, Stated())
    posterior = changepoint.fit(chosen, observations)
    with _progress() as progress:
        told = trust.calibrate(posterior, runs, seed, progress)
    say(json_text(told.to_dict(), indent=2) if as_json else calibration_text(told))
    return 0


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """Give what is to be called with how many series are done, of how many."""
    from changepoint.batch.progress import teller
    from changepoint.batch.runner import Progress

    tell = teller()
    try:
        yield lambda done, every: tell(Progress(1, 0, every, done, 0))
    finally:
        tell.close()
