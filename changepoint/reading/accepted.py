"""What stands where data are asked for: Observations as they are, a data frame by its names."""

from __future__ import annotations

import os
from typing import Any

from changepoint.errors import DataError
from changepoint.observations import Observations
from changepoint.reading.frames import FRAMES, doubled_names
from changepoint.reading.readers import from_frame


def is_data(thing: object) -> bool:
    """Return whether it is Observations or a data frame."""
    if thing is None or isinstance(thing, Observations):
        return thing is not None
    import narwhals as nw

    if doubled_names(thing):  # a frame that narwhals takes no part of
        return True
    wrapped = nw.from_native(thing, pass_through=True)
    return isinstance(wrapped, nw.DataFrame | nw.LazyFrame)


def observations_of(data: Any, call: str) -> Observations:
    """Return the data of a call such as "fit(model, observations)"; a frame's by `from_frame`.

    Raises
    ------
    DataError
        If it is neither, or the frame can't be read.
    """
    if isinstance(data, Observations):
        return data
    if is_data(data):
        return from_frame(data)
    hint = ""
    if isinstance(data, str | os.PathLike):
        hint = f"; a file is read first: changepoint.read({os.fspath(data)!r})"
    elif hasattr(data, "__len__"):  # numbers, or columns
        hint = "; numbers are given by role, such as Observations(count=..., trials=...)"
    raise DataError(
        f"{call}: observations must be Observations or {FRAMES}, not {named(data)}{hint}"
    )


def named(thing: object) -> str:
    """Return what something is, in a message: None, or a value of its type."""
    if thing is None:
        return "None"
    kind = thing.__name__ if isinstance(thing, type) else type(thing).__name__
    return f"the class {kind}" if isinstance(thing, type) else f"a value of type {kind}"
