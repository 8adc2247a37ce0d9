"""`changepoint check`."""

from __future__ import annotations

from changepoint.cli.columns import Columns
from changepoint.cli.status import DATA
from changepoint.errors import DataError, ModelError
from changepoint.plain import say


def check(*files: str, columns: Columns = Columns()) -> int:
    """Say which likelihoods fit a file, which rows don't, and which likelihood to use.

    Example: changepoint check data/conversions.csv data/conversion_rates.csv

    Parameters
    ----------
    files
        CSV, JSON, Excel or Parquet files, or databases, see --query.
    """
    if not files:
        raise ModelError("check needs a file: changepoint check data/conversions.csv")
    return max(_check(file, columns) for file in files)


def _check(file: str, columns: Columns) -> int:
    """Print the verdicts on one file; return the exit status."""
    from changepoint.recommend import recommendation, verdicts

    say(file)
    try:
        observations = columns.read(file)
    except DataError as error:
        say(f"  can't be read: {error}\n")
        return DATA
    say(f"  {observations!r}")
    found = verdicts(observations)
    for verdict in found:
        if verdict.absent:
            say(f"  {verdict.likelihood:21} needs {' and '.join(verdict.absent)}")
        elif verdict.error is None:
            say(f"  {verdict.likelihood:21} fits")
            for caution in verdict.cautions:
                say(f"    but {caution}")
        else:
            _, *problems = str(verdict.error).splitlines()
            say(f"  {verdict.likelihood:21} doesn't fit:")
            for line in problems:
                say(f"  {line}")
    advice = recommendation(observations, found)
    if advice is None:
        mend = any(verdict.error is not None for verdict in found)
        remedy = "mend the rows named above" if mend else "all of them need other columns"
        say(f"  No likelihood fits: {remedy}.\n")
        return DATA
    say(f"  Use {advice[0]!r}: {advice[1]}.\n")
    return 0
