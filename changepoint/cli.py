"""The command `changepoint`: arguments only; everything it does is in the public API."""

from __future__ import annotations

import csv
import json
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, CycloptsError, Parameter

import changepoint
from changepoint.errors import DataError, EngineError, ModelError

if TYPE_CHECKING:
    from changepoint.observations import Observations
    from changepoint.posterior import Posterior

INTERNAL, USAGE, DATA, ENGINE = 1, 2, 3, 4  # exit status

app = App(
    name="changepoint",
    help="Bayesian change points for small rates: did it change, when, and how sure is that?"
    "\n\nExample: changepoint fit data/coal_disasters.csv",
    version=changepoint.__version__,
    suppress_keyboard_interrupt=False,  # `main` says what became of it
)


@Parameter(name="*")
@dataclass(frozen=True)
class Columns:
    """How to read the file.

    Parameters
    ----------
    time
        Column of dates, time stamps or numbers.
    count
        Column of events.
    trials
        Column of trials behind each count.
    exposure
        Column of the time or population at risk behind each count.
    rate
        Column of proportions whose trials are unknown.
    value
        Column of measurements.
    outcomes
        Columns of counts by outcome, separated by commas, such as left,carted,bought.
    outcome
        Column that says the outcome of a trial, where each row is one.
    date_format
        How dates are written, such as %d/%m/%Y, where the file leaves it open.
    aggregate
        Sum rows by day, week or month.
    """

    time: str | None = None
    count: str | None = None
    trials: str | None = None
    exposure: str | None = None
    rate: str | None = None
    value: str | None = None
    outcomes: str | None = None
    outcome: str | None = None
    date_format: str | None = None
    aggregate: Literal["day", "week", "month"] | None = None

    def given(self) -> dict[str, Any]:
        """Return what was said."""
        given = {name: text for name, text in vars(self).items() if text is not None}
        if self.outcomes is not None:
            given["outcomes"] = _listed(self.outcomes)
        return given

    def read(self, file: Path, defaults: Mapping[str, Any] | None = None) -> Observations:
        """Read a file; columns that aren't given come from the defaults."""
        from changepoint.reading import read

        given, defaults = self.given(), dict(defaults or {})
        if {"outcomes", "outcome"} & set(given):
            defaults = {r: c for r, c in defaults.items() if r not in ("outcomes", "outcome")}
        with warnings.catch_warnings():
            # What was noticed is printed with the result.
            warnings.simplefilter("ignore", changepoint.DataWarning)
            return read(file, **{**defaults, **given})


@app.command
def fit(
    file: Path,
    *,
    columns: Columns = Columns(),
    model: Path | None = None,
    likelihood: str | None = None,
    at_most: int | None = None,
    exactly: int | None = None,
    every: float | None = None,
    min_length: int | None = None,
    engine: Literal["exact", "mcmc"] | None = None,
    switchpoints: Literal["metropolis", "gibbs", "sum-out"] | None = None,
    draws: int | None = None,
    seed: int = 0,
    out: Path | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative=())] = False,
) -> int:
    """Say whether, when and how far a series changed, and how sure that is.

    Example: changepoint fit data/conversions.csv

    Parameters
    ----------
    file
        A CSV or Parquet file with a row per day, week, batch, ...
    model
        A model file, such as models/conversion_rate.py. It is run as Python code.
    likelihood
        For counts binomial, beta-binomial, bernoulli, negative-binomial, poisson; for outcomes
        multinomial or categorical; for rates beta; for values auto, normal, student-t,
        normal-mean-variance, normal-variance, trend, autoregressive, autoregressive-trend or
        exponential. By default what the columns suggest.
    at_most
        The largest number of changes.
    exactly
        The number of changes, if you know it.
    every
        Mean rows from one change to the next, instead of even odds on any change.
    min_length
        Shortest stretch between changes, in rows; 1 by default, 5 under auto.
    engine
        exact, or mcmc: sampling by PyMC, as a cross-check, or of a model file that returns a
        PyMC model, for which it is the default.
    switchpoints
        How mcmc treats the switchpoints; metropolis by default.
    draws
        Draws from the posterior: in all when exact, of each of 4 chains by mcmc; 1000.
    seed
        Of the draws.
    out
        Folder for report.html, figure.png, figure.svg, summary.csv, posterior.nc, result.json.
    as_json
        Print one JSON object instead of a table.
    """
    from changepoint import modelfiles

    changes = {"at_most": at_most, "exactly": exactly, "every": every, "min_length": min_length}
    changes = {name: number for name, number in changes.items() if number is not None}
    if model is not None:
        _refuse_beside(model, likelihood, changes)
        declared = modelfiles.load(model)
        observations = columns.read(file, declared.columns)
        chosen: Any = declared.build(observations)
    else:
        family = _family(likelihood)
        prior = changepoint.Changes(**changes)  # type: ignore[arg-type]
        observations = columns.read(file)
        if family is None or family.name == "auto":
            chosen = _default(observations, changes, family)
        else:
            chosen = changepoint.Model(family, prior)
    sampling = engine == "mcmc" or (engine is None and modelfiles.is_pymc(chosen))
    if switchpoints is not None and not sampling:
        raise ModelError("--switchpoints is about sampling: use it with --engine mcmc")
    settings: dict[str, Any] = {"draws": draws, "switchpoints": switchpoints}
    settings = {name: value for name, value in settings.items() if value is not None}
    kind = changepoint.MCMC if sampling else changepoint.Exact
    with warnings.catch_warnings():
        # What didn't converge is printed with the result, and below.
        warnings.simplefilter("ignore", changepoint.ConvergenceWarning)
        posterior = changepoint.fit(chosen, observations, kind(seed=seed, **settings))
    told = json.dumps(posterior.to_dict(), indent=2, allow_nan=False)
    if out is not None:
        _write(posterior, out, told)
    print(told if as_json else _text(posterior))
    if out is not None and not as_json:
        print(f"Written: report, figure, table, posterior and result, in the folder {out}")
    if not posterior.converged:
        print(f"changepoint: {posterior.warnings[-1]}", file=sys.stderr)
        return ENGINE
    return 0


