"""Execute notebooks and write each, with its outputs, beside its source. Run by make.

    python tools/notebooks.py                          all of notebooks/*.py
    python tools/notebooks.py notebooks/1_*.py         these

Cells run in the root of the repository, under the interpreter that runs this file. The same
outputs make the same bytes: nothing is written about when, where or by whom it was executed.
"""

import os
import re
import sys
from pathlib import Path

import jupytext
import nbformat
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from nbclient import NotebookClient
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[1]
LARGEST = 400_000  # bytes of an .ipynb
SECONDS = 120  # for a cell
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
# What differs from run to run, or from machine to machine.
ADDRESS = re.compile(r"\bat 0x[0-9a-f]{6,}")


class ThisInterpreter(KernelSpecManager):
    """The only kernel is the interpreter that runs this file, whatever is installed."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """Return its specification, by any name."""
        arguments = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(argv=arguments, display_name="Python 3", language="python")


def read(source: Path) -> NotebookNode:
    """Return the notebook of a py:percent source, its cells numbered from 1."""
    notebook = jupytext.reads(source.read_text(encoding="utf-8"), fmt="py:percent")
    for number, cell in enumerate(notebook.cells, 1):
        cell["id"] = f"cell-{number}"
        cell["metadata"] = {}
    notebook.metadata = nbformat.from_dict(METADATA)
    return notebook


def execute(notebook: NotebookNode) -> None:
    """Run all cells; what they write to stderr (warnings, progress) is left out."""
    client = NotebookClient(
        notebook,
        timeout=SECONDS,
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(ROOT)}},
    )
    kernel = client.create_kernel_manager()
    kernel.kernel_spec_manager = ThisInterpreter()
    kernel.transport = "ipc"  # other users can't listen
    client.execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [each for each in cell.outputs if each.get("name") != "stderr"]
    notebook.metadata = nbformat.from_dict(METADATA)  # the kernel told more of itself


def write(notebook: NotebookNode, path: Path) -> None:
    """Write the notebook, unless it's too large or tells of this machine or this run."""
    text = nbformat.writes(notebook) + "\n"
    told = [place for place in (str(ROOT), sys.prefix, str(Path.home())) if place in text]
    told += ADDRESS.findall(text)
    if told:
        raise SystemExit(f"{path.name}: the outputs tell of this machine: {', '.join(told)}")
    if len(text) > LARGEST:
        raise SystemExit(f"{path.name}: {len(text)} bytes, more than {LARGEST}")
    path.write_text(text, encoding="utf-8")


def main(names: list[str]) -> None:
    """Execute the sources named, or all."""
    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    os.environ["PYTHONWARNINGS"] = "ignore"
    sources = [Path(name) for name in names] or sorted((ROOT / "notebooks").glob("*.py"))
    for source in sources:
        notebook = read(source)
        execute(notebook)
        write(notebook, source.with_suffix(".ipynb"))
        print(source.with_suffix(".ipynb").name)


if __name__ == "__main__":
    main(sys.argv[1:])
