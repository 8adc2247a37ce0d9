"""Headers of several rows: refused with their lines and the remedy; what isn't one is read."""

import io

import openpyxl
import pytest

from changepoint import DataError, read

DATA = [[f"2024-01-{day:02d}", day % 4, 90 + day] for day in range(1, 9)]
HEADERS = {
    "units": [["date", "count", "trials"], ["", "n", "persons"]],
    "units in brackets": [["day", "errors", "requests"], ["(d)", "[1]", "(-)x"]],
    "types": [["date", "count", "trials"], ["string", "int", "int"]],
    "the same twice": [["date", "count", "trials"], ["date", "count", "trials"]],
    "two languages": [["date", "count", "visits"], ["Datum", "Anzahl", "Besuche"]],
    "groups above": [["", "orders", "orders"], ["date", "web", "app"]],
    "groups below": [["date", "orders", "visits"], ["", "web", "app"]],
    "three levels": [["", "value", "value"], ["", "mean", "sum"], ["date", "", ""]],
}


def files(tmp_path, rows):
    """Write a table as text and as a sheet."""
    text, sheet, content = tmp_path / "t.csv", openpyxl.Workbook().active, io.BytesIO()
    text.write_text("\n".join(",".join(map(str, row)) for row in rows) + "\n")
    for row in rows:
        sheet.append([cell if cell != "" else None for cell in row])
    sheet.parent.save(content)
    (tmp_path / "t.xlsx").write_bytes(content.getvalue())
    return text, tmp_path / "t.xlsx"


@pytest.mark.parametrize("title", [0, 2])
@pytest.mark.parametrize("kind", HEADERS)
def test_a_header_of_several_rows_is_refused(tmp_path, kind, title):
    header = HEADERS[kind]
    lines = range(title + 1, title + len(header) + 1)
    for path in files(tmp_path, [["A title"]] * title + header + DATA):
        with pytest.raises(DataError, match=f"{len(header)} rows look like a header") as caught:
            read(path)
        for line, row in zip(lines, header, strict=True):
            assert f"line {line} ({', '.join(map(repr, row))})" in str(caught.value)
        assert "Keep one line with a name for each column" in str(caught.value)


@pytest.mark.parametrize(
    ("header", "first", "options"),
    [
        (["date", "count", "trials"], ["2024-01-01", "", ""], {}),
        (["count", "note", "x"], ["n/a", "closed", "closed"], {}),
        (["count", "note", "x"], ["", "closed", "closed"], {}),
        (["step", "note", "x"], ["a", "b", "c"], {"outcome": "step"}),
    ],
)
def test_a_first_row_of_words_or_of_nothing_is_read(tmp_path, header, first, options):
    rest = [["b" if name == "step" else day for name in header] for day in range(2, 9)]
    if header[0] == "date":
        rest = DATA[1:]
    for path in files(tmp_path, [header, first, *rest]):
        with pytest.warns() if first[0] == "n/a" else io.StringIO():
            assert len(read(path, **options)) == 8


def test_a_word_further_down_is_a_cell_of_its_own(tmp_path):
    for path in files(
        tmp_path, [["date", "count", "trials"], *DATA[:4], ["x", "y", "z"], *DATA[4:]]
    ):
        with pytest.raises(DataError, match="3 cells can't be understood"):
            read(path)
