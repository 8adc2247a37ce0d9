"""What the package shows to the outside, and which way its imports run."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import changepoint

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "changepoint"
MODULES = sorted(PACKAGE.rglob("*.py"))

# Rooms of the package, lowest first: a room imports those below it, and not its neighbours.
LAYERS = (
    {"errors", "roles"},
    {"priors", "changes", "observations"},
    {"reading", "likelihoods"},
    {"model"},
    {"own_model"},
    {"kernels"},
    {"results"},
    {"trajectories"},
    {"posterior"},
    {"sampling"},
    {"engines"},
    {"checks", "scoring", "report", "recommend", "modelfiles", "model_comparison"},
    {"batch"},
    {"cli"},
)
HEIGHT = {room: height for height, layer in enumerate(LAYERS) for room in layer}
SLOW = {"pymc", "pytensor", "arviz", "matplotlib", "numba", "pandas", "xarray", "scipy.stats"}
SLOW |= {"jinja2", "distributed", "fsspec"}


def name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def on_import(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield the imports that run when a module is imported."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        elif isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        elif not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from on_import(child)


def imported(path: Path) -> set[str]:
    """Return the modules imported; of `from changepoint import x`, changepoint.x."""
    found = set()
    for statement in on_import(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(statement, ast.Import):
            found |= {alias.name for alias in statement.names}
        elif statement.module == "changepoint":
            found |= {f"changepoint.{alias.name}" for alias in statement.names}
        else:
            assert not statement.level, f"{path.name}: a relative import"
            found.add(str(statement.module))
    return found


def importing(*command: str) -> set[str]:
    """Run Python with -X importtime and return the modules that it imported."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    run = subprocess.run(
        [sys.executable, "-X", "importtime", *command],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return {line.rsplit("|", 1)[1].strip() for line in run.stderr.splitlines() if "|" in line}


def test_all_is_complete():
    """Its order is the linter's."""
    public = {n for n in vars(changepoint) if not n.startswith("_")}
    modules = {p.stem for p in PACKAGE.iterdir()} - {
        "batch",
        "likelihoods",
        "priors",
        "scoring",
    }
    assert sorted(changepoint.__all__) == sorted(public - modules)


def test_init_holds_names_only():
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    allowed = ast.Expr | ast.ImportFrom | ast.Assign
    assert all(isinstance(statement, allowed) for statement in tree.body)


@pytest.mark.parametrize("public", changepoint.__all__)
def test_every_public_object_is_documented(public):
    assert getattr(changepoint, public).__doc__


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_every_public_definition_is_documented(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    definitions = ast.ClassDef | ast.FunctionDef
    top = [node for node in tree.body if isinstance(node, definitions)]
    classes = [c for c in top if isinstance(c, ast.ClassDef) and c.name[0] != "_"]
    inside = [node for c in classes for node in c.body if isinstance(node, definitions)]
    public = [node for node in top + inside if node.name[0] != "_"]
    assert ast.get_docstring(tree)
    assert [node.name for node in public if not ast.get_docstring(node)] == []


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_imports_run_one_way(path):
    here = room(name(path))
    if not here:
        return  # the package's own __init__ imports the public names
    for module in imported(path):
        if module.startswith("changepoint.") and (there := room(module)) != here:
            assert HEIGHT[there] < HEIGHT[here], f"{name(path)} imports {module}"


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("kernels/*.py")), ids=name)
def test_kernels_need_only_numpy_scipy_and_numba(path):
    outside = {module.split(".")[0] for module in imported(path)} - {"changepoint"}
    assert outside - set(sys.stdlib_module_names) <= {"numpy", "scipy", "numba"}


@pytest.mark.parametrize(
    "command",
    [("-c", "import changepoint"), ("-m", "changepoint.cli", "--help")],
    ids=["import", "help"],
)
def test_starting_imports_nothing_slow(command):
    assert SLOW & importing(*command) == set()
