"""Pages of the reference, made from the package itself."""

import inspect
import json
import shutil
from pathlib import Path

from docutils.nodes import SkipNode as SkipNode

import changepoint
from changepoint import batch, likelihoods, priors, scoring
from changepoint.batch.rows import CHANGE, SERIES
from changepoint.cli import app
from changepoint.report.result_schema import SCHEMA

VERSION = changepoint.__version__
ROOT = Path(__file__).parents[1]


def write_all(folder):
    """Write every generated page anew."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    pages = {
        "api": api(),
        "command-line": command_line(),
        "json": result(),
        "batch-tables": tables(),
    }
    for name, text in pages.items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
    (folder / "notebooks").mkdir()
    for notebook in sorted((ROOT / "notebooks").glob("*.ipynb")):
        shutil.copy(notebook, folder / "notebooks")


def api():
    """Return everything public, with its docstring."""
    parts = ["# Python", "Everything below is reached by `import changepoint`."]
    public = [(name, getattr(changepoint, name)) for name in changepoint.__all__]
    parts += [_documented(f"changepoint.{name}", thing) for name, thing in public]
    for module in (likelihoods, priors, scoring, batch):
        inside = [
            (name, thing)
            for name, thing in vars(module).items()
            if not name.startswith("_")
            and (inspect.isclass(thing) or inspect.isfunction(thing))
            and thing.__module__.startswith(module.__name__)
        ]
        name = module.__name__
        parts += [f"## {name}", inspect.cleandoc(module.__doc__ or "")]
        parts += [_documented(f"{name}.{key}", thing) for key, thing in inside]
    return "\n\n".join(part for part in parts if part) + "\n"


def _documented(name, thing):
    """Return the directive that shows a class or function; modules come later."""
    if inspect.ismodule(thing):
        return ""
    kind = "class" if inspect.isclass(thing) else "function"
    if kind == "class" and issubclass(thing, Exception):
        kind = "exception"
    return f"```{{eval-rst}}\n.. auto{kind}:: {name}\n```"


def command_line():
    """Return what `--help` says of every command."""
    return app.generate_docs().replace("# changepoint\n", "# Command line\n", 1) + "\n"


def result():
    """Return the fields of result.json."""
    lines = ["# JSON", SCHEMA["description"], ""]
    lines += ["| field | type | what it is |", "|---|---|---|"]
    lines += [f"| `{name}` | {kind} | {text} |" for name, kind, text in _fields(SCHEMA)]
    text = json.dumps(SCHEMA, indent=2)
    lines += ["", "As a JSON Schema:", "", "```json", text, "```"]
    return "\n".join(lines) + "\n"


def _fields(schema, before=""):
    """Yield name, type and description of fields, those of objects and lists below them."""
    for name, told in schema.get("properties", {}).items():
        if "$ref" in told:
            told = SCHEMA["$defs"][told["$ref"].split("/")[-1]] | told
        kind = told.get("type", "any")
        kind = " or ".join(kind) if isinstance(kind, list) else kind
        yield before + name, kind, told.get("description", "")
        if told.get("items", {}).get("properties"):
            yield from _fields(told["items"], f"{before}{name}[].")
        elif "$ref" not in told:
            yield from _fields(told, f"{before}{name}.")


def tables():
    """Return the columns of the batch's tables."""
    parts = ["# Tables of a batch"]
    for title, columns in (("series", SERIES), ("changes", CHANGE)):
        parts.append(f"## `{title}`\n\n| column | type |\n|---|---|")
        parts[-1] += "".join(f"\n| `{name}` | {kind} |" for name, kind in columns.items())
    return "\n\n".join(parts) + "\n"
