"""Encodings, delimiters, preambles, headers, footers, ragged rows: the layout of text files."""

import gzip

import numpy as np
import pytest

from changepoint.errors import DataError, DataWarning
from changepoint.reading import read, read_csv

ROWS = [(f"2020-01-{day:02d}", day, 100 + day) for day in range(1, 11)]
COUNTS = [float(count) for _, count, _ in ROWS]


def packed(content):
    """Return bytes compressed by gzip, without the time: tests are named by them."""
    return gzip.compress(content, mtime=0)


def table(delimiter=",", header=("date", "count", "trials"), end="\n"):
    rows = [header, *ROWS]
    return end.join(delimiter.join(map(str, row)) for row in rows) + end


def check(observations):
    assert observations.count.tolist() == COUNTS
    assert observations.trials.tolist() == [100 + count for count in COUNTS]
    assert observations.label(0) == "2020-01-01"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_delimiters_and_line_ends(reads, delimiter, end):
    observations = reads(table(delimiter, end=end))
    check(observations)
    assert observations.lines.tolist() == list(range(2, 12))


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"],
)
def test_encodings(reads, encoding):
    text = table(header=("date", "count", "trials")).replace("date", "größe", 1)
    if encoding in ("utf-16-le", "utf-16-be"):
        text = text.replace("größe", "date")  # no mark, so only Western text is recognised
        check(reads(text.encode(encoding)))
        return
    observations = reads(text.encode(encoding), time="GRÖSSE")
    check(observations)
    assert observations.columns["time"] == "größe"


def test_utf_16_with_big_endian_mark(reads):
    check(reads(b"\xfe\xff" + table().encode("utf-16-be")))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_gzip_is_known_by_its_bytes(reads, encoding):
    text = table().encode(encoding)
    check(reads(packed(text)))
    if encoding == "utf-8":  # files that were put together, as by cat
        check(reads(packed(text[:40]) + packed(text[40:])))


def test_preamble_and_padded_header(reads):
    preamble = 'Report of "sales"\n\n"unclosed\nDate: 2020\nTotal;x\n'
    observations = reads(preamble + table(header=(" Date ", "COUNT\u00a0", "  Trials")))
    check(observations)
    assert observations.lines[0] == 7
    assert observations.columns == {"time": "Date", "count": "COUNT", "trials": "Trials"}


def test_header_is_found_by_the_columns_asked_for(reads):
    text = "n;y\nStand: 2020\n" + table(";", ("Tag", "Fälle", "Besuche"))
    check(reads(text, time="tag", count="fälle", trials="besuche"))


def test_excel_separator_line(reads):
    check(reads("sep=;\r\n" + table(";")))


def test_quoted_cells(reads):
    text = 'date,count,note\n"2020-01-01", "1","a ""b"", c"\n2020-01-02,2,"two\nlines"\n'
    observations = reads(text + "2020-01-03,3,\n")
    assert observations.count.tolist() == [1, 2, 3]
    assert observations.lines.tolist() == [2, 3, 5]


def test_blank_lines_are_skipped(reads):
    text = "date,count\n\n2020-01-01,1\n , \n,\n2020-01-02,2\n\n\n"
    observations = reads(text)
    assert observations.count.tolist() == [1, 2]
    assert observations.lines.tolist() == [3, 6]


def test_empty_cells_beyond_the_header_are_harmless(reads):
    assert reads("date,count\n2020-01-01,1,\n2020-01-02,2,,\n").count.tolist() == [1, 2]


def test_columns_without_name_may_be_left_out(reads):
    assert reads("date,count,,\n2020-01-01,1\n2020-01-02,2,x\n").count.tolist() == [1, 2]


def test_ragged_rows_are_an_error_that_names_the_lines(reads):
    with pytest.raises(DataError, match=r"line 3.*3 cells where the header has 2") as caught:
        reads("date,count\n2020-01-01,1\n2020-01-02,2,3\n2020-01-03\n2020-01-04,4\n")
    assert caught.value.problems["line"].tolist() == [3, 4]


@pytest.mark.parametrize(
    "text",
    [
        'date,count,note\n2020-01-01,1,"a\n2020-01-02,2,b\n2020-01-03,3,"\n2020-01-04,4,c\n',
        'date,count,note\n2020-01-01,1,"a\n2020-01-02,2,b\n',
        'date,count,note\n2020-01-01,1,"a\n2020-01-02,2,"\n2020-01-03,3,c\n',
        'date,count,note\n2020-01-01,1,"a" b\n',
    ],
)
def test_open_quotes_never_swallow_rows(reads, text):
    with pytest.raises(DataError, match=r"line.* 2.*quote"):
        reads(text)


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("cell", ["two\nlines", "a\n\nb", 'said ""yes""\nand, no', "a, b\nc"])
def test_quoted_cells_of_several_lines_stand_anywhere(reads, place, cell):
    rows = [["date", "count"], ["2020-01-01", "5"], ["2020-01-02", "6"], ["2020-01-03", "7"]]
    for row, note in zip(rows, ["note", f'"{cell}"', "x", "y"], strict=True):
        row.insert(place, note)
    observations = reads("\n".join(map(",".join, rows)) + "\n")
    assert observations.count.tolist() == [5, 6, 7]


