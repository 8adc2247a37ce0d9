"""`run` does what isn't done yet; `read` and `scan` give the tables."""

# pyarrow has no type hints.
# mypy: disable-error-code="attr-defined,name-defined,no-untyped-call"

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from changepoint.batch.executors import Executor, Threads, Work
from changepoint.batch.folder import Folder, hash_of
from changepoint.batch.inputs import find, fingerprint
from changepoint.batch.loading import forget
from changepoint.batch.merge import INNER, finish
from changepoint.batch.plan import Job, Settings, plan
from changepoint.batch.recipe import Recipe
from changepoint.batch.resuming import compare, readable_again
from changepoint.errors import DataError, DataWarning, ModelError
from changepoint.reading.accepted import is_data
from changepoint.reading.doors import Choice
from changepoint.reading.instructions import Instructions
from changepoint.version import __version__

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow.dataset as ds

FDR = 0.05


class Summary(NamedTuple):
    """What became of a batch.

    series, failed
        How many there are, and how many of them have no answer.
    with_changes, flagged
        How many most probably changed, and how many of them stand out from all series.
    share_changed
        The estimated share of series that changed; None where no series has a Bayes factor.
    parts, parts_done
        Portions of the work; as long as some are missing, all else is empty.
    out
        The folder.

    Notes
    -----
        What was noticed.
    """

    out: str
    parts: int
    parts_done: int
    series: int = 0
    failed: int = 0
    with_changes: int = 0
    flagged: int = 0
    share_changed: float | None = None
    notes: tuple[str, ...] = ()


class Progress(NamedTuple):
    """What is told while a batch runs: parts and series so far, and the failed ones."""

    parts: int
    parts_done: int
    series: int
    series_done: int
    failed: int


