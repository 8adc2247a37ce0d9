"""The parts that the documentation is made of; `make docs` builds it."""

import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from docutils.nodes import math_block

import changepoint
from changepoint import Exact, Model, batch, effects, fit, likelihoods, read_csv
from changepoint.batch.column_help import ABOUT
from changepoint.report.files import write
from changepoint.report.json_schema import SCHEMA
from changepoint.report.page_one import _tables
from changepoint.roles import TABLE

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
sys.path.insert(0, str(DOCS))

import generate  # noqa: E402
import offline  # noqa: E402

PAGES = sorted(page for page in DOCS.rglob("*.md") if "generated" not in page.parts)


@pytest.fixture(scope="module")
def several():
    """Answers whose text has each kind of line: an effect, an average, a number in doubt."""
    coal = read_csv(ROOT / "data/coal_disasters.csv")
    nile, trend = read_csv(ROOT / "data/nile.csv"), likelihoods.Trend()
    shop = read_csv(ROOT / "data/conversions.csv")
    week = Model(likelihoods.Binomial(), effects=[effects.Weekday()])
    models = ((None, coal), (None, nile), (Model(trend), nile), (week, shop))
    return [fit(model, data, Exact(draws=200)) for model, data in models]


def test_every_public_name_has_its_place():
    named = [name for names in generate.TOPICS.values() for name in names]
    assert sorted([*named, *generate.MODULES]) == sorted(changepoint.__all__)


def test_the_entrance_leads_to_every_page():
    """By a question, and by the list of pages."""
    text = (DOCS / "index.md").read_text(encoding="utf-8")
    table, *trees = text.split("```{toctree}")
    listed = {line for tree in trees for line in tree.split() if "/" in line or line.islower()}
    for page in PAGES:
        name = page.relative_to(DOCS).with_suffix("").as_posix()
        if name != "index":
            assert f"]({name}.md)" in table, name
            assert name in listed, name
    for name in generate.MODULES:
        assert f"generated/{name}" in listed


def test_the_roles_of_columns_are_all_told_with_their_names():
    assert "{include} ../generated/parts/roles.txt" in (DOCS / "reference/files.md").read_text(
        encoding="utf-8"
    )
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", generate.roles(), re.M))
    assert list(rows) == [role.name for role in TABLE]
    for role in TABLE:
        assert set(re.findall(r"`([^`-][^`]*)`", rows[role.name])) == set(role.names)


def test_reading_the_answer_explains_every_word(several):
    """Fields of the JSON, heads of tables, lines of the terminal."""
    page = (DOCS / "reading-the-answer.md").read_text(encoding="utf-8")
    for field in SCHEMA["properties"]:
        assert f"`{field}`" in page, field
    for answer in several:
        for table in _tables(answer):
            assert f"**{table.title.partition(':')[0]}**" in page, table.title
        lines = str(answer).splitlines()
        labels = {found[0] for line in lines if (found := re.match(r"[A-Z][^:(]*(?=:)", line))}
        assert {"Model", "Data"} <= labels
        for label in labels:
            begins = re.sub(r" \d+ changes?, .*| of each .*| went from .*| \w+$", "", label)
            assert f"**{begins}" in page, label


def test_every_public_class_of_a_module_is_listed():
    page = generate.module("likelihoods")
    for family in changepoint.likelihoods.FAMILIES.values():
        assert f".. autoclass:: changepoint.likelihoods.{family.__name__}" in page


def test_every_column_of_a_batch_is_described_and_no_other(tmp_path):
    batch.run(ROOT / "data/conversions.csv", None, tmp_path)
    tables = ("series.parquet", "changes.parquet")
    written = {name for table in tables for name in generate.columns_of(tmp_path / table)}
    assert written == set(ABOUT)


def test_files_that_are_written_are_those_listed(tmp_path):
    write(fit(None, read_csv(ROOT / "data/coal_disasters.csv")), tmp_path, "{}")
    page = (DOCS / "reference/files.md").read_text(encoding="utf-8")
    section = page.split("## What `changepoint fit --out DIR` writes")[1].split("##")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    assert set(re.findall(r"`([^`]+)`", " ".join(rows))) == {f.name for f in tmp_path.iterdir()}


def test_cells_of_a_table_keep_their_bars_and_stay_on_their_line():
    assert (
        generate.table(["a"], [("p(y | x)\nmore",)]).splitlines()[-1] == r"| p(y \| x) more |"
    )


def test_the_command_line_is_told_as_it_is_typed():
    page = generate.command_line()
    assert re.findall(r"^changepoint (\w+)", page, re.M) == [
        "COMMAND", "fit", "batch", "report", "check", "power", "calibrate",
    ]  # fmt: skip
    assert "sphinx" not in page
    assert "pytest" not in page


@pytest.mark.parametrize(
    "text",
    [
        '<script src="https://cdn.example/a.js"></script>',
        '<script async="async" src="//cdn.example/a.js"></script>',
        '<link rel="stylesheet" href="http://fonts.example/a.css">',
        '<img alt="" src="https://badge.example/a.svg">',
        '@import "https://fonts.example/a.css";',
        "src: url(https://fonts.example/a.woff2)",
        f"File {ROOT}/data/nile.csv",
    ],
)
def test_pages_that_load_or_tell_are_refused(text):
    assert offline.faults(text)


@pytest.mark.parametrize(
    "text",
    [
        '<script src="_static/a.js"></script>',
        '<a href="https://mathml.example">a link loads nothing</a>',
        '<svg xmlns="http://www.w3.org/2000/svg">url(#clip)</svg>',
    ],
)
def test_other_pages_are_not(text):
    assert offline.faults(text) == []


@pytest.mark.parametrize(
    "formula", [r"\frac{a}{b}", r"a, \dots, b", r"\begin{align}a &= b \\ c &= d\end{align}"]
)
def test_formulas_become_elements_that_browsers_draw(formula):
    assert ElementTree.fromstring(offline.mathml(math_block(text=formula), True)).tag == (
        "{http://www.w3.org/1998/Math/MathML}math"
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_to_pages(page):
    """Sphinx checks them too, but for those that begin with generated/."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        target = (page.parent / link).resolve()
        assert target.exists() or target.relative_to(DOCS).parts[0] == "generated"
