"""`changepoint check`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changepoint.cli.columns import Columns
from changepoint.cli.status import DATA
from changepoint.errors import DataError, ModelError
from changepoint.plain import say
from changepoint.reading.files import name_of

if TYPE_CHECKING:
    from changepoint.recommend import Verdict


def check(*files: str, columns: Columns = Columns()) -> int:
    """Say which likelihoods fit a file, which rows don't, and which likelihood to use.

    Example: changepoint check data/conversions.csv data/conversion_rates.csv

    Parameters
    ----------
    files
        CSV, JSON, Excel or Parquet files, or databases, see --query; - for standard input.
    """
    if not files:
        raise ModelError("check needs a file: changepoint check data/conversions.csv")
    return max(_check(file, columns) for file in files)


def _check(file: str, columns: Columns) -> int:
    """Print the advice on one file, then the verdicts; return the exit status."""
    from changepoint.recommend import recommendation, to_mend, verdicts

    say(name_of(file))
    try:
        observations = columns.read(file)
    except DataError as error:
        say(f"  can't be read: {error}\n")
        return DATA
    found = verdicts(observations)
    advice = recommendation(observations, found)
    if advice is not None:
        say(f"  Use {advice[0]!r}: {advice[1]}.")
    elif (usual := to_mend(observations, found)) is not None:
        assert usual.error is not None  # that is why
        rows = "the row" if len(usual.error.rows) == 1 else f"{len(usual.error.rows)} rows"
        say(
            f"  Mend {rows} named below that {usual.likelihood!r}, the usual choice for such "
            "columns, can't explain, or leave the response there empty."
        )
    else:
        mend = any(verdict.error is not None for verdict in found)
        remedy = "mend the rows named below" if mend else "all of them need other columns"
        say(f"  No likelihood fits: {remedy}.")
    say(f"  {observations!r}")
    for verdict in sorted(found, key=_order):
        _say_verdict(verdict)
    say("")
    return 0 if advice else DATA


def _order(verdict: Verdict) -> int:
    """Those that fit, those that don't, those of other columns."""
    return 0 if verdict.fits else 2 if verdict.absent else 1


def _say_verdict(verdict: Verdict) -> None:
    """Print whether one likelihood fits, and what to know of that."""
    if verdict.absent:
        say(f"  {verdict.likelihood:24} needs {' and '.join(verdict.absent)}")
    elif verdict.error is None:
        say(f"  {verdict.likelihood:24} fits")
        for caution in verdict.cautions:
            say(f"    but {caution}")
    else:
        _, *problems = str(verdict.error).splitlines()
        say(f"  {verdict.likelihood:24} doesn't fit:")
        for line in problems:
            say(f"  {line}")
