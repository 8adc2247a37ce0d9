"""`changepoint batch` and `changepoint report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from changepoint.cli.columns import Columns, listed
from changepoint.cli.effect_flags import Stated
from changepoint.cli.model_flags import Season, refuse_beside
from changepoint.effects import Effect
from changepoint.errors import ModelError
from changepoint.plain import say


def batch(
    *inputs: str,
    out: Path,
    by: str | None = None,
    wide: str | None = None,
    columns: Columns = Columns(),
    model: Path | None = None,
    likelihood: str | None = None,
    at_most: int | None = None,
    exactly: int | None = None,
    every: float | None = None,
    min_length: int | None = None,
    season: list[Season] = [],  # noqa: B006 (never changed)
    stated: Stated = Stated(),
    fdr: float = 0.05,
    threads: int | None = None,
    dask: str | None = None,
    shard: str = "1/1",
    fresh: Annotated[bool, Parameter(negative=())] = False,
    alert: Annotated[str | None, Parameter(show=False)] = None,
    since: Annotated[str | None, Parameter(show=False)] = None,
) -> int:
    """Fit every series of files, folders or a long table; write which of them changed.

    Example: changepoint batch data/c*.csv --out build/batch

    A series that can't be read or fitted gets a row that says why. Run the same command again
    after a crash, and it goes on where it was. Ends with 3 if some series failed.

    Parameters
    ----------
    inputs
        CSV, JSON, Excel or Parquet files, globs, folders, or URLs such as s3://bucket/folder;
        databases, named one by one.
    out
        Folder for series.csv, changes.csv (and .parquet), summary.json, the parts.
    by
        Columns that say which series a row belongs to, separated by commas, such as
        shop,region. Without, each file is a series.
    wide
        Every column but the time is a series, named by its header; what they hold: count, rate
        or value. Alone: counts if all numbers are whole, else values.
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
    season
        As for fit: a pattern that all rows of a series share. With one a series takes seconds;
        none does not look for any.
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
    alert, since
        Of fit alone: refused.
    """
    if alert is not None or since is not None:
        raise ModelError(
            "--alert and --since are of changepoint fit, a series at a time: among many, some "
            "would raise it by chance. A batch flags series (--fdr): see the columns flagged "
            "and last_change of series.csv"
        )
    from changepoint.batch.progress import run_and_tell

    if dask is not None and threads is not None:
        raise ModelError("--threads is about this process and --dask about workers: give one")
    changes = {"at_most": at_most, "exactly": exactly, "every": every, "min_length": min_length}
    changes = {name: number for name, number in changes.items() if number is not None}
    given = columns.given()
    return run_and_tell(
        inputs,
        _recipe(model, likelihood, changes, season, stated, columns.effects()),
        out,
        by=listed(by),
        wide=True if wide == "" else wide,
        **{name: given.pop(name) for name in columns.others() if name in given},
        columns=given,
        fdr=fdr,
        executor=_executor(threads, dask),
        shard=_shard(shard),
        fresh=fresh,
    )


def _recipe(
    model: Path | None,
    likelihood: str | None,
    changes: dict[str, Any],
    seasons: list[Season],
    stated: Stated,
    of_columns: tuple[Effect, ...],
) -> Any:
    from changepoint.batch.recipe import Recipe

    if model is None:
        return Recipe.of_choices(likelihood, changes, seasons, (*stated.effects(), *of_columns))
    refuse_beside(model, likelihood, changes, seasons, stated)
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


def report(folder: Path) -> int:
    """Write the report of a batch: report.html in its folder, one file that needs no network.

    Example: changepoint report build/batch

    Parameters
    ----------
    folder
        The folder that changepoint batch --out wrote.
    """
    from changepoint.batch.report import write

    say(f"Written: {write(folder)}")
    return 0
