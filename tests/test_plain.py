"""Text of others never acts: not on a terminal, in a spreadsheet, a figure, a page or JSON."""

import csv
import io
import json
import re
import unicodedata
import warnings
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from changepoint import Model, Observations, batch, fit, likelihoods, plain
from changepoint.cli import main
from changepoint.report.files import write
from changepoint.report.html import fragment
from changepoint.report.page_one import single
from changepoint.report.plots import plot

ROOT = Path(__file__).parents[1]
ACTS = re.compile(r"(?<![\w.])print\(")
HOSTILE = "evil\x1b]0;owned\x07\x1b[31m\x9b2J\u202egnp[red]"


def acting(text: str) -> list[str]:
    """Return what a terminal may act on: control and format characters but ends of lines."""
    return [
        one for one in text if one not in "\n\t" and unicodedata.category(one) in ("Cc", "Cs")
    ]


@settings(derandomize=True, database=None)
@given(st.text(st.characters(codec=None)))
def test_nothing_acts_and_the_rest_stays(text):
    told = plain.plain(text)
    assert not acting(told)
    assert not set(told) & set("\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2069\u2028")
    harmless = "".join(one for one in text if plain.plain(one) == one)
    assert plain.plain(harmless) == harmless
    assert plain.plain(told) == told


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_what_a_stream_cannot_encode_is_written_out(encoding, monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr("sys.stdout", stream)
    plain.say("│ ü \udcff")
    stream.flush()
    told = stream.buffer.getvalue().decode(encoding)
    assert told.endswith("\\udcff\n")
    assert ("ü" in told) == (encoding != "ascii")


def test_only_one_place_prints():
    places = [
        path.name
        for path in (ROOT / "changepoint").rglob("*.py")
        if any(
            ACTS.search(line) and not line.lstrip().startswith((">>>", "..."))
            for line in path.read_text(encoding="utf-8").splitlines()
        )
    ]
    assert places == ["plain.py"]


def run(capsys, *arguments):
    with pytest.raises(SystemExit):
        main([str(argument) for argument in arguments])
    told = capsys.readouterr()
    return told.out + told.err


@pytest.mark.parametrize(
    "rows",
    [
        [*(f"2024-01-{1 + i:02},{i % 3}" for i in range(20)), f"Total {HOSTILE},20"],
        [*(f"2024-01-{1 + i:02},{i % 3}" for i in range(20)), f"2024-01-21{HOSTILE},x"],
        [*(f"2024-01-{1 + i:02},{i % 3}" for i in range(20)), f"2024-01-21,{HOSTILE}"],
    ],
)
def test_cells_and_names_of_files_do_not_reach_the_terminal(rows, tmp_path, capsys):
    file = tmp_path / f"{HOSTILE.replace('/', '')}.csv"
    file.write_text("\n".join(["date,count", *rows]) + "\n", encoding="utf-8")
    for command in ("fit", "check"):
        told = run(capsys, command, file)
        assert "evil" in told
        assert not acting(told)


def test_names_of_series_do_not_reach_the_terminal(tmp_path, capsys):
    lines = [
        f"{shop},2024-01-{1 + i:02},{1 + i // 10 * 40}"
        for shop in ("a", HOSTILE)
        for i in range(20)
    ]
    file = tmp_path / "t.csv"
    file.write_text("\n".join(["shop,date,count", *lines]) + "\n", encoding="utf-8")
    told = run(capsys, "batch", file, "--by", "shop", "--out", tmp_path / "out")
    assert "evil" in told
    assert not acting(told)


@settings(derandomize=True, database=None)
@given(st.text("=+-@\t\r.0123456789eEx'a", min_size=1, max_size=8))
def test_formulas_are_quoted_and_numbers_are_not(text):
    told = plain.defused(text)
    assert told in (text, f"'{text}")
    try:
        float(text)
        number = text == text.strip()
    except ValueError:
        number = False
    if number:
        assert told == text
    else:
        assert not told.startswith(("=", "+", "-", "@", "\t", "\r"))


def test_numbers_and_headers_of_the_tables(tmp_path):
    """Years before 0 are numbers; a column called as a formula is text."""
    (tmp_path / "in").mkdir()
    lines = [f"x,{year},{3 if year < -9 else 30}" for year in range(-20, 0)]
    (tmp_path / "in/a.csv").write_text("\n".join(["=by(),year,count", *lines]) + "\n")
    out = tmp_path / "out"
    model = Model(likelihoods.Poisson())
    batch.run(tmp_path / "in/a.csv", model, out, by="=by()")
    for name in ("series.csv", "changes.csv"):
        rows = list(csv.DictReader((out / name).read_text("utf-8-sig").splitlines()))
        assert "'=by()" in rows[0]
        assert not [cell for row in rows for cell in row.values() if cell.startswith("'-")]
    data = Observations(count=np.repeat([3.0, 30.0], 10), time=np.arange(-20, 0))
    write(fit(model, data), tmp_path / "fit", "{}")
    assert "'-" not in (tmp_path / "fit/summary.csv").read_text("utf-8-sig")


# -- figures, pages, JSON ---------------------------------------------------------------------

OF_COLUMNS = ("$x_1$", r"$\frac", r"price \$", "销量", f"{HOSTILE}\n\t\ufffe\udcff", "<b>&amp;")


@pytest.fixture(scope="module", params=OF_COLUMNS, ids=ascii)
def named(request):
    """An answer about data whose file and columns are called so."""
    columns = {role: f"{role} {request.param}" for role in ("time", "count", "exposure")}
    counts = np.repeat([3.0, 30.0], 5)
    data = Observations(
        count=counts,
        exposure=counts + 1,
        time=np.arange(10),
        file=request.param,
        columns=columns,
    )
    return request.param, fit(Model(likelihoods.Poisson()), data)


def test_names_in_figures_are_text(named, tmp_path):
    """Neither mathematics nor anything that XML can't hold; no word on signs without a font."""
    name, posterior = named
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (tmp_path / "f").mkdir()
        write(posterior, tmp_path / "f", "{}")
        figure = plot(posterior)
    svg = ElementTree.parse(tmp_path / "f/figure.svg")
    shown = "\n".join(svg.getroot().itertext())
    told = plain.plain(name).replace("\n", r"\n").replace("\t", r"\t")
    assert f"time {told}" in shown
    assert f"count {told}" in shown
    assert len(figure.axes[0].get_ylabel().splitlines()) == 1


def test_names_in_pages_are_text(named):
    for html in (single(named[1]), fragment(named[1])):
        assert plain.plain(html) == html
        assert "<b>" not in html


@settings(derandomize=True, database=None)
@given(st.dictionaries(st.text(st.characters(codec=None)), st.text(st.characters(codec=None))))
def test_json_has_nothing_to_write_out(told):
    text = plain.json_text(told, indent=1)
    assert plain.plain(text) == text
    assert text.isascii()
    halves = re.compile("[\ud800-\udfff]")
    whole = {halves.sub("", key): halves.sub("", value) for key, value in told.items()}
    if "".join(whole) == "".join(told) and "".join(whole.values()) == "".join(told.values()):
        assert json.loads(text) == told
    else:
        json.loads(text)
        assert not re.search(r"(?<!\\)(\\\\)*\\ud[89ab]..(?!\\ud[c-f])", text)
