"""What is built holds what it should, and runs in an environment of its own."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_string
from pathlib import Path

import pytest

import changepoint

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
DISTRIBUTION = f"changepoint_toolkit-{changepoint.__version__}"


BESIDE = """
from changepoint import Posterior, fit, read_csv
posterior = fit(None, read_csv("data/conversions.csv"))
posterior.summary(), posterior.plot(), posterior.plot_rate(), posterior.plot_prior()
print({"posterior", "observed_data"} <= set(posterior.tree.children))
posterior.save("it.nc")
print(Posterior.load("it.nc").changes[0].time)
"""


PYMC = """
import arviz
from changepoint import Model, likelihoods, read_csv
model = Model(likelihoods.Poisson()).to_pymc(read_csv("data/coal_disasters.csv"), exactly=1)
print([variable.name for variable in model.basic_RVs])
"""
NUTS = """
from changepoint import MCMC, fit, read_csv
fit(None, read_csv("data/conversions.csv"), MCMC(switchpoints="sum-out", nuts="nutpie"))
"""


def call(*command, status=0, **options):
    """Run a command that must end with this status; return what it printed."""
    ran = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert ran.returncode == status, ran.stdout + ran.stderr
    return ran.stdout + ran.stderr


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder with wheel and sdist, built from what is under version control."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    listed = call("git", "ls-files", "-z", cwd=ROOT).rstrip("\0").split("\0")
    for name in listed:
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    call(sys.executable, "-m", "hatchling", "build", "-d", out, cwd=source)
    return out


@pytest.fixture(scope="module")
def folder(built, tmp_path_factory):
    """A folder outside the repository, with `bin` of an environment that has the wheel only."""
    where = tmp_path_factory.mktemp("empty")
    call(sys.executable, "-m", "venv", where / "env")
    wheel, uv = built / f"{DISTRIBUTION}-py3-none-any.whl", shutil.which("uv")
    python = where / "env" / "bin" / "python"
    pip = [uv, "pip", "install", "--python", python] if uv else [python, "-m", "pip", "install"]
    call(*pip, "--quiet", "--constraint", ROOT / "constraints.txt", wheel, cwd=where)
    (where / "data").mkdir()
    for file in (ROOT / "data").glob("*.csv"):
        shutil.copy(file, where / "data")
    return where


@pytest.fixture(scope="module")
def run(folder):
    """Run a program of that environment; return what it printed."""
    alone = {key: text for key, text in os.environ.items() if not key.startswith("PYTHON")}

    def run(program, *arguments, status=0):
        path = folder / "env" / "bin" / program
        return call(path, *arguments, cwd=folder, env=alone, status=status)

    return run


def test_the_wheel_holds_the_package_and_nothing_else(built):
    names = zipfile.ZipFile(built / f"{DISTRIBUTION}-py3-none-any.whl").namelist()
    assert {name.split("/")[0] for name in names} == {
        "changepoint",
        f"{DISTRIBUTION}.dist-info",
    }
    assert "changepoint/py.typed" in names
    package = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "changepoint").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert package <= set(names)


def test_the_metadata_are_those_of_the_project(built):
    wheel = zipfile.ZipFile(built / f"{DISTRIBUTION}-py3-none-any.whl")
    inside = f"{DISTRIBUTION}.dist-info"
    told = message_from_string(wheel.read(f"{inside}/METADATA").decode())
    assert told["Name"] == "changepoint-toolkit"
    assert told["Version"] == changepoint.__version__
    assert told["License-Expression"] == "MIT"
    assert f"{inside}/licenses/LICENSE" in wheel.namelist()
    assert told["Description-Content-Type"] == "text/markdown"
    assert told.get_payload() == (ROOT / "README.md").read_text(encoding="utf-8")
    entry = wheel.read(f"{inside}/entry_points.txt").decode()
    assert "changepoint = changepoint.cli:main" in entry
    needed = [line for line in told.get_all("Requires-Dist") if "extra ==" not in line]
    assert {"pymc", "arviz"} <= {re.match(r"[\w-]+", line).group() for line in needed}
    assert not re.search(r"(?i)\b(nutpie|zarr|distributed|pytest)\b", " ".join(needed))


def test_no_file_names_the_folder_it_was_built_in(built):
    wheel = zipfile.ZipFile(built / f"{DISTRIBUTION}-py3-none-any.whl")
    with tarfile.open(built / f"{DISTRIBUTION}.tar.gz") as sdist:
        files = [member for member in sdist.getmembers() if member.isfile()]
        assert all(member.name.startswith(f"{DISTRIBUTION}/") for member in files)
        contents = {member.name: sdist.extractfile(member).read() for member in files}
    contents |= {name: wheel.read(name) for name in wheel.namelist()}
    places = [str(folder).encode() for folder in (ROOT, built.parent)]
    assert [name for name in contents if any(p in contents[name] for p in places)] == []


def test_the_sdist_holds_what_is_needed_to_work_on_it(built):
    names = tarfile.open(built / f"{DISTRIBUTION}.tar.gz").getnames()
    tops = {name.split("/")[1] for name in names if "/" in name}
    assert tops >= {
        *("benchmarks", "changepoint", "data", "docs", "models", "notebooks", "tests", "tools"),
        *(
            "CHANGELOG.md",
            "CITATION.cff",
            "CONTRIBUTING.md",
            "LICENSE",
            "Makefile",
            "README.md",
        ),
        *("constraints.txt", "pyproject.toml"),
    }
    assert not tops & {".venv", "build", "dist", ".git", ".ci"}


def test_the_command_answers(folder, run):
    assert f"{changepoint.__version__}" in run("changepoint", "--version")
    told = run(
        "changepoint", "fit", "data/conversions.csv", "--out", "answer", "--no-certificate"
    )
    assert "changed once" in told
    assert {path.name for path in (folder / "answer").iterdir()} == {
        *("report.html", "figure.png", "figure.svg", "figure.pdf", "chart.png"),
        *("summary.csv", "posterior.nc", "result.json", "methods.md", "citation.bib"),
    }


def test_the_quickstart_runs(folder, run):
    """The code of docs/quickstart.md, which is that of a reader."""
    page = (ROOT / "docs" / "quickstart.md").read_text(encoding="utf-8")
    cells = re.findall(r"```\{code-cell\} python\n(.*?)```", page, re.DOTALL)
    assert len(cells) >= 4
    (folder / "quickstart.py").write_text("\n".join(cells), encoding="utf-8")
    assert "changed once" in run("python", "-W", "error", "quickstart.py")


def test_the_readme_runs(folder, run):
    """Its first code, and what it says of the posterior beside it."""
    text = (ROOT / "README.md").read_text(encoding="utf-8").split("## In Python", 1)[1]
    first = re.search(r"```python\n(.*?)```", text, re.DOTALL).group(0)
    (folder / "readme.md").write_text(first, encoding="utf-8")
    run("python", "-W", "error", "-m", "doctest", "readme.md")
    (folder / "beside.py").write_text(BESIDE, encoding="utf-8")
    assert run("python", "-W", "error", "beside.py").splitlines() == ["True", "2025-04-22"]


def test_models_of_pymc_need_nothing_more(folder, run):
    (folder / "models_of_pymc.py").write_text(PYMC, encoding="utf-8")
    assert "['rate', 'switchpoint', 'y']" in run("python", "models_of_pymc.py")


def test_mypy_sees_the_types(folder):
    """`py.typed` is where a user's type checker looks for it."""
    source = "import changepoint\nreveal_type(changepoint.read_csv)\nchangepoint.read_csv()\n"
    (folder / "typed.py").write_text(source, encoding="utf-8")
    alone = {k: v for k, v in os.environ.items() if k not in ("MYPYPATH", "PYTHONPATH")}
    of_user = ("--python-executable", folder / "env" / "bin" / "python")
    command = (sys.executable, "-P", "-m", "mypy", *of_user, "typed.py")
    told = call(*command, status=1, cwd=folder, env=alone)
    assert "Observations" in told
    assert "typed.py:3: error: Missing positional argument" in told
    assert "Found 1 error" in told


def test_the_page_of_a_batch_is_written(folder, run):
    run("changepoint", "batch", "data/nile.csv", "data/coal_disasters.csv", "--out", "many")
    assert "Written" in run("changepoint", "report", "many")
    assert (folder / "many" / "report.html").stat().st_size > 10_000


def test_what_needs_an_extra_says_so(folder, run):
    told = run(*("changepoint", "batch", "data/nile.csv", "--out", "d", "--dask"), status=4)
    assert "changepoint-toolkit[dask]" in told
    assert "Traceback" not in told
    free = ("--likelihood", "poisson", "--holidays", "DE")
    told = run("changepoint", "fit", "data/conversions.csv", *free, status=2)
    assert "changepoint-toolkit[holidays]" in told
    (folder / "nuts.py").write_text(NUTS, encoding="utf-8")
    assert "changepoint-toolkit[nutpie]" in run("python", "nuts.py", status=1)
    program = BESIDE.replace('save("it.nc")', 'save("it.zarr")')
    (folder / "zarr_folder.py").write_text(program, encoding="utf-8")
    assert "changepoint-toolkit[zarr]" in run("python", "zarr_folder.py", status=1)
