"""The ready model files: each answers its question on its own data, with public names alone."""

import ast
import re
import warnings
from pathlib import Path

import numpy as np
import pytest

import changepoint
from changepoint import MCMC, ConvergenceWarning, Exact, Model, fit, modelfiles
from changepoint.reading import read

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "models"
FILES = sorted(FOLDER.glob("*.py"))

pytestmark = pytest.mark.filterwarnings("ignore::changepoint.DataWarning")  # missing months
PYMC = {"numpy", "pymc", "pytensor.tensor"}

each = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def rows_apart(observations, index, time):
    """Return how many rows lie between a row and a time."""
    stamps = observations.time
    wanted = np.array(time).astype(stamps.dtype)
    return abs(index - int(np.flatnonzero(stamps == wanted)[0]))


def converged(model, observations):
    """Return the first of five seeds' runs that converged: if 1 in 20 doesn't, 3e-7 fail."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        runs = (fit(model, observations, MCMC(500, 500, seed=seed)) for seed in range(5))
        return next(posterior for posterior in runs if posterior.converged)


def test_there_are_models():
    assert len(FILES) >= 5


@each
def test_it_finds_what_it_expects(path):
    declared = modelfiles.load(path)
    observations = read(declared.data, **declared.columns)
    model = declared.build(observations)
    if isinstance(model, Model):
        posterior = fit(model, observations, Exact(draws=400))
    else:
        posterior = converged(model, observations)
    expected = declared.expected
    assert set(expected) == {"number", "times", "within"}
    assert posterior.number == expected["number"] == len(expected["times"])
    for change, time in zip(posterior.changes, expected["times"], strict=True):
        assert rows_apart(observations, change.index, time) <= expected["within"]


def test_the_readme_quotes_the_demo():
    """As `make demo` prints it; the Makefile has the file and the model."""
    command = r"changepoint fit (\S+) --model (\S+) "
    file, model = re.search(command, (ROOT / "Makefile").read_text(encoding="utf-8")).groups()
    declared = modelfiles.load(ROOT / model)
    observations = read(ROOT / file, **declared.columns)
    posterior = fit(declared.build(observations), observations, Exact(draws=4))
    told = (ROOT / "README.md").read_text(encoding="utf-8")
    for sentence in (posterior.headline(), posterior.sentence()):
        assert sentence in " ".join(told.split())


@each
def test_it_imports_public_names_only(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    for statement in imports:
        if isinstance(statement, ast.Import):  # of a PyMC model
            assert {alias.name for alias in statement.names} <= PYMC
            continue
        assert statement.module == "changepoint"
        assert {alias.name for alias in statement.names} <= set(changepoint.__all__)


@each
def test_it_holds_no_loops_and_no_inference(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    loops = ast.For | ast.While | ast.comprehension
    assert not any(isinstance(node, loops) for node in ast.walk(tree))
    assert not any(isinstance(node, ast.Name) and node.id == "fit" for node in ast.walk(tree))


@each
def test_its_docstring_answers(path):
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    for heading in ("Question:", "Columns:", "Priors:", "Source:"):
        assert heading in text


@each
def test_it_runs_from_any_folder(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert modelfiles.load(path).data.is_file()


def test_the_table_lists_each_file():
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| \[(\w+\.py)\]\((\w+\.py)\) \|.*\| (\w+) \|$", text, re.MULTILINE)
    assert sorted(name for name, _, _ in listed) == [path.name for path in FILES]
    for name, link, likelihood in listed:
        assert name == link
        model = modelfiles.load(FOLDER / name).model
        own = not isinstance(model, Model)
        assert likelihood == ("PyMC" if own else type(model.likelihood).__name__)
