"""The public functions: a file or a frame -> Observations."""

from __future__ import annotations

import functools
import inspect
import os
import shlex
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack, get_type_hints

from changepoint.errors import PACKAGE, DataError, DataWarning, Problem
from changepoint.observations import Observations
from changepoint.reading.clocks import refuse_offsets
from changepoint.reading.covariates import numeric_covariates, without_covariates
from changepoint.reading.dates import read_times
from changepoint.reading.doors import Choice, refuse_choice, table_of_csv, table_of_file
from changepoint.reading.frames import read_frame, read_parquet_table
from changepoint.reading.instructions import Instructions
from changepoint.reading.matching import is_covariate, is_outcome, with_numbers
from changepoint.reading.numerals import read_numbers
from changepoint.reading.outcomes import asked_for, find_outcomes
from changepoint.reading.series import gathered, repeats
from changepoint.reading.table import Table, prefixed
from changepoint.reading.timegrid import Series
from changepoint.reading.units import scaled

Period = Literal["day", "week", "month"]
Statistic = Literal["mean", "median", "sum"]


class Options(TypedDict, total=False):
    """What every reader takes: a column for each role, what to put together, units."""

    time: str | None
    count: str | None
    trials: str | float | None
    exposure: str | float | None
    rate: str | None
    value: str | None
    outcomes: Sequence[str] | None
    outcome: str | None
    events: str | bool | None
    covariates: Sequence[str] | None
    aggregate: Period | None
    statistic: Statistic | None
    keep_partial: bool | None
    start: Any
    end: Any
    zone: str | None
    exclude: Iterable[Any] | None
    per: float | None
    year: int | None
    difference: bool | None


def spelled[**P, R](reader: Callable[P, R]) -> Callable[P, R]:
    """Give a reader a signature that names each of its options, and refuse any other."""
    signature = inspect.signature(reader)
    parameters = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    for name, hint in get_type_hints(Options).items():
        option = inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=hint
        )
        parameters.append(option)
    full = signature.replace(parameters=parameters)

    @functools.wraps(reader)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            full.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{reader.__name__}() {error}") from None
        return reader(*args, **kwargs)

    checked.__signature__ = full  # type: ignore[attr-defined]
    return checked


@spelled
def read(
    path: str | os.PathLike[str],
    *,
    date_format: str | None = None,
    query: str | None = None,
    sheet: str | None = None,
    **options: Unpack[Options],
) -> Observations:
    """Read a file of any kind.

    Parameters
    ----------
    path
        A Parquet file (.parquet, .pq), or one with any other suffix, whose content says what it
        is: a text file as for `read_csv`; JSON, a list of records or an object of columns, also
        under a key of an object; JSON Lines; a DuckDB or SQLite database, which is opened for
        reading only; an Excel file (.xlsx). Text may be compressed by gzip. "-" is standard
        input.
    date_format, **options
        As for `read_csv`.
    query
        What a database is asked, such as ``select day, sum(n) as count from sales group by
        day order by day``; not needed if it has one table or view only.
    sheet
        Which sheet of an Excel file; not needed if only one has data.

    Returns
    -------
    Observations
        The series. Its `lines` are those of a text file and of JSON Lines, else numbers of
        rows, from 1; 0 for added rows.

    Raises
    ------
    DataError
        As `read_csv` and `read_parquet`; for spreadsheets; and for a date format beside a
        Parquet file.

    Examples
    --------
    >>> read("data/nile.csv")
    Observations(T=100, 1871 to 1970, value)
    """
    if Path(path).suffix.lower() not in (".parquet", ".pq"):
        asked, how = _told(options)
        table = table_of_file(path, asked, Choice(query, sheet))
        return _observations(table, asked, how, date_format)
    refuse_choice(os.fspath(path), Choice(query, sheet))
    if date_format is not None:
        raise DataError(
            f"{path}: a date format is for text files; in a Parquet file, store dates as dates"
        )
    return read_parquet(path, **options)


