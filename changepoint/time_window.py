"""A window of time as rows."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from changepoint.errors import PACKAGE, DataError, DataWarning
from changepoint.observations import Observations


def rows_between(observations: Observations, first: Any, last: Any) -> NDArray[np.bool_]:
    """Return which rows a window of time covers, whole or in part, shape (T,).

    Parameters
    ----------
    first, last
        Dates, numbers, or rows where the data have no times; both included.

    Raises
    ------
    DataError
        If these aren't times, if the last is before the first, or if there are no rows
        between them.
    """
    T = len(observations)
    stamps = np.arange(T) if observations.time is None else observations.time
    low, high = (_place(observations, end, stamps.dtype.kind == "M") for end in (first, last))
    if low > high:
        raise DataError(
            f"the window ends, at {last}, before it begins, at {first}: exchange the two"
        )
    # A row lasts until the next one; the last, as long as the one before it.
    step = stamps[-1] - stamps[-2] if T > 1 else stamps[-1] - stamps[-1]
    if high < stamps[0] or (low > stamps[-1] and low >= stamps[-1] + step):
        ends = f"{observations.label(0)} to {observations.label(T - 1)}"
        raise DataError(f"there are no rows between {first} and {last}; the data have {ends}")
    begin = max(int(np.searchsorted(stamps, low, "right")) - 1, 0)
    end = int(np.searchsorted(stamps, high, "right"))
    if stamps[begin] < low:
        named = " to ".join(dict.fromkeys(map(observations.label, (begin, end - 1))))
        warnings.warn(
            f"the window begins inside a row: it was widened to whole rows, {named}",
            DataWarning,
            skip_file_prefixes=(PACKAGE,),
        )
    rows = np.zeros(T, np.bool_)
    rows[begin:end] = True
    return rows


def _place(observations: Observations, end: Any, dates: bool) -> Any:
    """Return a time given by the user as one that compares with those of the data."""
    try:
        place = np.asarray(end)
        if dates and place.dtype.kind not in "MUO":
            raise TypeError
        place = place.astype("datetime64[us]" if dates else np.float64)
        if place.ndim or not np.isfinite(place):
            raise TypeError
    except (TypeError, ValueError):
        like = observations.label(0)
        raise DataError(f"first and last must be times such as {like}, not {end!r}") from None
    return place
