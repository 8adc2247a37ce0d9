"""The tables: a row per series, and in it the changes and the curve."""

# pyarrow has no type hints.
# mypy: disable-error-code="attr-defined,name-defined,no-untyped-call"

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from changepoint.errors import AccessError, ChangepointError, DataError, ModelError
from changepoint.plain import encodable

if TYPE_CHECKING:
    import pyarrow as pa

OK, ACCESS, DATA, MODEL, ENGINE, LOST = STATUSES = (
    "ok", "access_error", "data_error", "model_error", "engine_error", "worker_lost",
)  # fmt: skip

INTERVALS = ("before", "after", "difference", "ratio")


def status_of(error: Exception) -> tuple[str, str]:
    """Return status and message of what went wrong with a series."""
    if isinstance(error, ChangepointError):
        kinds = {AccessError: ACCESS, DataError: DATA, ModelError: MODEL}
        status = next((told for kind, told in kinds.items() if isinstance(error, kind)), ENGINE)
        return status, str(error)
    return ENGINE, (
        f"internal error, {type(error).__name__}: {error}\n"
        "This is a bug of changepoint, not of your data: please report it with the series"
    )


def _spread(name: str) -> dict[str, str]:
    return {name: "float", f"{name}_lower": "float", f"{name}_upper": "float"}


CHANGE: dict[str, str] = {
    "index": "int",
    "time": "text",
    "most_probable": "text",
    "probability": "float",
    "credible_set": "text",
    **{name: kind for interval in INTERVALS for name, kind in _spread(interval).items()},
    "probability_of_increase": "float",
}
SERIES: dict[str, str] = {
    "file": "text",
    "line": "int",
    "n": "int",
    "missing": "int",
    "start": "text",
    "end": "text",
    "probability_of_change": "float",
    "number": "int",
    "number_probability": "float",
    "first_change": "text",
    "last_change": "text",
    "largest_change": "text",
    **{
        name: kind
        for name, kind in CHANGE.items()
        if name not in ("index", "time", "most_probable")
    },
    "impact": "float",
    "log_evidence": "float",
    "log_bayes_factor": "float",
    "model": "text",
    "warnings": "text",
    "status": "text",
    "error": "text",
}
BATCH = {"probability_in_batch": "float", "flagged": "bool"}  # known when all are done
WITHIN = (
    "changes",
    "curve",
    "part",
    "row",
    "place",
)  # of parts, and of rows being put in order


def key_columns(by: Sequence[str]) -> list[str]:
    """Return the columns of keys: as in the data, unless the table has such a column."""
    taken = {"series", *SERIES, *CHANGE, *BATCH, *WITHIN}
    found = []
    for name in by:
        while name in taken:
            name = f"by_{name}"
        taken.add(name)
        found.append(name)
    return found


def kinds() -> dict[str, Any]:
    """Return Arrow's types."""
    import pyarrow as pa

    return {
        "text": pa.string(), "int": pa.int64(), "float": pa.float64(), "bool": pa.bool_(),
    }  # fmt: skip


def part_schema(by: Sequence[str]) -> pa.Schema:
    """Return the columns of a part."""
    import pyarrow as pa

    types = kinds()
    change = pa.struct([(name, types[kind]) for name, kind in CHANGE.items()])
    ends = [(name, pa.float64()) for name in ("low", "high", "peak")]
    rest = [("data", pa.binary()), ("clipped", pa.int64()), ("ticks", pa.string())]
    curve = pa.struct([*ends, *rest])  # ticks are JSON
    return pa.schema(
        [
            ("series", pa.string()),
            *((name, pa.string()) for name in key_columns(by)),
            *((name, types[kind]) for name, kind in SERIES.items()),
            ("changes", pa.list_(change)),
            ("curve", curve),
        ]
    )


def _writable(text: Any) -> Any:
    """Return text without halves of characters, which names of files may have."""
    if text is None or text.isascii():
        return text
    return encodable(text)


class Rows:
    """The rows of a job in the making; what isn't put stays empty.

    Parameters
    ----------
    names
        The name of each series, (B,).
    keys
        The values of its key columns, (B,) tuples.
    """

    def __init__(self, names: Sequence[str], keys: Sequence[tuple[str, ...]]) -> None:
        B = len(names)
        self.names, self.keys = list(names), list(keys)
        empty = {"text": (None, object), "int": (-1, np.int64), "float": (np.nan, np.float64)}
        self.columns = {name: np.full(B, *empty[kind]) for name, kind in SERIES.items()}
        self.changes: list[list[dict[str, Any]]] = [[] for _ in range(B)]
        self.curves: list[Mapping[str, Any] | None] = [None] * B

    def put(self, i: Any, values: Mapping[str, Any]) -> None:
        """Put values of one series, or arrays of them for several."""
        for name, value in values.items():
            self.columns[name][i] = value

    def fail(self, i: int, status: str, error: str) -> None:
        """Say what became of a series that has no answer."""
        self.put(i, {"status": status, "error": error})

    def table(self, by: Sequence[str]) -> pa.Table:
        """Return the rows as a part has them."""
        import pyarrow as pa

        schema = part_schema(by)
        columns: list[Any] = [pa.array([_writable(name) for name in self.names], pa.string())]
        columns += [
            pa.array([key[i] if i < len(key) else None for key in self.keys], pa.string())
            for i in range(len(by))
        ]
        for name, kind in SERIES.items():
            values = self.columns[name]
            if kind == "text":
                values = np.array([_writable(text) for text in values], object)
            missing = values < 0 if kind == "int" else None
            columns.append(pa.array(values, kinds()[kind], mask=missing, from_pandas=True))
        columns.append(pa.array(self.changes, schema.field("changes").type))
        columns.append(pa.array(self.curves, schema.field("curve").type))
        return pa.table(columns, schema=schema)
