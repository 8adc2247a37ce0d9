"""Excel files: which sheet, and cells that no text file has."""

import datetime
import re
import sys
import zipfile

import numpy as np
import openpyxl
import pytest

from changepoint import DataError, DataWarning, read, read_csv

DAYS = [datetime.date(2024, 1, day) for day in range(1, 21)]
ROWS = [[day, i % 4, 50 + i] for i, day in enumerate(DAYS)]
COUNTS = [i % 4 for i in range(20)]


@pytest.fixture
def sheet():
    """An empty sheet of a new workbook."""
    return openpyxl.Workbook().active


def saved(sheet, tmp_path, name="book.xlsx"):
    path = tmp_path / name
    sheet.parent.save(path)
    return path


def filled(sheet, rows=ROWS, header=("date", "count", "trials"), above=()):
    for row in (*above, header, *rows):
        sheet.append(list(row))
    return sheet


def test_a_table_may_stand_anywhere_in_a_sheet(sheet, tmp_path):
    filled(sheet, above=[["Sales of 2024"], [], [None, None, None]])
    sheet.merge_cells("A1:C2")
    sheet.insert_cols(1, 2)
    sheet.append([None, None, "Total", 30, 1190])
    with pytest.warns(DataWarning, match=r"footer.*line 25 \(Total 30 1190\)"):
        found = read(saved(sheet, tmp_path))
    assert found.count.tolist() == COUNTS
    assert found.lines.tolist() == list(range(5, 25))
    assert found.label(0) == "2024-01-01"


def test_the_sheet_is_the_only_one_with_data_or_told(sheet, tmp_path):
    filled(sheet).title = "North"
    sheet.parent.create_sheet("Notes", 0)
    assert read(saved(sheet, tmp_path)).count.tolist() == COUNTS
    filled(sheet.parent.create_sheet("South"), [[day, 7, 9] for day in DAYS])
    path = saved(sheet, tmp_path)
    with pytest.raises(DataError, match=r"2 sheets have data, 'North', 'South'.*--sheet NAME"):
        read(path)
    assert set(read(path, sheet="south ").count) == {7}
    with pytest.raises(DataError, match="no sheet 'East'; those with data are 'North', 'So"):
        read(path, sheet="East")
    with pytest.raises(DataError, match="'Notes' is empty"):
        read(path, sheet="Notes")


def test_an_empty_workbook_is_empty(sheet, tmp_path):
    with pytest.raises(DataError, match="the file is empty"):
        read(saved(sheet, tmp_path))


def test_percentages_are_what_the_sheet_shows(sheet, tmp_path):
    filled(sheet, [[day, 0.05 + i / 1000] for i, day in enumerate(DAYS)], ("date", "CTR %"))
    for (cell,) in sheet.iter_rows(2, None, 2, 2):
        cell.number_format = "0.0%"
    np.testing.assert_array_equal(
        read(saved(sheet, tmp_path)).rate, [round(0.05 + i / 1000, 3) for i in range(20)]
    )
    for (cell,) in sheet.iter_rows(2, None, 2, 2):
        cell.value, cell.number_format = cell.value * 100, '0.0"%"'  # a sign that is no unit
    with pytest.warns(DataWarning, match="divided by 100"):
        found = read(saved(sheet, tmp_path))
    np.testing.assert_allclose(found.rate[:2], [0.05, 0.051])


def test_errors_of_a_sheet_are_missing_or_named(sheet, tmp_path):
    filled(sheet)
    sheet["B3"], sheet["B4"] = "#N/A", "#DIV/0!"
    with pytest.warns(DataWarning, match="2 cells count as missing"):
        assert np.isnan(read(saved(sheet, tmp_path)).count).sum() == 2
    sheet["B7"] = "#REF!"
    with pytest.raises(DataError, match="line 7, 2024-01-06, column 'count', value '#REF!'"):
        read(saved(sheet, tmp_path))


def test_formulas_give_their_stored_results(sheet, tmp_path):
    filled(sheet)
    sheet["B4"], sheet["B6"] = "=B3*2", "=A1"
    path = saved(sheet, tmp_path)
    with pytest.raises(DataError, match="result isn't stored in the file, 2 times") as caught:
        read(path)
    assert caught.value.problems["line"].tolist() == [4, 6]
    assert caught.value.problems["value"].tolist() == ["'=B3*2'", "'=A1'"]
    assert len(read(path, value="trials")) == 20  # in a column that isn't used
    with zipfile.ZipFile(path) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    name = "xl/worksheets/sheet1.xml"
    parts[name] = re.sub(rb"(</f>)<v ?/>|(</f>)<v></v>", rb"</f><v>9</v>", parts[name])
    with zipfile.ZipFile(path, "w") as book:
        for name, part in parts.items():
            book.writestr(name, part)
    assert read(path).count[[2, 4]].tolist() == [9, 9]


def test_merged_cells_in_a_used_column_are_refused(sheet, tmp_path):
    filled(sheet, [["x", *row] for row in ROWS], ("group", "date", "count", "trials"))
    sheet.merge_cells("A2:A21")
    assert read(saved(sheet, tmp_path)).count.tolist() == COUNTS
    sheet.merge_cells("C4:C6")
    with pytest.raises(DataError, match=r"(?s)merged with others \(C4:C6\).*2 times.*Unmerge"):
        read(saved(sheet, tmp_path))


def test_kinds_are_told_by_content(sheet, tmp_path):
    path = saved(filled(sheet), tmp_path, "book.csv")
    assert read(path).count.tolist() == COUNTS
    with pytest.raises(DataError, match="file of Excel"):
        read_csv(path)
    path.rename(path.with_suffix(".xlsx")).write_text("date,count\n2024-01-01,5\n")
    with pytest.raises(DataError, match="no Excel file"):
        read(path.with_suffix(".xlsx"))
    path.write_text("date,count\n2024-01-01,5\n")
    with pytest.raises(DataError, match="no Excel file"):
        read(path, sheet="North")


def test_a_damaged_workbook_is_one_error(sheet, tmp_path):
    path = saved(filled(sheet), tmp_path)
    whole = path.read_bytes()
    place = whole.index(b"xl/worksheets/sheet1.xml") + 60
    for content in (whole[:-30], whole[:place] + b"\xff" * 50 + whole[place + 50 :]):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"Excel.*export the sheet as CSV"):
            read(path)


def test_without_openpyxl_the_extra_is_named(sheet, tmp_path, monkeypatch):
    path = saved(filled(sheet), tmp_path)
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(DataError, match=r"changepoint-toolkit\[excel\]'; or export the sheet"):
        read(path)
