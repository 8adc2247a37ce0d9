"""Excel files -> rows of a sheet, by openpyxl where it is installed."""

# openpyxl has no type hints.
# mypy: disable-error-code="attr-defined,no-untyped-call"

from __future__ import annotations

import io
import re
import warnings
import zipfile
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from changepoint.errors import DataError
from changepoint.reading.files import EXPORT
from changepoint.reading.grids import Rows
from changepoint.reading.layout import read_sheet
from changepoint.reading.table import Table, shown
from changepoint.reading.values import Fault

_SHEETS = re.compile(r"xl/worksheets/[^/]+\.xml")
_FORMULA = re.compile(rb"<(?:\w+:)?f[ />]")
_LITERAL = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]')  # of a number format
_LISTED = 20


def is_workbook(content: bytes) -> bool:
    """Whether a file's bytes are an Excel file (.xlsx, .xlsm)."""
    if not content.startswith(b"PK"):
        return False
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except zipfile.BadZipFile:
        return False


def read_workbook(
    content: bytes, file: str, sheet: str | None, asked: Mapping[str, str]
) -> Table:
    """Return the columns that have a role, of a sheet or of the only one that isn't empty.

    Raises
    ------
    DataError
        If it can't be read, or there are several sheets and none was told.
    """
    try:
        import openpyxl
    except ImportError:
        raise DataError(
            f"{file}: an Excel file needs the package openpyxl: pip install "
            f"'changepoint-toolkit[excel]'; or {EXPORT}"
        ) from None

    def opened(values: bool) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what is lost when it writes, which we don't
            return openpyxl.load_workbook(io.BytesIO(content), data_only=values)

    try:
        book = opened(values=True)
        name = _chosen(book, file, sheet)
        formulas = opened(values=False)[name] if _has_formulas(content) else None
        rows = _rows(book[name], formulas)
    except DataError:
        raise
    except Exception as error:
        told = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{file}: this Excel file can't be read ({told}); {EXPORT}") from None
    return read_sheet(rows, asked, file)


def _chosen(book: Any, file: str, sheet: str | None) -> str:
    """Return the name of the sheet to read."""
    filled = [one.title for one in book.worksheets if any(map(any, _cells(one)))]
    names = ", ".join(repr(shown(name)) for name in filled[:_LISTED])
    names += ", ..." if len(filled) > _LISTED else ""
    if sheet is not None:
        every = [one.title for one in book.worksheets]
        plain = {name.strip().casefold(): name for name in every}
        found: str | None = sheet if sheet in every else plain.get(sheet.strip().casefold())
        if found is None:
            raise DataError(f"{file}: there is no sheet {sheet!r}; those with data are {names}")
        if found not in filled:
            raise DataError(
                f"{file}: the sheet {found!r} is empty; those with data are {names}"
            )
        return found
    if not filled:
        raise DataError(f"{file}: the file is empty; expected a header line and rows")
    if len(filled) > 1:
        raise DataError(
            f"{file}: {len(filled)} sheets have data, {names}: say which with --sheet NAME "
            "(sheet= in Python)"
        )
    return str(filled[0])


def _cells(sheet: Any) -> Any:
    """Yield the rows of a sheet, which of each cell is whether it holds something."""
    for row in sheet.iter_rows(values_only=True):
        yield [value not in (None, "") for value in row]


def _has_formulas(content: bytes) -> bool:
    """Whether any sheet has a formula: only then it is worth to read the file twice."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        sheets = filter(_SHEETS.fullmatch, archive.namelist())
        return any(_FORMULA.search(archive.read(name)) for name in sheets)


def _rows(sheet: Any, formulas: Any) -> Rows:
    """Return the rows that aren't blank, with their numbers in the sheet."""
    rows = Rows([], [], typed=True)
    for number, cells in enumerate(sheet.iter_rows(), 1):
        values = [_value(cell) for cell in cells]
        if formulas is not None:
            for index in (i for i, value in enumerate(values) if value is None):
                formula = formulas.cell(number, index + 1)
                if formula.data_type == "f":
                    values[index] = _unstored(formula.value)
        rows.lines.append(number)
        rows.cells.append(values)
    for area in sheet.merged_cells.ranges:
        top = rows.cells[area.min_row - 1][area.min_col - 1]
        for row, column in area.cells:
            if top is not None and (row, column) != (area.min_row, area.min_col):
                rows.cells[row - 1][column - 1] = _covered(area.coord)
    filled = [
        i for i, cells in enumerate(rows.cells)
        if any(cell not in (None, "") for cell in cells)
    ]  # fmt: skip
    return Rows([rows.lines[i] for i in filled], [rows.cells[i] for i in filled], typed=True)


def _value(cell: Any) -> Any:
    """Return the value of a cell; percentages as the text that the sheet shows."""
    value = cell.value
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and "%" in _LITERAL.sub("", cell.number_format or ""):
        percent = (Decimal(f"{value:.15g}") * 100).normalize()
        return f"{percent:f}%"
    return value


def _unstored(formula: Any) -> Fault:
    text = formula if isinstance(formula, str) else str(getattr(formula, "text", "="))
    return Fault(
        text,
        "a formula whose result isn't stored in the file",
        "Open the file in Excel or LibreOffice and save it, or write the number",
    )


def _covered(area: str) -> Fault:
    return Fault(
        "",
        f"the cell is merged with others ({area}), of which only the first has a value",
        "Unmerge them, and fill in each row",
    )
