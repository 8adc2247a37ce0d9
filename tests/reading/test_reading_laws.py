"""Laws of reading: what was written is what is read; no file leads to a foreign error."""

import csv
import io
import random
import warnings
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from changepoint.errors import ChangepointError, DataWarning
from changepoint.observations import Observations
from changepoint.reading import read_csv

MISSING = ["", "NA", "n/a", "NaN", "null", "None", "-", ".", "#N/A"]
DATES = {
    "iso": lambda day: day.isoformat(),
    "time stamp": lambda day: f"{day}T00:00:00Z",
    "compact": lambda day: f"{day:%Y%m%d}",
    "points": lambda day: f"{day.day}.{day.month}.{day.year}",
    "British": lambda day: f"{day:%d/%m/%Y}",
    "American": lambda day: f"{day:%m/%d/%y} 12:00 AM",
    "words": lambda day: f"{day.day} {day:%b %Y}",
    "long": lambda day: f"{day:%A, %B} {day.day}, {day.year}",
}
PREAMBLE = ["Report of sales", "", 'Customer: "A|B";, C', "2020", "Total", '"open']
FOOTER = ["Total", "Average", "Source: somebody", "Grand total"]


@dataclass
class Dialect:
    """One way to write a table."""

    encoding: str
    delimiter: str
    decimal: str
    group: str
    percent: bool
    date: str
    preamble: list[str]
    footer: list[str]
    padding: str
    end: str
    quoting: int

    def number(self, units: int, places: int) -> str:
        """Write units * 10 ** -places."""
        sign, digits = "-" * (units < 0), str(abs(units)).zfill(places + 1)
        whole, fraction = digits[: len(digits) - places], digits[len(digits) - places :]
        whole = f"{int(whole):,}".replace(",", self.group)
        return sign + whole + (self.decimal + fraction if places else "")


@st.composite
def dialects(draw):
    decimal = draw(st.sampled_from(".,"))
    other = {".": ",", ",": "."}[decimal]
    return Dialect(
        encoding=draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"])),
        delimiter=draw(st.sampled_from(",;\t|")),
        decimal=decimal,
        group=draw(st.sampled_from(["", other, " ", "\u00a0", "'"])),
        percent=draw(st.booleans()),
        date=draw(st.sampled_from(sorted(DATES))),
        preamble=draw(st.lists(st.sampled_from(PREAMBLE), max_size=4)),
        footer=draw(st.lists(st.sampled_from(FOOTER), max_size=2)),
        padding=draw(st.sampled_from(["", " ", "  "])),
        end=draw(st.sampled_from(["\n", "\r\n"])),
        quoting=draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
    )


@st.composite
def tables(draw):
    """Draw a first day, the number of rows, and units and places by column."""
    rows = draw(st.integers(13, 30))
    first = draw(st.dates(date(1971, 1, 1), date(2067, 1, 1)))
    columns = {}
    for name, places in {
        "conversions": 0,
        "visits": 0,
        "hours": 1,
        "ctr": draw(st.integers(3, 6)),
        "flow": draw(st.integers(0, 5)),
    }.items():
        low = -(10**8) if name == "flow" else 0
        cell = st.integers(low, draw(st.sampled_from([10, 2000, 10**8])))
        cells = draw(st.lists(st.one_of(cell, cell, st.none()), min_size=rows, max_size=rows))
        columns[name] = (places, cells)
    columns["hours"][1][0] = 5  # 0.5 proves the decimal sign
    return first, rows, columns, draw(st.permutations(["date", "note", *columns]))


def written(table, dialect, rng):
    """Return the bytes of a table in a dialect."""
    first, rows, columns, order = table
    texts = {"date": [DATES[dialect.date](first + timedelta(days=row)) for row in range(rows)]}
    texts["note"] = [
        rng.choice(["", "a", 'b"c', "d;e", "f,g", "h\ti", "j|k"]) for _ in range(rows)
    ]
    for name, (places, cells) in columns.items():
        texts[name] = [
            rng.choice(MISSING) if units is None else dialect.number(units, places)
            for units in cells
        ]
    if dialect.percent:
        places, cells = columns["ctr"]
        texts["ctr"] = [
            "" if units is None else dialect.number(units, places - 2) + " %" for units in cells
        ]
    pad = dialect.padding
    file = io.StringIO()
    for line in dialect.preamble:
        file.write(line + dialect.end)
    writer = csv.writer(
        file, delimiter=dialect.delimiter, quoting=dialect.quoting, lineterminator=dialect.end
    )
    writer.writerow(pad + name.title() + pad for name in order)
    for row in range(rows):
        writer.writerow(pad + texts[name][row] + pad for name in order)
    for word in dialect.footer:
        writer.writerow([word if name == "date" else "" for name in order])
    return file.getvalue().encode(dialect.encoding)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(table=tables(), dialect=dialects(), seed=st.integers(0, 2**32))
