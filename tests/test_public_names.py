"""What the package shows to the outside, and which way its imports run."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import changepoint

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "changepoint"
MODULES = sorted(PACKAGE.rglob("*.py"))

# Floors of the package, lowest first: what stands on one imports from those below it, inside
# functions and for type checkers too. A name is that of a module, or of a folder with all in
# it; the innermost that is named counts. `changepoint` are the public names.
LAYERS = (
    {"errors", "plain", "roles", "version"},
    {"zones"},
    {"priors", "changes", "observations", "sampling.distributions"},
    {"time_window"},
    {"events"},
    {"kernels.compiling"},
    {"kernels.elementary"},
    {"kernels.log_gamma"},
    {"reading", "likelihoods"},
    {"effects", "support_problems", "time_problems"},
    {"kernels"},
    {"sampling.models"},
    {"model"},
    {"hand_written"},
    {"results"},
    {"exact"},
    {"sampling"},
    {"recorded"},
    {"answer"},
    {"trust"},
    {"scoring", "report"},
    {"posterior"},
    {"fitting"},
    {"recommend", "modelfiles", "model_comparison"},
    {"batch"},
    {"changepoint"},
    {"cli"},
)
HEIGHT = {room: height for height, layer in enumerate(LAYERS) for room in layer}
SLOW = {"pymc", "pytensor", "arviz", "matplotlib", "numba", "pandas", "xarray", "scipy.stats"}
SLOW |= {"jinja2", "distributed", "fsspec", "holidays"}


def name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


NAMES = {name(path) for path in MODULES}


def room(module: str) -> str:
    """Return the innermost of LAYERS that a module stands in."""
    parts = module.removeprefix("changepoint.").split(".")
    inside = [".".join(parts[:end]) for end in range(len(parts), 0, -1)]
    return next(place for place in inside if place in HEIGHT)


def imported(path: Path) -> set[str]:
    """Return the modules imported anywhere in a file; of `from a import b` a.b if it is one."""
    found = set()
    for statement in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(statement, ast.Import):
            found |= {alias.name for alias in statement.names}
        elif isinstance(statement, ast.ImportFrom):
            assert not statement.level, f"{path.name}: a relative import"
            whole = str(statement.module)
            inner = {alias.name: f"{whole}.{alias.name}" for alias in statement.names}
            found |= {deep if deep in NAMES else whole for deep in inner.values()}
    return found


def ring(graph: dict[str, set[str]]) -> list[str]:
    """Return some of a graph's nodes that form a ring, none if there is no ring."""
    state: dict[str, bool] = {}  # False while what it leads to is looked at

    def visit(node: str, way: list[str]) -> list[str]:
        if node in state:
            return [] if state[node] else [*way[way.index(node) :], node]
        state[node] = False
        for other in sorted(graph.get(node, ())):
            if found := visit(other, [*way, node]):
                return found
        state[node] = True
        return []

    return next((found for node in sorted(graph) if (found := visit(node, []))), [])


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
        "effects",
        "likelihoods",
        "priors",
        "scoring",
        "trust",
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
    for module in imported(path) & NAMES:
        if (there := room(module)) != here:
            assert HEIGHT[there] < HEIGHT[here], f"{name(path)} imports {module}"


def test_no_imports_form_a_ring():
    assert ring({name(path): imported(path) & NAMES for path in MODULES}) == []


def test_every_floor_is_there():
    """Or a name that is gone would let its successor in anywhere."""
    assert {room(module) for module in NAMES} == set(HEIGHT)


def test_a_ring_is_found():
    assert ring({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("kernels/*.py")), ids=name)
def test_kernels_need_only_numpy_scipy_and_numba(path):
    outside = {module.split(".")[0] for module in imported(path)} - {"changepoint"}
    assert outside - set(sys.stdlib_module_names) <= {"numpy", "scipy", "numba"}


def test_an_answer_as_json_imports_little():
    command = ("-m", "changepoint.cli", "fit", "data/conversions.csv", "--json")
    assert (SLOW - {"numba"} | {"rich", "scipy.optimize"}) & importing(*command) == set()


@pytest.mark.parametrize(
    "command",
    [("-c", "import changepoint"), ("-m", "changepoint.cli", "--help")],
    ids=["import", "help"],
)
def test_starting_imports_nothing_slow(command):
    assert SLOW & importing(*command) == set()