@app.command
def batch(
    *inputs: str,
    out: Path,
    by: str | None = None,
    columns: Columns = Columns(),
    model: Path | None = None,
    likelihood: str | None = None,
    at_most: int | None = None,
    exactly: int | None = None,
    every: float | None = None,
    min_length: int | None = None,
    fdr: float = 0.05,
    threads: int | None = None,
    dask: str | None = None,
    shard: str = "1/1",
    fresh: Annotated[bool, Parameter(negative=())] = False,
) -> int:
    """Fit every series of files, folders or a long table; write which of them changed.

    Example: changepoint batch data/c*.csv --out build/batch

    A series that can't be read or fitted gets a row that says why. Run the same command again
    after a crash, and it goes on where it was. Ends with 3 if some series failed.

    Parameters
    ----------
    inputs
        CSV or Parquet files, globs, folders, or URLs such as s3://bucket/folder.
    out
        Folder for series.csv, changes.csv (and .parquet), summary.json, the parts.
    by
        Columns that say which series a row belongs to, separated by commas, such as
        shop,region. Without, each file is a series.
    model
        A model file, such as models/conversion_rate.py. It is run as Python code, by every
        worker.
    likelihood
        As for fit; by default what the columns of each series suggest.
    at_most
        The largest number of changes.
    exactly
        The number of changes, if you know it.
    every
        Mean rows from one change to the next, instead of even odds on any change.
    min_length
        Shortest stretch between changes, in rows.
    fdr
        Expected share of false alarms among the flagged series.
    threads
        Threads on this machine; one for each core by default.
    dask
        Run on a Dask cluster: address of its scheduler, such as tcp://10.0.0.5:8786; without
        one, workers are started on this machine.
    shard
        i/n: do every n-th part of the work from the i-th, for schedulers such as Slurm.
    fresh
        Remove earlier results from the folder.
    """
    from changepoint.batch.progress import run_and_tell

    if dask is not None and threads is not None:
        raise ModelError("--threads is about this process and --dask about workers: give one")
    changes = {"at_most": at_most, "exactly": exactly, "every": every, "min_length": min_length}
    changes = {name: number for name, number in changes.items() if number is not None}
    given = columns.given()
    return run_and_tell(
        inputs,
        _recipe(model, likelihood, changes),
        out,
        by=_listed(by),
        date_format=given.pop("date_format", None),
        aggregate=given.pop("aggregate", None),
        columns=given,
        fdr=fdr,
        executor=_executor(threads, dask),
        shard=_shard(shard),
        fresh=fresh,
    )


def _recipe(model: Path | None, likelihood: str | None, changes: dict[str, Any]) -> Any:
    from changepoint.batch.recipe import Recipe

    if model is None:
        return Recipe.of_choices(likelihood, changes)
    _refuse_beside(model, likelihood, changes)
    return Recipe.of(model)


def _executor(threads: int | None, dask: str | None) -> Any:
    from changepoint.batch import Dask, Threads

    if dask is None:
        return Threads(threads)
    return Dask(None if dask == "local" else dask)


def _shard(text: str) -> tuple[int, int]:
    i, slash, n = text.partition("/")
    if not (slash and i.isdecimal() and n.isdecimal()):
        raise ModelError(f"--shard is i/n, such as 1/8, not {text!r}")
    return int(i), int(n)


def _listed(text: str | None) -> list[str]:
    """Return names separated by commas; one that holds a comma stands in quotes."""
    return [] if text is None else next(csv.reader([text], skipinitialspace=True), [])


