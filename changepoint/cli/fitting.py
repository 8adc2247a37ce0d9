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
from changepoint.events import Event
from changepoint.plain import json_text, say, width
from changepoint.reading.files import name_of
from changepoint.reading.saidtimes import events_of_texts, said
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
    told_per: float | None = None,
    out: Path | None = None,
    target: float | None = None,
    certificate: bool | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> int:
    """Say whether, when and how far a series changed, and how sure that is.

    Example: changepoint fit data/conversions.csv

    Parameters
    ----------
    file
        A CSV, JSON, Excel or Parquet file with a row per day, week, batch, ..., also compressed
        by gzip; or a DuckDB or SQLite database, see --query. What it is, its content says. A
        dash, -, is standard input: cat a.csv | changepoint fit -
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
        is a change near it, beside chance, and what would it have done? Figures mark it. The
        time as 2024-09-12, or as the file has it. May be given several times.
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
        A date, a time or a number; by default what suits the distance of rows, such as the
        last week of daily rows, or the last day of hourly ones. Needs --alert.
    told_per
        Tell rates per so many, such as 1000 or 100000; 100 is percent, 1 as they are. By
        default percent, or per 1,000 or 100,000 where they are small.
    out
        Folder for report.html, figures (PNG, SVG, and PDF for a paper), chart.png,
        summary.csv, posterior.nc, result.json, and a draft of methods.md with citation.bib.
    target
        A level that the control chart of --out draws, in the units of its points, such as 0.02
        for a rate of 2 %.
    certificate
        Say, after the answer, how often data like these would give it without a change, and the
        smallest change that would be found in them: by simulation, in some 10 s. The page of
        --out has it by default; --no-certificate leaves it out.
    as_json
        Print one JSON object instead of a table.
    """
    from changepoint.report.alert import alert_line, alert_of
    from changepoint.report.as_json import to_dict
    from changepoint.report.certified import UNFINISHED
    from changepoint.report.files import write
    from changepoint.report.units import check_number

    check_number(told_per)
    _check_alert(alert, since)
    _check_target(target, out)
    changes = {"at_most": at_most, "exactly": exactly, "every": every, "min_length": min_length}
    changes = {name: number for name, number in changes.items() if number is not None}
    settings: dict[str, Any] = {"draws": draws, "switchpoints": switchpoints}
    settings = {name: value for name, value in settings.items() if value is not None}
    with Waiting() as tell:
        tell(f"Reading {Path(name_of(file)).name}")
        chosen, observations = read(file, columns, model, likelihood, changes, season, stated)
        events = _events(event, events_file, observations)
        if since is not None:
            since = said(since, observations).first
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
            posterior = changepoint.fit(*asked, events=events).told_per(told_per)
        tell("Summing up: the changes, and P(any change) under other priors")
        found = None if alert is None else alert_of(posterior, alert, since)
        told = json_text(to_dict(posterior, found), indent=2)
        text = told if as_json else _text(posterior)
        if out is not None:
            tell(f"Writing the folder {out}")
            begun = None if certificate is False else UNFINISHED
            write(posterior, out, told, target, begun)
    if not (as_json and certificate):
        say(text)
    if out is not None and not as_json:
        say(f"Written: report, figures, table, posterior, result and methods, in {out}")
    if found is not None and not as_json:
        say(alert_line(posterior, found))
    status = 0
    if certificate or (out is not None and certificate is None):
        status = _certify(posterior, seed, out, target, as_json, found, bool(certificate))
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


def _check_target(target: float | None, out: Path | None) -> None:
    """Refuse a target without a chart, or one that is no number."""
    if target is None:
        return
    from changepoint.report.control_chart import check_target

    check_target(target)
    if out is None:
        raise ModelError("--target is a line of the control chart that --out writes: give both")


def _events(
    texts: Sequence[str], file: str | None, observations: Observations
) -> tuple[Event, ...]:
    """Return the events that were given, and those of a file."""
    from changepoint.reading.eventfiles import read_events

    given = events_of_texts(texts, observations)
    if file is None:
        return given
    with warnings.catch_warnings(record=True) as noticed:
        warnings.simplefilter("always")
        events = read_events(file, observations)
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

    effects = (*stated.effects(observations), *columns.effects())
    return default_model(observations, family, effects, seasons, **changes), observations


def _family(name: str | None) -> changepoint.likelihoods.Likelihood | None:
    families = changepoint.likelihoods.FAMILIES
    if name is None:
        return None
    if name not in families:
        raise ModelError(f"there is no likelihood {name!r}; there are {', '.join(families)}")
    return families[name]()


def _certify(
    posterior: Posterior,
    seed: int,
    out: Path | None,
    target: float | None,
    as_json: bool,
    alert: Alert | None,
    asked: bool,
) -> int:
    """Say what the answer is worth, in the page, too; return the exit status.

    It is printed where it is asked for, as JSON with the answer, which is printed whatever
    becomes of it. Otherwise it is for the page alone, and changes neither output nor status.
    """
    from changepoint.report.as_json import to_dict
    from changepoint.report.files import write_certified
    from changepoint.report.found import certificate_text

    told, absent, status = None, "", 0

    def result() -> str:
        return json_text(to_dict(posterior, alert, told), indent=2)

    try:
        with Waiting() as tell:
            tell("Simulating series like these, with and without a change")
            told = posterior.certificate(seed=seed)
    except ChangepointError as error:
        absent, status = str(error), ENGINE
    except KeyboardInterrupt:
        absent, status = "interrupted", INTERRUPTED
    except Exception as error:
        if asked:  # else neither the answer nor its status hangs on it
            raise
        absent, status = f"{type(error).__name__}: {error}", ENGINE
    finally:
        if absent and (asked or status == INTERRUPTED):
            say(f"changepoint: no certificate: {absent}", error=True)
        if as_json and asked:
            say(result())
    if told is not None and asked and not as_json:
        say(certificate_text(told))
    if out is not None:
        write_certified(posterior, out, result(), target, absent if told is None else told)
    return status if asked else 0


def _text(posterior: Posterior) -> str:
    from changepoint.report.tables import text

    return text(posterior, width(sys.stdout))