def test_what_was_written_is_read(tmp_path_factory, table, dialect, seed):
    first, rows, columns, _ = table
    path = tmp_path_factory.getbasetemp() / "written.csv"
    path.write_bytes(written(table, dialect, random.Random(seed)))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        observations = read_csv(path)
    said = [str(w.message) for w in caught if " as missing: " not in str(w.message)]
    assert [text.count("as a footer") for text in said] == [1] * bool(dialect.footer)
    days = np.datetime64(first) + np.arange(rows) * np.timedelta64(1, "D")
    np.testing.assert_array_equal(observations.time, days)
    start = len(dialect.preamble) + 2
    assert observations.lines.tolist() == list(range(start, start + rows))
    roles = {"conversions": "count", "visits": "trials", "hours": "exposure", "ctr": "rate"}
    for name, (places, cells) in columns.items():
        expected = [np.nan if units is None else float(f"{units}e-{places}") for units in cells]
        found = observations.column(roles.get(name, "value"))
        np.testing.assert_array_equal(found, expected)


SEEDS = [
    b"date,count,trials\n2020-01-01,1,100\n2020-01-02,2,120\n2020-01-03,3,130\nTotal,6,350\n",
    'Bericht\r\nTag;Käufe;n\r\n1.2.2020;1;1.234\r\n2.2.2020;"2";987\r\n'.encode("cp1252"),
    "date\trate\n01/02/2020\t1,3 %\n14/02/2020\t0,9 %\n".encode("utf-16"),
    b"time|hours|events\n2020-01-01T10:00:00Z|1.5|3\n2020-01-01T11:00+01:00|2|4\n",
    b'year,y,note\n1900,"1,234.5","a\nb"\n1901,-1e5,\n1903,inf,x\n1904,NA,x\n',
    b"count\n1\n2\n3\n",
]
OPTIONS = [
    {},
    {},
    {"count": "n"},
    {"rate": "RATE"},
    {"aggregate": "day"},
    {"aggregate": "month"},
    {"date_format": "%d.%m.%Y"},
    {"outcomes": ["count", "trials"]},
    {"outcomes": ["count", "trials"], "aggregate": "week"},
    {"outcome": "count"},
    {"outcome": "note", "aggregate": "month"},
    {"events": True, "aggregate": "week"},
    {"events": "date", "count": "count", "aggregate": "day", "exposure": 3},
    {"statistic": "median", "aggregate": "day"},
    {"zone": "Europe/Berlin"},
    {"trials": "100"},
    {"aggregate": "week", "start": "2020-01-02", "end": "2020-02-01", "keep_partial": True},
]
ASCII = st.text('0123456789.,;:-+/ %e\tTZx"\r\n', max_size=3).map(str.encode)
PIECES = st.sampled_from(
    [b"\0", b"\xff\xfe", b"\xe4", b"9" * 9, b"e308", b"inf", b"Total", b""]
)


@st.composite
def mutated(draw):
    """Draw a file with a few bytes replaced, in most cases below its header."""
    content = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(0, 3))):
        first = draw(st.sampled_from([0, *[content.find(b"\n") + 1] * 5]))
        place = draw(st.integers(min(first, len(content)), len(content)))
        piece = draw(st.one_of(ASCII, ASCII, ASCII, PIECES, st.binary(max_size=2)))
        content[place : place + draw(st.integers(0, 3))] = piece
    return bytes(content)


@settings(max_examples=1500, deadline=None, derandomize=True)
@given(content=mutated(), options=st.sampled_from(OPTIONS))
def test_any_file_is_read_or_refused(tmp_path_factory, content, options):
    path = tmp_path_factory.getbasetemp() / "mutated.csv"
    path.write_bytes(content)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            assert isinstance(read_csv(path, **options), Observations)
        except ChangepointError as error:
            assert "mutated.csv" in str(error)
    assert {warning.category for warning in caught} <= {DataWarning}