@spelled
def read_csv(
    path: str | os.PathLike[str],
    *,
    date_format: str | None = None,
    **options: Unpack[Options],
) -> Observations:
    """Read a text file with a header line: CSV, also with semicolons, tabs or bars.

    Columns find their roles by name (count: conversions, events, ...; the page on files has the
    list). Encoding, delimiter, the way of writing numbers and the order of day and month are
    found from the whole file; what could mean two things is an error. Text above the header
    and totals below the rows are no obstacle. Rows absent from a regular time grid become
    missing rows. Whatever was noticed is warned about, and kept in `warnings` of the result.

    Parameters
    ----------
    path
        The file; one that is compressed by gzip is decompressed.
    time, count, trials, ...
        Columns that names don't find, or that should win over names; any case. Trials and
        exposure may be a number instead, that of every row of the series.
    outcomes
        Columns of counts, one for each outcome that a trial can have, such as
        ``["left", "carted", "bought"]``; never found by name, and in place of all other columns
        but the time.
    outcome
        The same where each row is a trial: the column that says its outcome, by a label or a
        number. The outcomes are sorted, numbers by size; an empty cell is a missing row.
    date_format
        How dates are written, in the codes of `datetime.strptime`, such as ``%d/%m/%Y``;
        needed only where the order of day and month can't be told.
    events
        The column of times of a log, where each row is an event, or has a `count` of them; True
        where the column has a name that means time, or is the only one.
    covariates
        Columns that are known in each row, for `effects.Covariate`: of numbers, or of text,
        whose values are categories. In frames and Parquet files text is never numbers.
    aggregate
        Sum count, trials, exposure and outcomes by calendar day, by ISO week (named by its
        Monday) or by month (named by its first day). A row with a missing number is left out of
        the sums; rows of counts 0 and 1 are trials. A period without rows becomes a missing
        row; in a log of events, which has no rows of 0 but many of 1, it counts 0. Rows are
        checked as they stand in the file (`Observations.rows`).
    statistic
        What stands for the values of a period: mean, median or sum.
    keep_partial
        Keep periods that are cut off at the ends of the file, or in which rows are absent. Else
        sums without trials or exposure are left out then; sums with them if the period lacks a
        part unlike the rest: a week some of its weekend, any more than half of its rows, a day
        more than an eighth.
    start, end
        The first and the last day, or time, of which the rows tell: a log of events begins
        and ends there, by default with its first and last row.
    zone
        The time zone of clock times that have none, such as Europe/Berlin: they are kept in UTC
        and told by its clocks; an hour that comes twice, as clocks go back, by its order.
    exclude
        Windows of time whose rows count as missing, such as outages: pairs of first and last,
        ``[("2024-01-01", "2024-01-05")]``, or text, ``["2024-01-01:2024-01-05"]``; both
        included, a day as a whole; as the file has them too; of data without times numbers of
        rows, from 0. Periods that were summed are left out as a whole.
    per
        What rates are counted by: 100 for percentages, 1 for proportions, 100000. Needed only
        where neither the header nor percent signs say it, and the numbers leave it open.
    year
        That of the first row, where dates are written without one: "Sat, Oct 11".
    difference
        Take what each row adds to count, value or outcomes, which are running totals; trials
        and exposure too, where they never fall. Not together with aggregate.

    Returns
    -------
    Observations
        The series. Its `lines` are lines of the file, from 1, header and text above it
        included; 0 for added rows.

    Raises
    ------
    DataError
        If the file can't be read. Lists every cell that isn't what its column needs.

    Examples
    --------
    >>> read_csv("data/nile.csv")
    Observations(T=100, 1871 to 1970, value)
    >>> read_csv("data/nyc_flights_2013.csv", count="cancelled", trials="scheduled")
    Observations(T=365, 2013-01-01 to 2013-12-31, count, trials)
    >>> read_csv("data/funnel.csv", outcomes=["bounced", "browsed", "carted", "bought"])
    Observations(T=150, 2025-01-01 to 2025-05-30, 4 outcomes)
    """
    asked, how = _told(options)
    return _observations(table_of_csv(path, asked), asked, how, date_format)