def run(
    inputs: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    model: Any = None,
    out: str | os.PathLike[str] = "changepoint-batch",
    *,
    by: str | Sequence[str] | None = None,
    columns: Mapping[str, Any] | None = None,
    date_format: str | None = None,
    aggregate: str | None = None,
    statistic: str | None = None,
    keep_partial: bool = False,
    start: Any = None,
    end: Any = None,
    zone: str | None = None,
    exclude: Iterable[Any] | None = None,
    per: float | None = None,
    year: int | None = None,
    difference: bool | None = None,
    query: str | None = None,
    sheet: str | None = None,
    wide: bool | str | None = None,
    fdr: float = FDR,
    executor: Executor | None = None,
    shard: tuple[int, int] = (1, 1),
    fresh: bool = False,
    progress: Callable[[Progress], None] = lambda told: None,
) -> Summary:
    """Fit a model to every series of the inputs, and write tables to a folder.

    A series that can't be read or fitted gets a row that says why. What the folder holds
    already, of the same model and inputs, isn't computed again; a run that was killed goes on
    where it was.

    Parameters
    ----------
    inputs
        CSV, JSON or Parquet files, globs, folders, or URLs of file systems that pyarrow or
        fsspec know.
    model
        A Model, the path of a model file (executed as code, also by workers), or None for the
        default of each series' columns.
    out
        The folder.
    by
        Columns that say which series a row belongs to; without, each file is a series. Parquet
        files are streamed if the rows of each series stand together.
    columns
        Columns by role (time, count, trials, ...), as for `read_csv`; those that the model file
        declares, by default.
    date_format, aggregate, statistic, keep_partial, start, end, zone, exclude, per
        As for `read_csv`.
    year, difference
        As for `read_csv`.
    query, sheet
        As for `read`.
    wide
        Every column but the time is a series, named by its header; what they hold, count, rate
        or value, or True: counts if all numbers are whole, else values.
    fdr
        Expected share of false ones among the flagged series.
    executor
        `Threads()`, or `Dask()`.
    shard
        (i, n): do every n-th job, from the i-th, for a scheduler of your own. All shards write
        to the same folder; the one that ends last puts the tables together.
    fresh
        Remove what the folder holds of earlier batches.
    progress
        Called after each job.

    Returns
    -------
    Summary
        How many series changed, and how many failed.

    Raises
    ------
    ModelError
        If the model or the settings can't be used, or the folder holds the results of other
        ones (then: `fresh`, or another folder).
    DataError
        If there is nothing to read, or the folder can't be written to.

    Examples
    --------
    >>> import tempfile
    >>> from changepoint import Model, batch, likelihoods
    >>> folder = tempfile.TemporaryDirectory()
    >>> model = Model(likelihoods.Poisson())
    >>> done = batch.run(["data/coal_disasters.csv", "data/nile.csv"], model, folder.name)
    >>> done.series, done.failed, done.with_changes
    (2, 1, 1)
    >>> batch.read(folder.name)[["series", "status"]].values.tolist()
    [['data/coal_disasters.csv', 'ok'], ['data/nile.csv', 'data_error']]
    >>> folder.cleanup()
    """
    given = _checked(inputs, fdr, shard)
    recipe, folder = Recipe.of(model), Folder(out)
    declared = recipe.declared()
    told = {**(declared.columns if declared is not None else {}), **(columns or {})}
    how, _ = Instructions.of(
        {
            **{"aggregate": aggregate, "statistic": statistic, "keep_partial": keep_partial},
            **{"start": start, "end": end, "zone": zone, "exclude": exclude},
            **{"per": per, "year": year, "difference": difference},
        }
    )
    columnwise = "" if wide is True else wide or None
    settings = Settings.of(told, by, date_format, how, Choice(query, sheet), columnwise)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # they are in the rows
        jobs, stamp, notes = _jobs(given, folder, settings, recipe, fresh)
        mine = jobs[shard[0] - 1 :: shard[1]]

        def absent(job: Job) -> bool:
            return not folder.has_part(job.number, job.key(stamp))

        todo = [job for job in mine if absent(job) or not folder.is_settled(job.number)]
        done, failed = sum(len(job) for job in mine) - sum(len(job) for job in todo), 0
        state = Progress(len(mine), len(mine) - len(todo), sum(map(len, mine)), done, failed)
        progress(state)
        work = Work(str(folder.path.absolute()), settings, recipe, stamp, str(Path.cwd()))
        try:
            for ended in (executor or Threads()).run(todo, work):
                state = state._replace(
                    parts_done=state.parts_done + 1,
                    series_done=state.series_done + ended.series,
                    failed=state.failed + ended.failed,
                )
                progress(state)
        finally:
            forget()
    missing = [job for job in jobs if absent(job)]
    if missing:
        return Summary(str(out), len(jobs), len(jobs) - len(missing), notes=notes)
    summary = folder.read_json("summary.json")
    if todo or summary is None or summary["false_discovery_rate"] != fdr:
        summary = finish(folder, len(jobs), settings.by, fdr)
    return Summary(
        str(out),
        len(jobs),
        len(jobs),
        series=summary["series"],
        failed=summary["series"] - summary["status"].get("ok", 0),
        with_changes=summary["with_changes"],
        flagged=summary["flagged"],
        share_changed=summary["share_changed"],
        notes=notes,
    )


