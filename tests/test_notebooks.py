"""Notebooks say what their sources say, hold what came out, and run from the first cell on."""

import os
import re
import subprocess
import sys
from pathlib import Path

import jupytext
import nbformat
import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "notebooks").glob("*.py"))
EXECUTED = sorted((ROOT / "notebooks").glob("*.ipynb"))
LINES = 15  # of a cell of code
BYTES = 400_000
ADDRESS = re.compile(r"\bat 0x[0-9a-f]{6,}")

each_source = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
each_executed = pytest.mark.parametrize("path", EXECUTED, ids=lambda path: path.stem)


def read(path):
    """Return a notebook, of either kind; an executed one must be valid."""
    if path.suffix == ".py":
        return jupytext.reads(path.read_text(encoding="utf-8"), fmt="py:percent")
    notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
    nbformat.validate(notebook)
    return notebook


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def said(notebook):
    return [(cell.cell_type, cell.source) for cell in notebook.cells]


def test_each_source_has_an_executed_notebook_and_each_of_these_a_source():
    assert SOURCES
    assert [path.stem for path in EXECUTED] == [path.stem for path in SOURCES]


@each_executed
def test_source_and_executed_notebook_agree(path):
    assert said(read(path)) == said(read(path.with_suffix(".py")))


@each_executed
def test_all_cells_were_executed_once_in_order(path):
    cells = code(read(path))
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))


@each_executed
def test_outputs_are_answers(path):
    outputs = [output for cell in code(read(path)) for output in cell.outputs]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert {output.output_type for output in outputs} <= {
        "stream",
        "execute_result",
        "display_data",
    }
    assert not [output for output in outputs if output.get("name") == "stderr"]


@each_executed
def test_nothing_tells_of_one_run_or_one_machine(path):
    notebook, text = read(path), path.read_text(encoding="utf-8")
    assert len(text) < BYTES
    assert not ADDRESS.search(text)
    assert [cell.id for cell in notebook.cells] == [
        f"cell-{number}" for number in range(1, len(notebook.cells) + 1)
    ]
    assert {key for cell in notebook.cells for key in cell.metadata} == set()
    assert notebook.metadata == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }


@each_source
def test_a_notebook_begins_with_its_question(source):
    first = read(source).cells[0]
    assert first.cell_type == "markdown"
    assert re.match(r"# \S", first.source)
    assert "?" in first.source


@each_source
def test_cells_are_short(source):
    long = [cell.source for cell in code(read(source)) if cell.source.count("\n") >= LINES]
    assert long == []


@pytest.mark.slow
@each_source
def test_notebook_runs_without_a_warning(source):
    run = subprocess.run(
        [sys.executable, "-W", "error", source],
        cwd=ROOT,
        env={**os.environ, "MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
        timeout=300,  # of two minutes, beside other tests
    )
    assert run.returncode == 0, run.stderr