@spelled
def read_parquet(
    path: str | os.PathLike[str],
    **options: Unpack[Options],
) -> Observations:
    """Read a Parquet file.

    Parameters
    ----------
    path
        The file.
    **options
        As for `read_csv`. Text is converted as there.

    Returns
    -------
    Observations
        The series. Its `lines` are numbers of rows, from 1; 0 for added rows.

    Raises
    ------
    DataError
        If the file can't be read, or a column isn't numbers, dates or text that means them.

    Examples
    --------
    >>> import pandas, tempfile
    >>> frame = pandas.read_csv("data/nile.csv")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     frame.to_parquet(f"{folder}/nile.parquet")
    ...     read_parquet(f"{folder}/nile.parquet")
    Observations(T=100, 1871 to 1970, value)
    """
    asked, how = _told(options)
    return _observations(read_parquet_table(path, asked), asked, how, None)


@spelled
def from_frame(
    frame: Any,
    **options: Unpack[Options],
) -> Observations:
    """Take the series from a data frame of pandas, polars, pyarrow or DuckDB.

    Parameters
    ----------
    frame
        A data frame, a lazy one, or a DuckDB relation. An index of pandas counts as a column
        if it holds dates or has a name.
    **options
        As for `read_csv`. Text is converted as there.

    Returns
    -------
    Observations
        The series. Its `lines` are numbers of rows, from 1; 0 for added rows.

    Raises
    ------
    DataError
        If this isn't a data frame, or a column isn't numbers, dates or text that means them.

    Examples
    --------
    >>> import pandas
    >>> from_frame(pandas.read_csv("data/nile.csv"))
    Observations(T=100, 1871 to 1970, value)
    """
    asked, how = _told(options)
    return _observations(read_frame(frame, asked), asked, how, None)


def _told(options: Options) -> tuple[dict[str, str], Instructions]:
    """Return the columns asked for, and what to put together."""
    how, columns = Instructions.of(options)
    return asked_for(columns), how


def _observations(
    table: Table, asked: dict[str, str], how: Instructions, date_format: str | None
) -> Observations:
    """Convert the cells, put the rows on their grid, and warn of what was noticed."""
    notes, time, written = list(table.notes), None, ""
    problems: list[Problem] = []
    refuse_offsets(table, how.zone)
    if "time" in table.columns:
        time, problems, noticed, written = read_times(table, date_format, how.year)
        notes += noticed
    roles = [*with_numbers(table.columns), *numeric_covariates(table, table.typed)]
    numbers, wrong, noticed = read_numbers(table, roles)
    notes += noticed
    numbers, odd, noticed = scaled(table, numbers, how.per)
    notes += noticed
    problems = sorted([*problems, *wrong, *odd], key=lambda problem: problem.line or 0)
    if problems:
        cells = "1 cell" if len(problems) == 1 else f"{len(problems)} cells"
        raise DataError(prefixed(table.file, f"{cells} can't be understood"), problems)
    notes += _of_several(table, how.aggregate)
    numbers, covariates = without_covariates(table, numbers, asked)
    several = (is_outcome, is_covariate)
    columns = {
        role: column.name
        for role, column in table.columns.items()
        if not any(test(role) for test in several)
    }
    found = find_outcomes(table, numbers)
    if found is not None:
        numbers, columns["outcomes"] = {"outcomes": found.counts}, found.column
        notes += found.notes
    observations = gathered(
        Series(time, numbers, table.lines, repeats(table, time), covariates),
        how,
        asked,
        notes,
        outcome_names=() if found is None else found.names,
        file=table.file,
        columns=columns,
        date_format=written,
    )
    for note in observations.warnings:
        # Point at the caller, whichever public function was called.
        message = prefixed(table.file, note)
        warnings.warn(message, DataWarning, stacklevel=2, skip_file_prefixes=(PACKAGE,))
    return observations


def _of_several(table: Table, period: str | None) -> tuple[str, ...]:
    """Say that the rows are of several series; without sums that is an error."""
    if table.tags is None:
        return ()
    name, tags = table.tags
    shops = ", ".join(map(repr, tags[:5])) + (", ..." if len(tags) > 5 else "")
    several = f"rows of {len(tags)} series, told apart by column {name!r} ({shops})"
    if period is not None:
        return (f"{several}, were summed; changepoint batch --by {name} fits each",)
    raise DataError(
        prefixed(
            table.file,
            f"{several}, stand in one table, and times repeat. Fit each with changepoint batch "
            f"--by {shlex.quote(name)}, keep the rows of one, or sum them with --aggregate",
        )
    )
