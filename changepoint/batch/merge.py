"""Parts -> the tables: flags from all series together, the flagged first, by impact."""

# pyarrow has no type hints.
# mypy: disable-error-code="attr-defined,name-defined,no-untyped-call"

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from changepoint.batch.discovery import Discovery, discover
from changepoint.batch.folder import Folder, whole
from changepoint.batch.schema import BATCH, OK, key_columns, kinds, part_schema
from changepoint.plain import FORMULA, NUMBER, defused

if TYPE_CHECKING:
    import pyarrow as pa

Integers = NDArray[np.int64]

INNER = {"part", "row"}  # where a series stands in the parts: for the report
AT_ONCE = 100_000  # series put in order at a time


def finish(folder: Folder, parts: int, by: Sequence[str], rate: float) -> dict[str, Any]:
    """Write `series.*` and `changes.*`, then `summary.json`, and return what this says.

    First come the flagged series, those with the largest impact (either way) before the others;
    then the rest by their probability of change in the light of all of them, or by impact where
    the model knows of the change; the failed ones last. Equal ones stand as in the input.
    Parts are gone through once for every 100,000 series, so that memory doesn't grow with
    their number.

    Parameters
    ----------
    parts
        How many there are.
    rate
        False discovery rate of the flags.
    """
    import pyarrow.compute as pc

    for old in ("summary.json", "report.html"):  # without the first, nobody reads the tables
        folder.file(old).unlink(missing_ok=True)
    known, sizes = _known(folder, parts)
    log_bayes_factor = known.column("log_bayes_factor").to_numpy().astype(float)
    found = discover(log_bayes_factor, rate)
    failed = pc.not_equal(known.column("status"), OK).to_numpy()
    places = _places(found, known.column("impact").to_numpy().astype(float), failed)
    counts = pc.value_counts(known.column("status")).to_pylist()
    changed = pc.sum(pc.greater(known.column("number"), 0)).as_py()
    del known
    with (
        _writer(folder, "series", _series_schema(by)) as series,
        _writer(folder, "changes", _change_schema(by)) as changes,
    ):
        for chunk in _chunks(folder, by, sizes, places, found):
            series.write(chunk.select(series.schema.names))
            changes.write(_changes(chunk, by))
    summary = {
        "series": int(sizes.sum()),
        "parts": parts,
        "status": {one["values"]: one["counts"] for one in counts},
        "with_changes": changed or 0,
        "flagged": int(found.flagged.sum()),
        "false_discovery_rate": rate,
        "expected_false_share": found.false,
        "share_changed": None if np.isnan(found.share) else found.share,
    }
    folder.write_json("summary.json", summary)
    for unfinished in folder.unfinished(hours=1):
        unfinished.unlink(missing_ok=True)
    return summary


def _places(
    found: Discovery, impact: NDArray[np.float64], failed: NDArray[np.bool_]
) -> Integers:
    """Return the place of each series in the tables."""
    p = np.where(np.isnan(found.probability), -1.0, found.probability)
    by_impact = found.flagged | np.isnan(found.probability)
    size = np.where(by_impact, np.nan_to_num(np.abs(impact), nan=-1.0), 0.0)
    surest = np.where(found.flagged, 0.0, p)
    order = np.lexsort((np.arange(len(p)), -p, -size, -surest, ~found.flagged, failed))
    places = np.empty(len(p), np.int64)
    places[order] = np.arange(len(p))
    return places


def _chunks(
    folder: Folder, by: Sequence[str], sizes: Integers, places: Integers, found: Discovery
) -> Iterator[pa.Table]:
    """Yield the rows of the parts in order of their places, some at a time."""
    import pyarrow as pa
    from pyarrow import parquet

    starts = np.append(0, np.cumsum(sizes))
    names = [name for name in part_schema(by).names if name != "curve"]
    for begin in range(0, max(len(places), 1), AT_ONCE):
        taken = []
        for i in range(len(sizes)):
            mine = np.arange(starts[i], starts[i + 1])
            mine = mine[(places[mine] >= begin) & (places[mine] < begin + AT_ONCE)]
            if not len(mine):
                continue
            part = parquet.read_table(folder.part(i), columns=names)
            p = pa.array(found.probability[mine], from_pandas=True)
            rows = part.take(pa.array(mine - starts[i]))
            rows = rows.append_column("probability_in_batch", p)
            rows = rows.append_column("flagged", pa.array(found.flagged[mine]))
            rows = rows.append_column("part", pa.array(np.full(len(mine), i)))
            rows = rows.append_column("row", pa.array(mine - starts[i]))
            taken.append(rows.append_column("place", pa.array(places[mine])))
        if taken:
            yield pa.concat_tables(taken).sort_by("place")