def test_footers_are_left_out_with_a_warning(reads):
    text = table() + "\nTotal,55,1055\n,55,1055\nAverage,5.5,105.5\nSource: A, B, C and D\n"
    with pytest.warns(
        DataWarning, match=r"footer.*line 13 \(Total 55 1055\).*line 16 \(Source"
    ):
        observations = reads(text)
    check(observations)
    assert len(observations.warnings) == 1


def test_footer_without_a_time_column(reads):
    with pytest.warns(DataWarning, match=r"line 4 \(Total: 12\)"):
        observations = reads("name,count\na,5\nb,7\nTotal:,12\n")
    assert observations.count.tolist() == [5, 7]


def test_total_in_the_middle_is_no_footer(reads):
    with pytest.raises(DataError, match=r"line 3.*'Total'"):
        reads("date,count\n2020-01-01,1\nTotal,1\n2020-01-02,2\n")


def test_a_bad_last_date_is_no_footer(reads):
    with pytest.raises(DataError, match=r"line 3.*'2020-02-31'"):
        reads("date,count\n2020-02-28,1\n2020-02-31,1\n")


@pytest.mark.parametrize("cell", ["31 Jän 2020", "2020-02-3O", "NA", "-", "?"])
def test_an_unreadable_last_date_is_a_problem(reads, cell):
    with pytest.raises(DataError, match="line 4"):
        reads(f"date,count\n2020-02-28,1\n2020-02-29,1\n{cell},5\n")


def test_a_column_of_words_is_no_footer(reads):
    with pytest.raises(DataError, match=r"line 2.*'Mon'") as caught:
        reads("date,count\nMon,1\nTue,2\n")
    assert len(caught.value.rows) == 2


def test_missing_data_at_the_end_are_kept(reads):
    assert np.isnan(reads("date,count\n2020-02-28,1\n2020-02-29,\n").count[1])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b" \n\n ", "empty"),
        (b"PK\x03\x04...", "export the sheet as CSV"),
        (b"\xd0\xcf\x11\xe0...", "export the sheet as CSV"),
        (b"PAR1...", "read_parquet"),
        (b"\x1f\x8b...", "compressed by gzip, and damaged"),
        (packed(table().encode())[:-9], "compressed by gzip, and damaged or cut off"),
        (packed(table().encode())[:-1] + b"!", "compressed by gzip, and damaged"),
        (packed(packed(b"date,count\n")), "compressed twice"),
        (packed(b""), "empty"),
        (b"date,count\n2020-01-01,1\0\n", "line 2.*NUL"),
        (b"date,count\n2020-01-01,\x81\x8d\n", "line 2 can't be decoded"),
        (b"\xff\xfed", "can't be decoded as utf-16"),
        (bytes(range(256)), "decoded"),
        (b"2020-01-01,5\n2020-01-02,6\n", "line 1 looks like data.*'2020-01-01', '5'"),
        (b"5\n6\n", "line 1 looks like data"),
        (b",,\n,,\n", "no column"),
    ],
)
def test_what_is_no_table_is_refused_with_a_reason(reads, content, message):
    with pytest.raises(DataError, match=message) as caught:
        reads(content)
    assert "table.csv" in str(caught.value)


def test_header_only_gives_an_empty_series(reads):
    observations = reads("date,count,trials\n")
    assert len(observations) == 0
    assert len(observations.time) == len(observations.lines) == 0


def test_a_huge_cell_is_refused(reads):
    with pytest.raises(DataError, match=r"quotes|field"):
        reads("date,count\n2020-01-01," + "1" * 200_000 + "\n")


@pytest.mark.parametrize("suffix", [".xlsx", ".xls", ".ods", ".XLSM"])
def test_spreadsheets_are_refused_with_a_hint(tmp_path, suffix):
    path = tmp_path / f"book{suffix}"
    path.write_bytes(b"PK\x03\x04")
    for reader in (read, read_csv):
        with pytest.raises(DataError, match="export the sheet as CSV"):
            reader(path)


def test_absent_files_and_folders(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_csv(tmp_path / "absent.csv")
    with pytest.raises(DataError, match="folder"):
        read_csv(tmp_path)
    with pytest.raises(DataError, match=r"can't be opened|no such file"):
        read_csv("a\0b.csv")


def test_read_chooses_by_suffix(tmp_path):
    for suffix in (".csv", ".tsv", ".txt", ".dat", ""):
        path = tmp_path / f"table{suffix}"
        path.write_text(table())
        check(read(path, time="date"))
    path = tmp_path / "table.parquet"
    path.write_text(table())
    with pytest.raises(DataError, match="Parquet"):
        read(path)
    with pytest.raises(DataError, match="date format"):
        read(path, date_format="%Y")
