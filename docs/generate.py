"""Pages of the reference, made from the package itself."""

import inspect
import json
import re
import shutil
import sys
import tempfile
from pathlib import Path

import changepoint
from changepoint import batch, likelihoods
from changepoint.batch.column_help import ABOUT
from changepoint.batch.schema import BATCH, CHANGE, SERIES
from changepoint.cli import app
from changepoint.cli import status as exit_status
from changepoint.likelihoods import FAMILIES
from changepoint.report.json_schema import SCHEMA
from changepoint.roles import TABLE

VERSION = changepoint.__version__
ROOT = Path(__file__).parents[1]

# The public names by what they are for; a test asks that none is left out.
TOPICS = {
    "Data": ["read", "read_csv", "read_parquet", "from_frame", "Observations"],
    "Models": ["Model", "Changes", "compare_models", "ModelComparison"],
    "Answers": ["fit", "Exact", "MCMC", "Posterior"],
    "PyMC": ["check_pymc", "PyMCCheck", "sum_out", "draw_switchpoints"],
    "Errors and warnings": [
        "ChangepointError",
        "DataError",
        "SupportError",
        "AccessError",
        "ModelError",
        "EngineError",
        "DataWarning",
        "ConvergenceWarning",
    ],
}
MODULES = {
    "likelihoods": "Likelihoods",
    "priors": "Priors",
    "effects": "Effects",
    "scoring": "Scores",
    "trust": "Trust",
    "batch": "Many series",
}
STATUS = {
    0: "There is an answer.",
    exit_status.INTERNAL: "An internal error: a bug of changepoint.",
    exit_status.USAGE: "The command or the model is wrong.",
    exit_status.DATA: "The data can't be read, or are impossible under the model.",
    exit_status.ENGINE: "The engine can't do this model, or its chains have not converged.",
    exit_status.ALERT: "There is an answer, and a change as probable as `--alert` asked for.",
    130: "Interrupted.",
}
GROUPS = {
    "posterior": "Draws. The number of changes varies between them, unless it was given.",
    "segments": "The same draws by segment: first row of each, and its parameters; after the "
    "last segment T and NaN.",
    "given": "Draws given the most probable number of changes.",
    "exact": "Probabilities, exact: of a change by `time`, of each number `k`, of the place of "
    "each reported `change`; mean and quantiles of the parameter by `time` and by `segment`.",
    "observed_data": "The rows with data.",
    "constant_data": "All rows, the columns by role.",
}
SUMMARY = {
    "series": "How many.",
    "parts": "Portions of the work.",
    "status": "How many ended with each status.",
    "hash": "Of all the rest: an edited or damaged summary is refused.",
    "with_changes": "How many most probably changed.",
    "flagged": "How many stand out.",
    "false_discovery_rate": "The largest expected share of false alarms: `--fdr`.",
    "expected_false_share": "The expected share among those flagged.",
    "share_changed": "The estimated share of series that changed; null where none can tell.",
}