def _series_schema(by: Sequence[str]) -> pa.Schema:
    import pyarrow as pa

    told = [field for field in part_schema(by) if field.name not in ("changes", "curve")]
    added = [(name, kinds()[kind]) for name, kind in BATCH.items()]
    where = [("part", pa.int64()), ("row", pa.int64())]
    at = 1 + [field.name for field in told].index("probability_of_change")
    return pa.schema([*told[:at], *added, *told[at:], *where])


def _change_schema(by: Sequence[str]) -> pa.Schema:
    import pyarrow as pa

    schema = part_schema(by)
    keys = [schema.field(name) for name in ("series", *key_columns(by), "file")]
    change = schema.field("changes").type.value_type
    told = [change.field(i) for i in range(change.num_fields)]
    return pa.schema([*keys, ("flagged", pa.bool_()), *told])


def _changes(chunk: pa.Table, by: Sequence[str]) -> pa.Table:
    """Return a row for each change of the series in a chunk."""
    import pyarrow as pa
    import pyarrow.compute as pc

    schema = _change_schema(by)
    lists = chunk.column("changes").combine_chunks()
    parents = chunk.take(pc.list_parent_indices(lists))
    flat = pc.list_flatten(lists)
    told = [pc.struct_field(flat, [i]) for i in range(flat.type.num_fields)]
    named = [parents.column(name) for name in schema.names[: len(schema) - len(told)]]
    return pa.table([*named, *told], schema=schema)


class _Writer(NamedTuple):
    """Parquet and CSV of one table, side by side."""

    schema: pa.Schema
    parquet: Any
    csv: Any

    def write(self, table: pa.Table) -> None:
        """Write some rows to both."""
        self.parquet.write_table(table)
        shown = table.drop_columns(INNER & set(table.column_names))
        self.csv.write_table(_defused(shown))


@contextmanager
def _writer(folder: Folder, name: str, schema: pa.Schema) -> Iterator[_Writer]:
    """Open both files, and put them in place when they are whole."""
    import pyarrow as pa
    from pyarrow import csv, parquet

    kept = [field for field in schema if field.name not in INNER]
    shown = pa.schema([field.with_name(defused(field.name)) for field in kept])
    with (
        whole(folder.file(f"{name}.parquet")) as one,
        whole(folder.file(f"{name}.csv")) as two,
        two.open("wb") as stream,
    ):
        stream.write(codecs.BOM_UTF8)  # else a spreadsheet takes it for its local encoding
        with (
            parquet.ParquetWriter(one, schema) as first,
            csv.CSVWriter(stream, shown) as second,
        ):
            yield _Writer(schema, first, second)


def _defused(table: pa.Table) -> pa.Table:
    """Quote text that a spreadsheet would run as a formula."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for i, field in enumerate(table.schema):
        if pa.types.is_string(field.type):
            cells = table.column(i)
            number = pc.match_substring_regex(cells, NUMBER)
            risky = pc.and_not(pc.match_substring_regex(cells, FORMULA), number)
            quoted = pc.binary_join_element_wise("'", cells, "")
            table = table.set_column(i, field, pc.if_else(risky, quoted, cells))
    return table.rename_columns([defused(name) for name in table.column_names])


def _known(folder: Folder, parts: int) -> tuple[pa.Table, Integers]:
    """Return what flags and order depend on, of all series, and the sizes of the parts."""
    import pyarrow as pa
    from pyarrow import parquet

    names = ["log_bayes_factor", "status", "number", "impact"]
    read = [parquet.read_table(folder.part(i), columns=names) for i in range(parts)]
    empty = part_schema(()).empty_table().select(names)
    return pa.concat_tables([empty, *read]), np.array([len(one) for one in read], np.int64)
