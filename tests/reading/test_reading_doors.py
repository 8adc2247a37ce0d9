"""One table, many doors: the same Observations, or the same error but for its lines."""

import contextlib
import datetime
import gzip
import io
import json
import re
import sqlite3
import tempfile
import warnings
from pathlib import Path

import duckdb
import numpy as np
import openpyxl
import pytest

from changepoint import DataError, DataWarning, read, read_csv
from changepoint.roles import ROLES

DAYS = [f"2024-01-{day:02d}" for day in range(1, 15)]
MONDAYS = np.arange("2024-01-01", "2025-01-01", 7, dtype="datetime64[D]").astype(str).tolist()

DATED = {*DAYS, *MONDAYS}
NUMBERED = list(enumerate(DAYS))

# Name -> header, rows, options. None is a missing cell.
TABLES = {
    "counts": ("date,count,trials", [[d, i % 5, 40 + i] for i, d in NUMBERED], {}),
    "absent days and cells": (
        "date,count,trials",
        [[d, None if i == 4 else i, 40] for i, d in NUMBERED if i != 7],
        {},
    ),
    "values": ("week,value", [[d, round(0.1 + i / 3, 9)] for i, d in enumerate(MONDAYS)], {}),
    "three digits": ("date,value", [[d, round(1.001 + i / 1000, 3)] for i, d in NUMBERED], {}),
    "years": ("year,deaths", [[1900 + i, i % 3] for i in range(20)], {}),
    "percent in the header": ("date,CTR %", [[d, 1.5 + i / 8] for i, d in NUMBERED], {}),
    "percent in the cells": ("date,ctr", [[d, f"{1 + i}.5%"] for i, d in NUMBERED], {}),
    "unclear unit": ("date,rate", [[d, 0.5] for d in DAYS], {}),
    "unit told": ("date,rate", [[d, 0.5] for d in DAYS], {"per": 100}),
    "missing": ("date,count", [[d, "n/a" if i == 3 else i] for i, d in NUMBERED], {}),
    "compact dates": ("when,count", [[int(d.replace("-", "")), i] for i, d in NUMBERED], {}),
    "long numbers": ("year,count", [[20_240_101 + i, "x"] for i in range(9)], {}),
    "0 and 1": ("date,count", [[d, i % 2] for i, d in NUMBERED], {}),
    "other columns": ("when,count,price,note", [[d, i, i / 7, "x"] for i, d in NUMBERED], {}),
    "sums": (
        "date,count,trials",
        [[d, 2, 9 + i] for d in DAYS for i in range(3)],
        {"aggregate": "day"},
    ),
    "a log": ("created_at", [[d] for d in DAYS[::3] * 2], {"events": True, "aggregate": "day"}),
    "outcomes": ("date,a,b", [[d, i, 9] for i, d in NUMBERED], {"outcomes": ["a", "b"]}),
    "labels": ("date,step", [[d, "ab"[i % 2]] for i, d in NUMBERED], {"outcome": "step"}),
    "parts": ("year,month,count", [[2020 + i // 12, 1 + i % 12, i] for i in range(24)], {}),
    "totals": ("date,count", [[d, i] for i, d in NUMBERED] + [["Total", 91]], {}),
    "constant": ("date,count", [[d, i] for i, d in NUMBERED], {"trials": 100}),
    # Errors.
    "no response": ("date,price", [[d, 5] for d in DAYS], {}),
    "words": ("date,count", [[d, "x" if i in (2, 5) else i] for i, d in NUMBERED], {}),
    "dates": ("date,count", [["2024-02-31", 1], ["2024-03-01", 2], ["x1", 3]], {}),
    "a copy": ("date,count", [[d, 5] for d in [*DAYS, DAYS[3]]], {}),
    "several": ("date,shop,count", [[d, s, i] for i, d in NUMBERED for s in "ab"], {}),
    "two roles": ("date,requests,users,count", [[d, 9, 9, 1] for d in DAYS], {}),
    "no such column": ("date,count", [[d, 5] for d in DAYS], {"count": "y"}),
    "too many of some": (
        "date,count,trials",
        [[d, 900 if i == 3 else 1, 100] for i, d in enumerate(DAYS * 2)],
        {"aggregate": "week"},
    ),
}


def records(header, rows):
    return [dict(zip(header, row, strict=True)) for row in rows]


def columns(header, rows):
    return dict(zip(header, map(list, zip(*rows, strict=True)), strict=True))


def csv_text(header, rows):
    cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
    return "\n".join(map(",".join, [header, *cells])) + "\n"


def as_json(value):
    return json.dumps(value, indent=1).encode()


def by_number(header, rows):
    """Return columns as pandas writes them."""
    found = columns(header, rows)
    return {
        name: {str(i): cell for i, cell in enumerate(cells)} for name, cells in found.items()
    }


def sql_rows(header, rows):
    """Return the definition of a table t and its rows as SQL, a type a column."""
    kinds = []
    for cells in zip(*rows, strict=True):
        present = {type(cell) for cell in cells} - {type(None)}
        kinds.append("text" if str in present else "double" if float in present else "bigint")
    quoted = [f'"{name}" {kind}' for name, kind in zip(header, kinds, strict=True)]
    marks = ", ".join("?" * len(header))
    return f"create table t ({', '.join(quoted)})", f"insert into t values ({marks})"


def duckdb_file(header, rows):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "it")
        with duckdb.connect(path) as connection:
            create, insert = sql_rows(header, rows)
            connection.execute(create)
            connection.executemany(insert, rows)
        return path.read_bytes()


def sqlite_file(header, rows):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "it")
        with contextlib.closing(sqlite3.connect(path)) as connection:
            create, insert = sql_rows(header, rows)
            connection.execute(create)
            connection.executemany(insert, rows)
            connection.commit()
        return path.read_bytes()


def workbook(header, rows):
    book, content = openpyxl.Workbook(), io.BytesIO()
    for row in (header, *rows):
        book.active.append(row)
    book.save(content)
    return content.getvalue()


def dated(row):
    """Return a row with dates as dates."""
    found = [datetime.date.fromisoformat(row[0])] if row[0] in DATED else row[:1]
    return [*found, *row[1:]]


# Suffix -> the bytes of a file that holds the table.
DOORS = {
    "records.json": lambda *table: as_json(records(*table)),
    "columns.json": lambda *table: as_json(columns(*table)),
    "pandas.txt": lambda *table: as_json(by_number(*table)),
    "inside.json": lambda *table: as_json({"data": {"rows": records(*table)}}),
    "lines.jsonl": lambda *table: "\n\n".join(map(json.dumps, records(*table))).encode(),
    "packed.json.gz": lambda *table: gzip.compress(as_json(records(*table))),
    "duck.db": duckdb_file,
    "lite.db": sqlite_file,
    "sheet.xlsx": workbook,
    "dates.xlsx": lambda header, rows: workbook(header, list(map(dated, rows))),
    "packed.csv.gz": lambda *table: gzip.compress(csv_text(*table).encode()),
}


def answer(path, options):
    """Return what reading says: all of the series and its notes, or the error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        try:
            found = read(path, **options)
        except DataError as error:
            return without_lines(str(error), path)
    parts = [("time", found.time), *((role, getattr(found, role)) for role in ROLES)]
    numbers = {name: None if part is None else part.tolist() for name, part in parts}
    notes = [without_lines(note, path) for note in found.warnings]
    return repr(numbers), dict(found.columns), found.outcome_names, notes


def without_lines(text, path):
    return re.sub(r"line \d+|lines? [\d, and]+", "line", text.replace(str(path), "FILE"))


@pytest.mark.parametrize("table", TABLES)
def test_every_door_leads_to_the_same(tmp_path, table):
    names, rows, options = TABLES[table]
    header = names.split(",")
    plain = tmp_path / "plain.csv"
    plain.write_text(csv_text(header, rows))
    expected = answer(plain, options)
    for door, written in DOORS.items():
        path = tmp_path / door
        path.write_bytes(written(header, rows))
        assert answer(path, options) == expected, door


def write(tmp_path, text, name="table.json"):
    path = tmp_path / name
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "no records"),
        ("{}", "no table"),
        ("5", "a number alone"),
        ('[{"date": "2024-01-01", "count": 5},\n{"date": "2024-01-02", "count"', "isn't JSON"),
        ('[["date", "count"], ["2024-01-01", 5]]', "2 are lists of cells: record 1"),
        ('[{"date": "2024-01-01", "count": 5}, 7]', r"record 2 \(7\)"),
        ('{"date": ["2024-01-01"], "count": [5, 6]}', "'date' has 1, 'count' has 2"),
        ('{"a": [{"count": 5}], "b": [{"count": 6}]}', "2 tables"),
        ('{"2024-01-01": {"count": 5}, "2024-01-02": {"count": 6}}', "no table"),
        ('[{"date": "2024-01-01", "count": 5, "count": 6}]', "record 1 has the key 'count' tw"),
        (
            '[{"year": 2024, "count": [5]}, {"year": 2025, "count": {"n": 6}}]',
            r"(?s)2 cells.* 1, column 'count'.*not a list.* 2, column 'count'.*not an object",
        ),
        (
            '[{"year": 2024, "count": Infinity}, {"year": 2025, "count": 1e999}]',
            "a finite number was expected, 2 times",
        ),
        ("[" * 100_000, "nested too deep|isn't JSON"),
        ('[{"year": 2024, "count": ' + "9" * 5000 + "}]", "isn't JSON|finite"),
    ],
)
def test_what_json_is_no_table_is_refused_with_a_reason(tmp_path, text, message):
    with pytest.raises(DataError, match=message) as caught:
        read(write(tmp_path, text))
    assert "table.json" in str(caught.value)


def test_a_bad_record_of_json_lines_is_named_by_its_line(tmp_path):
    text = '{"year": 2024, "count": 5}\n\n{"year": 2025, "count": 6\n'
    with pytest.raises(DataError, match=r"line 3: this isn't a JSON record"):
        read(write(tmp_path, text, "t.jsonl"))
    with pytest.raises(DataError, match=r"line 3, 2025, column 'count', value 'x'"):
        read(write(tmp_path, text.replace("6", '"x"}'), "t.jsonl"))


def test_what_is_absent_or_nan_is_missing_and_said(tmp_path):
    text = '[{"year": 1, "count": 5}, {"year": 2}, {"year": 3, "count": NaN}, '
    text += '{"year": 4, "count": null}]'
    with pytest.warns(DataWarning, match="missing"):
        found = read(write(tmp_path, text))
    assert np.isnan(found.count).tolist() == [False, True, True, True]
    assert found.warnings == (
        "records without a key have a missing cell: 'count' (1)",
        "column 'count': 1 cell counts as missing: 'NaN' (1)",
    )


def test_what_is_left_out_beside_the_table_is_said(tmp_path):
    rows = records(["year", "count", "tags"], [[2000 + i, i, ["x"]] for i in range(5)])
    with pytest.warns(DataWarning, match="left out: 'status', 'page'"):
        found = read(
            write(tmp_path, json.dumps({"status": "ok", "rows": rows, "page": {"n": 1}}))
        )
    assert found.count.tolist() == [0, 1, 2, 3, 4]


def test_no_number_beside_text_is_read_as_another(tmp_path):
    rows = [{"year": 2001, "value": 1.234}, {"year": 2002, "value": "2,5"}]
    with pytest.raises(DataError, match=r"with a decimal point|1\.2340"):
        read(write(tmp_path, json.dumps(rows)))


def test_json_is_not_csv(tmp_path):
    with pytest.raises(DataError, match="a file of JSON"):
        read_csv(write(tmp_path, '[{"year": 2001, "value": 1}]', "t.csv"))


def test_dates_in_either_order_can_be_told_apart(tmp_path):
    dates = [f"{month}/1/2023" for month in range(1, 13)]
    path = tmp_path / "t.json"
    path.write_text(json.dumps([{"date": date, "count": 3} for date in dates]))
    with pytest.raises(DataError, match=r"--date-format '%d/%m/%Y' or '%m/%d/%Y'"):
        read(path)
    found = read(path, date_format="%m/%d/%Y")
    assert found.label(11) == "2023-12-01"