def _jobs(
    inputs: Sequence[str | os.PathLike[str]],
    folder: Folder,
    settings: Settings,
    recipe: Recipe,
    fresh: bool,
) -> tuple[list[Job], str, tuple[str, ...]]:
    """Return the jobs of the folder's manifest, written if there is none; its hash; notes."""
    found = find(inputs, folder.path)
    if not found.files:
        asked = ", ".join(os.fspath(path) for path in inputs) or "no input"
        raise DataError(
            f"nothing to read in {asked}: expected CSV, JSON or Parquet files, folders of "
            "them, or globs that match some"
        )
    folder.create()
    if fresh:
        folder.clear()
    now: dict[str, Any] = {
        "format": 2,
        "version": __version__,
        "model": recipe.key(),
        "recipe": asdict(recipe),
        "settings": asdict(settings),
        "inputs": {file: fingerprint(file) for file in found.files},
    }
    now = json.loads(json.dumps(now))
    then = folder.read_json("manifest.json")
    notes: tuple[str, ...] = ()
    again = [] if then is None else readable_again(then, now)
    if then is not None and again:
        known = {**then["inputs"], **{file: now["inputs"][file] for file in again}}
        compare({**then, "inputs": known}, now, folder)
        then, notes = None, (f"can be read now, so they are done: {', '.join(again)}",)
    stamp = hash_of({name: told for name, told in now.items() if name != "inputs"})
    if then is None:
        planned = plan(found.files, settings, fast=recipe.quick)
        jobs = [job.reading(now["inputs"]) for job in planned]
        told = [asdict(job) for job in jobs]
        if again:
            folder.keep([job.key(stamp) for job in jobs])
        then = {**now, "left_out": found.left_out, "jobs": told}
        folder.write_json("manifest.json", then)
    else:
        compare(then, now, folder)
        jobs = [Job.from_dict(job) for job in then["jobs"]]
    if found.left_out:
        count = len(found.left_out)
        some = ", ".join(found.left_out[:3]) + (", ..." if count > 3 else "")
        notes += (f"left out, as no tables by their names: {some} ({count})",)
    if found.unmatched:
        notes += (f"nothing to read in {', '.join(found.unmatched)}",)
    return jobs, stamp, notes


def _checked(inputs: Any, fdr: float, shard: tuple[int, int]) -> list[Any]:
    """Return the inputs as a list, once all that is asked for makes sense."""
    if not 0 < fdr < 1:
        raise ModelError(f"fdr is an expected share, between 0 and 1, not {fdr}")
    if not (len(shard) == 2 and 1 <= shard[0] <= shard[1]):
        raise ModelError(f"shard must be (i, n) with i of 1 to n, not {shard}")
    if is_data(inputs):
        raise ModelError(
            "inputs must be files, which workers read, not data: write a data frame to a file "
            "first, such as frame.to_parquet('series.parquet'), and name its series by by="
        )
    given = [inputs] if isinstance(inputs, str | os.PathLike) else list(inputs)
    if not given:
        raise ModelError("a batch needs inputs: changepoint batch data --out build/batch")
    return given


def finished(out: str | os.PathLike[str]) -> Folder:
    """Return the folder of a batch that is done."""
    folder = Folder(out)
    if folder.read_json("summary.json") is None:
        found = "isn't finished" if folder.file("manifest.json").exists() else "is none"
        raise DataError(
            f"{out}: the batch in this folder {found}: run it (again) with changepoint batch"
        )
    return folder


def read(
    out: str | os.PathLike[str],
    table: Literal["series", "changes"] = "series",
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return a table of a batch as a data frame of pandas.

    Parameters
    ----------
    out
        The folder.
    table
        `series`: a row per series, the flagged first, those with the largest impact before
        the others; `changes`: a row per change.
    columns
        Some of the columns; all, when None.

    Raises
    ------
    DataError
        If the batch isn't finished, or there are no such columns.
    """
    import pandas as pd
    import pyarrow as pa

    scanned = scan(out, table)
    absent = sorted(set(columns or ()) - set(scanned.schema.names))
    if absent:
        raise DataError(
            f"the table {table} has no column {', '.join(absent)}; it has "
            f"{', '.join(scanned.schema.names)}"
        )
    names = [name for name in scanned.schema.names if name not in INNER]
    found = scanned.to_table(columns=names if columns is None else list(columns))
    frame: pd.DataFrame = found.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    return frame


def scan(
    out: str | os.PathLike[str], table: Literal["series", "changes"] = "series"
) -> ds.Dataset:
    """Return a table of a batch as a dataset of pyarrow, which is read piece by piece.

    Parameters
    ----------
    out, table
        As for `read`.

    Raises
    ------
    DataError
        If the batch isn't finished.
    """
    from pyarrow import dataset

    if table not in ("series", "changes"):
        raise DataError(f"table must be 'series' or 'changes', not {table!r}")
    return dataset.dataset(finished(out).file(f"{table}.parquet"), format="parquet")