@app.command
def report(folder: Path) -> int:
    """Write the report of a batch: report.html in its folder, one file that needs no network.

    Example: changepoint report build/batch

    Parameters
    ----------
    folder
        The folder that changepoint batch --out wrote.
    """
    from changepoint.batch.report import write

    print(f"Written: {write(folder)}")
    return 0


@app.command
def check(*files: Path, columns: Columns = Columns()) -> int:
    """Say which likelihoods fit a file, which rows don't, and which likelihood to use.

    Example: changepoint check data/conversions.csv data/conversion_rates.csv

    Parameters
    ----------
    files
        CSV or Parquet files.
    """
    if not files:
        raise ModelError("check needs a file: changepoint check data/conversions.csv")
    return max(_check(file, columns) for file in files)


def _check(file: Path, columns: Columns) -> int:
    """Print the verdicts on one file; return the exit status."""
    from changepoint.recommend import recommendation, verdicts

    print(f"{file}")
    try:
        observations = columns.read(file)
    except DataError as error:
        print(f"  can't be read: {error}\n")
        return DATA
    print(f"  {observations!r}")
    found = verdicts(observations)
    for verdict in found:
        if verdict.absent:
            print(f"  {verdict.likelihood:21} needs {' and '.join(verdict.absent)}")
        elif verdict.error is None:
            print(f"  {verdict.likelihood:21} fits")
            for caution in verdict.cautions:
                print(f"    but {caution}")
        else:
            _, *problems = str(verdict.error).splitlines()
            print(f"  {verdict.likelihood:21} doesn't fit:")
            for line in problems:
                print(f"  {line}")
    advice = recommendation(observations, found)
    if advice is None:
        mend = any(verdict.error is not None for verdict in found)
        remedy = "mend the rows named above" if mend else "all of them need other columns"
        print(f"  No likelihood fits: {remedy}.\n")
        return DATA
    print(f"  Use {advice[0]!r}: {advice[1]}.\n")
    return 0


def _refuse_beside(model: Path, likelihood: str | None, changes: Mapping[str, Any]) -> None:
    """Refuse flags that define a model, beside a file that does."""
    flags = [f"--{name.replace('_', '-')}" for name in changes]
    flags += ["--likelihood"] * (likelihood is not None)
    if flags:
        raise ModelError(
            f"{model} defines the whole model, which {' and '.join(flags)} would change "
            "too: leave them out, or edit the file"
        )


def _family(name: str | None) -> changepoint.likelihoods.Likelihood | None:
    families = changepoint.likelihoods.FAMILIES
    if name is None:
        return None
    if name not in families:
        raise ModelError(f"there is no likelihood {name!r}; there are {', '.join(families)}")
    return families[name]()


def _default(
    observations: Observations,
    changes: dict[str, Any],
    family: changepoint.likelihoods.Likelihood | None,
) -> changepoint.Model:
    from changepoint.model import default_model

    return default_model(observations, family, **changes)


def _text(posterior: Posterior) -> str:
    from shutil import get_terminal_size

    from changepoint.report.tables import text

    return text(posterior, get_terminal_size().columns if sys.stdout.isatty() else 160)


def _write(posterior: Posterior, out: Path, told: str) -> None:
    from changepoint.report.files import write

    try:
        write(posterior, out, told)
    except OSError as error:
        raise DataError(f"can't write to {out}: {error.strerror or error}") from None


def main(arguments: list[str] | None = None) -> None:
    """Run the command and exit with 0, or: 1 internal, 2 usage or model, 3 data, 4 engine.

    4 is also what chains that have not converged end with, after their answer is printed; 130
    an interrupt before there was one.
    """
    status: Any = INTERNAL
    try:
        status = app(
            with_address(sys.argv[1:] if arguments is None else arguments),
            exit_on_error=False,
            print_error=True,
            result_action="return_value",
        )
    except (CycloptsError, ModelError) as error:
        status = USAGE
        _complain(error)
    except DataError as error:
        status = DATA
        _complain(error)
    except EngineError as error:
        status = ENGINE
        _complain(error)
    except KeyboardInterrupt:
        print("changepoint: interrupted before there was an answer", file=sys.stderr)
        status = 130
    except BrokenPipeError:  # the reader of our output has gone, as `head` does
        sys.stderr.close()
        status = 0
    except Exception as error:
        print(
            f"changepoint: internal error, {type(error).__name__}: {error}\n"
            "This is a bug of changepoint, not of your data: please report the command.",
            file=sys.stderr,
        )
    sys.exit(status or 0)


def with_address(arguments: list[str]) -> list[str]:
    """Return arguments in which --dask has a value: local, where it stands without address."""
    told = list(arguments)
    if "--dask" in told:
        after = told.index("--dask") + 1
        if after == len(told) or not (":" in told[after] or told[after] == "local"):
            told.insert(after, "local")
    return told


def _complain(error: Exception) -> None:
    if not isinstance(error, CycloptsError):  # which are printed already
        print(f"changepoint: {error}", file=sys.stderr)


if __name__ == "__main__":
    main()
