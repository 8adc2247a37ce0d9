"""Arrow columns -> text, numbers or dates."""

# pyarrow has no type hints.
# mypy: disable-error-code="attr-defined,name-defined,no-untyped-call"

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from changepoint.reading.table import Cells

if TYPE_CHECKING:
    import pyarrow as pa


class UnknownTypeError(Exception):
    """A type that is neither numbers, nor text, nor dates."""


def cells_of(column: pa.ChunkedArray) -> tuple[Cells, tuple[str, ...]]:
    """Return the cells of a column, and what was done to them.

    Raises
    ------
    UnknownTypeError
        If the type can't be cells of a table.
    pyarrow.ArrowException
        If values are beyond what can be held.
    """
    import pyarrow as pa
    from pyarrow import types

    if types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if types.is_binary(kind) or types.is_large_binary(kind):
        column, kind = column.cast(pa.string()), pa.string()  # how some writers store text
    if types.is_string(kind) or types.is_large_string(kind) or kind == pa.string_view():
        return ["" if cell is None else cell.strip() for cell in column.to_pylist()], ()
    if types.is_timestamp(kind) or types.is_date(kind):
        return _dates(column)
    if (
        types.is_null(kind)
        or types.is_boolean(kind)
        or types.is_integer(kind)
        or types.is_floating(kind)
        or types.is_decimal(kind)
    ):
        numbers = column.cast(pa.float64(), safe=False)
        return np.asarray(numbers.to_numpy(), dtype=np.float64), ()
    raise UnknownTypeError(str(kind))


def _dates(column: pa.ChunkedArray) -> tuple[Cells, tuple[str, ...]]:
    import pyarrow as pa
    import pyarrow.compute as pc

    notes: tuple[str, ...] = ()
    if pa.types.is_timestamp(column.type) and column.type.tz is not None:
        zone = column.type.tz
        local = pc.local_timestamp(column)
        midnight = pc.equal(local, pc.floor_temporal(local, unit="day"))
        utc = column.cast(pa.timestamp(column.type.unit, "UTC")).cast(
            pa.timestamp(column.type.unit)
        )
        # Days of a time zone are days, whatever their offsets from UTC.
        days = pc.all(midnight).as_py()
        if not local.equals(utc):
            how = "kept as dates" if days else "converted to UTC"
            notes = (f"times of the zone {zone} were {how}",)
        column = local if days else utc
    # Finer than microseconds is cut off, as nowhere else are times finer.
    stamps = column.cast(pa.timestamp("us"), safe=False)
    return stamps.to_numpy().astype("datetime64[us]"), notes
