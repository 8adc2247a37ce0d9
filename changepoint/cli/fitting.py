"""`changepoint fit`."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

import changepoint
from changepoint import modelfiles
from changepoint.cli.columns import Columns
from changepoint.cli.effect_flags import Stated
from changepoint.cli.model_flags import Season, refuse_beside
from changepoint.cli.status import ALERT, ENGINE, INTERRUPTED
from changepoint.cli.waiting import Waiting
from changepoint.errors import ChangepointError, ModelError
from changepoint.events import Event, events_of_texts
from changepoint.plain import json_text, say, width
from changepoint.time_window import rows_since

if TYPE_CHECKING:
    from changepoint.observations import Observations
    from changepoint.posterior import Posterior
    from changepoint.report.alert import Alert


def fit(
    file: str,
    *,
    columns: Columns = Columns(),
    model: Path | None = None,
    likelihood: str | None = None,
    at_most: int | None = None,
    exactly: int | None = None,
    every: float | None = None,
    min_length: int | None = None,
    season: list[Season] = [],  # noqa: B006 (never changed)
    stated: Stated = Stated(),
    event: Annotated[list[str], Parameter(negative=())] = [],  # noqa: B006 (never changed)
    events_file: str | None = None,
    engine: Literal["exact", "mcmc"] | None = None,
    switchpoints: Literal["metropolis", "gibbs", "sum-out"] | None = None,
    draws: int | None = None,
    seed: int = 0,
    alert: float | None = None,
    since: str | None = None,
    out: Path | None = None,
    certificate: Annotated[bool, Parameter(negative=())] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> int:
    """Say whether, when and how far a series changed, and how sure that is.

    Example: changepoint fit data/conversions.csv

    Parameters
    ----------
    file
        A CSV, JSON, Excel or Parquet file with a row per day, week, batch, ..., also compressed
        by gzip; or a DuckDB or SQLite database, see --query. What it is, its content says.
    model
        A model file, such as models/conversion_rate.py. It is run as Python code.
    likelihood
        For counts binomial, beta-binomial, bernoulli, negative-binomial, poisson; for outcomes
        multinomial or categorical; for rates beta; for values auto, normal, student-t,
        normal-mean-variance, normal-variance, trend, autoregressive, autoregressive-trend or
        exponential. By default what the columns suggest. Where counts have spikes of a row or
        two: spiked-binomial, spiked-beta-binomial, spiked-negative-binomial, spiked-poisson.
    at_most
        The largest number of changes.
    exactly
        The number of changes, if you know it.
    every
        Mean rows from one change to the next, instead of even odds on any change.
    min_length
        Shortest stretch between changes, in rows; 1 by default, 5 under auto.
    season
        A pattern that all rows share, so that it is told from changes: of the days of a week,
        the months, the course of a year, the hours of a day; may be given several times.
        By default (auto), of counts and rates: those of which three whole periods are there,
        by the evidence for them. It needs dates, and for values a likelihood such as normal.
    event
        TIME:LABEL of what may have changed something, such as 2024-09-12:launch: how probable
        is a change near it, beside chance, and what would it have done? Figures mark it. May be
        given several times.
    events_file
        The same from a file with a column of times and one of labels.
    engine
        exact, or mcmc: sampling by PyMC, as a cross-check, or of a model file that returns a
        PyMC model, for which it is the default.
    switchpoints
        How mcmc treats the switchpoints; metropolis by default.
    draws
        Draws from the posterior: in all when exact, of each of 4 chains by mcmc; 1000.
    seed
        Of the draws.
    alert
        A probability, such as 0.99: end with exit status 10 if a change --since then is at
        least so probable.
    since
        A date, a time or a number; by default the last period of the model's shortest season,
        such as a week, or the last 7 rows if it has none. Needs --alert.
    out
        Folder for report.html, figures (PNG, SVG, and PDF for a paper), chart.png,
        summary.csv, posterior.nc, result.json, and a draft of methods.md with citation.bib.
    certificate
        Say, after the answer, how often data like these would give it without a change, and the
        smallest change that would be found in them: by simulation, in some 10 s.
    as_json
        Print one JSON object instead of a table.
    """
    from changepoint.report.alert import alert_line, alert_of
    from changepoint.report.as_json import to_dict
    from changepoint.report.files import write

    _check_alert(alert, since)
    changes = {"at_most": at_most, "exactly": exactly, "every": every, "min_length": min_length}
    changes = {name: number for name, number in changes.items() if number is not None}
    settings: dict[str, Any] = {"draws": draws, "switchpoints": switchpoints}
    settings = {name: value for name, value in settings.items() if value is not None}
    with Waiting() as tell:
        tell(f"Reading {Path(file).name}")
        events = _events(event, events_file)
        chosen, observations = read(file, columns, model, likelihood, changes, season, stated)
        if since is not None:
            rows_since(observations, since)  # is refused before anything takes long
        sampling = engine == "mcmc" or (engine is None and modelfiles.is_pymc(chosen))
        if switchpoints is not None and not sampling:
            raise ModelError("--switchpoints is about sampling: use it with --engine mcmc")
        kind = changepoint.MCMC if sampling else changepoint.Exact
        how = "Sampling by PyMC" if sampling else "Fitting"
        tell(f"{how}, {len(observations):,} rows", moves=not sampling)
        with warnings.catch_warnings():
            # What didn't converge is printed with the result, and below; so are events.
            warnings.simplefilter("ignore", changepoint.ConvergenceWarning)
            warnings.simplefilter("ignore", changepoint.DataWarning)
            asked = chosen, observations, kind(seed=seed, **settings)
            posterior = changepoint.fit(*asked, events=events)
        tell("Summing up: the changes, and P(any change) under other priors")
        found = None if alert is None else alert_of(posterior, alert, since)
        told = json_text(to_dict(posterior, found), indent=2)
        text = told if as_json else _text(posterior)
        if out is not None:
            tell(f"Writing the folder {out}")
            write(posterior, out, told)
    if not (as_json and certificate):
        say(text)
    if out is not None and not as_json:
        say(f"Written: report, figures, table, posterior, result and methods, in {out}")
    if found is not None and not as_json:
        say(alert_line(posterior, found))
    status = _certify(posterior, seed, out, as_json, found) if certificate else 0
    if status == 0 and not posterior.converged:
        say(f"changepoint: {posterior.warnings[-1]}", error=True)
        status = ENGINE
    raised = found is not None and found.raised and posterior.converged
    return ALERT if raised and status != INTERRUPTED else status  # also without a certificate


def _check_alert(alert: float | None, since: str | None) -> None:
    """Refuse what is wrong, before anything is computed."""
    from changepoint.report.alert import check_threshold

    if alert is not None:
        check_threshold(alert)
    elif since is not None:
        raise ModelError("--since says from when on --alert looks: give --alert 0.99 too")


def _events(texts: Sequence[str], file: str | None) -> tuple[Event, ...]:
    """Return the events that were given, and those of a file."""
    from changepoint.reading.eventfiles import read_events

    given = events_of_texts(texts)
    if file is None:
        return given
    with warnings.catch_warnings(record=True) as noticed:
        warnings.simplefilter("always")
        events = read_events(file)
    for note in noticed:
        say(f"changepoint: {note.message}", error=True)
    return (*given, *events)


def read(
    file: str,
    columns: Columns,
    model: Path | None,
    likelihood: str | None,
    changes: dict[str, Any],
    seasons: Sequence[str],
    stated: Stated,
) -> tuple[Any, Observations]:
    """Return the model, of this package or PyMC's, and the data."""
    if model is not None:
        refuse_beside(model, likelihood, changes, seasons, stated)
        declared = modelfiles.load(model)
        observations = columns.read(file, declared.columns)
        return declared.build(observations), observations
    family = _family(likelihood)
    changepoint.Changes(**changes)  # which may be wrong, whatever the data
    observations = columns.read(file)
    from changepoint.model import default_model

    effects = (*stated.effects(), *columns.effects())
    return default_model(observations, family, effects, seasons, **changes), observations