def write_all(folder):
    """Write every generated page anew."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    pages = {
        "api": api(),
        **{name: module(name) for name in MODULES},
        "command-line": command_line(),
        "json": result(),
        "batch-tables": tables(),
    }
    for name, text in pages.items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
    parts = {"roles": roles(), "netcdf": netcdf()}
    (folder / "parts").mkdir()
    for name, text in parts.items():
        (folder / "parts" / f"{name}.txt").write_text(text, encoding="utf-8")
    schema = json.dumps(SCHEMA, indent=2)
    (folder / "result.schema.json").write_text(schema + "\n", encoding="utf-8")
    (folder / "notebooks").mkdir()
    for notebook in sorted((ROOT / "notebooks").glob("*.ipynb")):
        shutil.copy(notebook, folder / "notebooks")


def table(head, rows):
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    cells = [[" ".join(str(cell).split()).replace("|", "\\|") for cell in row] for row in lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in cells) + "\n"


def api():
    """Return what `import changepoint` gives, by topic."""
    parts = ["# Python", inspect.cleandoc(changepoint.__doc__)]
    parts.append(
        "Beside the names below there are the modules "
        + ", ".join(f"[{name}]({name}.md)" for name in MODULES)
        + "."
    )
    for topic, names in TOPICS.items():
        things = {name: getattr(changepoint, name) for name in names}
        parts += [f"## {topic}", listed("changepoint", things)]
        parts += [directive(f"changepoint.{name}", thing) for name, thing in things.items()]
        if "Posterior" in names:
            parts.append(directive("changepoint.results.reported.Change", type))
            parts.append(directive("changepoint.results.sure_changes.SureChange", type))
            parts.append(directive("changepoint.results.events.EventFound", type))
            parts.append(directive("changepoint.results.events.EventEffect", type))
    return "\n\n".join(parts) + "\n"


def module(name):
    """Return the page of one public module."""
    parts = [f"# {MODULES[name]}", inspect.cleandoc(getattr(changepoint, name).__doc__)]
    things, whole = inside(getattr(changepoint, name)), f"changepoint.{name}"
    parts.append(listed(whole, things))
    if name == "likelihoods":
        rows = [
            (f"`{key}`", f"{{py:obj}}`~{whole}.{f.__name__}`") for key, f in FAMILIES.items()
        ]
        parts += ["Names on the command line:", table(["--likelihood", "class"], rows)]
    for key, thing in things.items():
        # What every likelihood has is told once, of the class they share.
        members = name != "likelihoods" or thing is likelihoods.Likelihood
        parts.append(directive(f"{whole}.{key}", thing, members))
    return "\n\n".join(parts) + "\n"


def inside(module):
    """Return the public classes and functions of a module."""
    return {
        name: thing
        for name, thing in vars(module).items()
        if not name.startswith("_")
        and (inspect.isclass(thing) or inspect.isfunction(thing))
        and thing.__module__.startswith(module.__name__)
    }


def listed(where, things):
    """Return names with the first line of their docstrings."""
    rows = [
        (f"{{py:obj}}`~{where}.{name}`", (inspect.getdoc(thing) or "").split("\n")[0])
        for name, thing in things.items()
    ]
    return table(["name", "what it is"], rows)


def directive(name, thing, members=True):
    """Return the directive that shows a class or function."""
    kind = "class" if inspect.isclass(thing) else "function"
    if kind == "class" and issubclass(thing, Exception):
        kind = "exception"
    option = "" if members or kind != "class" else "\n   :no-members:"
    if thing is changepoint.Posterior:  # most of what it has it is given by the reader below it
        option = "\n   :inherited-members:"
    return f"```{{eval-rst}}\n.. auto{kind}:: {name}{option}\n```"


def command_line():
    """Return what `--help` says of every command."""
    asked, sys.argv = sys.argv, ["changepoint"]  # which usage lines begin with
    try:
        text = app.generate_docs()
    finally:
        sys.argv = asked
    text = text.replace("# changepoint\n", "# Command line\n", 1)
    text = re.sub(r"## Table of Contents\n.*?(?=\*\*Commands)", "", text, flags=re.S)
    rows = [(f"`{status}`", told) for status, told in STATUS.items()]
    return f"{text}\n\n## Exit status\n\n{table(['status', 'meaning'], rows)}"


def result():
    """Return the fields of result.json."""
    shared, certificate = SCHEMA["$defs"]["interval"], SCHEMA["$defs"]["certificate"]
    parts = [
        "# JSON",
        SCHEMA["description"],
        table(["field", "type", "what it is"], fields(SCHEMA)),
        f"An interval is an object. {shared['description']}",
        table(["field", "type", "what it is"], fields(shared)),
        f"A certificate is an object. {certificate['description']}",
        table(["field", "type", "what it is"], fields(certificate)),
        "The same as a JSON Schema, which the outputs are tested against: "
        "[result.schema.json](result.schema.json).",
    ]
    return "\n\n".join(parts)


def fields(schema, before=""):
    """Yield name, type and description of fields, those of objects and lists below them."""
    for name, told in schema.get("properties", {}).items():
        yield f"`{before}{name}`", kind_of(told), told["description"]
        if "properties" in told.get("items", {}):
            yield from fields(told["items"], f"{before}{name}[].")
        elif isinstance(more := told.get("additionalProperties"), dict):
            yield from fields(more, f"{before}{name}.*.")
        else:
            yield from fields(told, f"{before}{name}.")


def kind_of(told):
    """Return the type of a field in words."""
    if "$ref" in told:
        return told["$ref"].split("/")[-1]
    if "oneOf" in told:
        return " or ".join(kind_of(one) for one in told["oneOf"])
    kind = told["type"]
    return " or ".join(kind) if isinstance(kind, list) else kind


def roles():
    """Return the roles of columns, and the names that they are found by."""
    rows = [
        (
            f"`{role.name}`",
            ", ".join(f"`{n}`" for n in role.names) or f"only as told: `--{role.name}`",
            role.about,
        )
        for role in TABLE
    ]
    return table(["role", "names", "what it is"], rows)


def netcdf():
    """Return groups and variables of posterior.nc, as an answer has them."""
    answer = changepoint.fit(None, changepoint.read_csv(ROOT / "data/conversions.csv"))
    rows = []
    for name, group in answer.tree.children.items():
        variables = (f"`{key}` ({', '.join(v.dims)})" for key, v in group.data_vars.items())
        rows.append((f"`{name}`", ", ".join(variables).replace(" ()", ""), GROUPS[name]))
    return table(["group", "variables (dimensions)", "what it is"], rows)


def tables():
    """Return the columns of a batch's tables, and what its summary says."""
    kinds = SERIES | CHANGE | BATCH
    with tempfile.TemporaryDirectory() as out:
        batch.run(ROOT / "data/conversions.csv", None, out)
        summary = json.loads(Path(out, "summary.json").read_text(encoding="utf-8"))
        found = {
            name: columns_of(Path(out, f"{name}.parquet")) for name in ("series", "changes")
        }
    parts = ["# Tables of a batch", batch_intro()]
    for title, columns in found.items():
        rows = [(f"`{name}`", kinds.get(name, "text"), ABOUT[name]) for name in columns]
        parts += [f"## {title}", table(["column", "type", "what it is"], rows)]
    rows = [(f"`{name}`", SUMMARY[name]) for name in summary]
    parts += ["## summary.json", table(["field", "what it is"], rows)]
    return "\n\n".join(parts)


def batch_intro():
    """Return what stands above the tables of columns."""
    return (
        "`changepoint batch` writes both as `.csv` and as `.parquet`; `batch.read` gives the "
        "first as a data frame. With `--by`, the key columns stand after `series`. Series are "
        "ordered by `probability_in_batch`, those that failed last."
    )


def columns_of(file):
    """Return the names of a Parquet file's columns."""
    from pyarrow import parquet

    return parquet.read_schema(file).names
