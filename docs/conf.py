"""The documentation: built by `make docs`, without a network; its code is run.

Pages under `generated/` are made here from the package and from the executed notebooks.
"""

import os
import re
import sys
from pathlib import Path

from docutils.utils.math.latex2mathml import tex2mathml

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path.insert(0, str(HERE))

import generate  # noqa: E402  stands beside this file

generate.write_all(HERE / "generated")

# Cells run in the repository's folder, as its README's do.
startup = ROOT / "build" / "ipython" / "profile_default" / "startup"
startup.mkdir(parents=True, exist_ok=True)
(startup / "folder.py").write_text(f"import os\nos.chdir({str(ROOT)!r})\ndel os\n")
os.environ["IPYTHONDIR"] = str(ROOT / "build" / "ipython")
os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])

project = "changepoint"
author = "The changepoint developers"
release = generate.VERSION
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns: list[str] = []
html_theme = "furo"
html_title = f"changepoint {release}"
html_copy_source = False
html_static_path = ["static"]
html_css_files = ["site.css"]
default_role = "code"

myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_excludepatterns = ["generated/notebooks/*"]  # executed already, and tested
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_merge_streams = True
nb_ipywidgets_js: dict[str, dict[str, str]] = {}

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_format = "short"
autodoc_default_options = {"members": True}
napoleon_numpy_docstring = True
napoleon_google_docstring = False
napoleon_use_ivar = True

html_math_renderer = "mathml"
LOADED = re.compile(r"""<(?:script|link|img)[^>]*?(?:src|href)=["'](?:https?:)?//[^"']+""")


def inline_math(translator, node):
    """Write mathematics as MathML, which browsers draw by themselves."""
    translator.body.append(tex2mathml(node.astext()))
    raise generate.SkipNode


def display_math(translator, node):
    """Write a formula on a line of its own."""
    translator.body.append(f"<div>{tex2mathml(node.astext(), as_block=True)}</div>")
    raise generate.SkipNode


def literal_formulas(app, what, name, thing, options, lines):
    """Show formulas, which stand indented after a blank line, as they were typed."""
    told = list(lines)
    lines.clear()
    before = ""  # the last line that isn't blank
    for i, line in enumerate(told):
        if line.startswith("    ") and i and not told[i - 1] and not before.startswith(" "):
            lines += ["::", ""]
        lines.append(line)
        before = line or before


def refuse_network(app, exception):
    """Fail if a page would load anything from elsewhere."""
    if exception is not None or app.builder.format != "html":
        return
    loaded = {
        f"{page.relative_to(app.outdir)}: {found}"
        for page in Path(app.outdir).rglob("*.html")
        for found in LOADED.findall(page.read_text(encoding="utf-8"))
    }
    if loaded:
        raise RuntimeError("pages load from the network:\n" + "\n".join(sorted(loaded)))


def setup(app):
    """Tell Sphinx of the above."""
    app.add_html_math_renderer("mathml", (inline_math, None), (display_math, None))
    app.connect("autodoc-process-docstring", literal_formulas, priority=100)
    app.connect("build-finished", refuse_network)