def _family(name: str | None) -> changepoint.likelihoods.Likelihood | None:
    families = changepoint.likelihoods.FAMILIES
    if name is None:
        return None
    if name not in families:
        raise ModelError(f"there is no likelihood {name!r}; there are {', '.join(families)}")
    return families[name]()


def _certify(
    posterior: Posterior, seed: int, out: Path | None, as_json: bool, alert: Alert | None
) -> int:
    """Print what the answer is worth, as JSON with the answer; return the exit status.

    Whatever becomes of it, the answer is printed.
    """
    from changepoint.report.as_json import to_dict
    from changepoint.report.files import write_result
    from changepoint.report.found import certificate_text

    told, status = None, 0

    def result() -> str:
        return json_text(to_dict(posterior, alert, told), indent=2)

    try:
        with Waiting() as tell:
            tell("Simulating series like these, with and without a change")
            told = posterior.certificate(seed=seed)
    except ChangepointError as error:
        say(f"changepoint: no certificate: {error}", error=True)
        status = ENGINE
    except KeyboardInterrupt:
        say("changepoint: no certificate: interrupted", error=True)
        status = INTERRUPTED
    finally:
        if as_json:
            say(result())
    if told is not None and not as_json:
        say(certificate_text(told))
    if told is not None and out is not None:
        write_result(out, result())
    return status


def _text(posterior: Posterior) -> str:
    from changepoint.report.tables import text

    return text(posterior, width(sys.stdout))
