"""The documentation: built by `make docs`, without a network; its code is run.

Pages under `generated/` are made here from the package and from the executed notebooks.
"""

import os
import sys
from pathlib import Path

from sphinx.errors import ExtensionError

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path[:0] = [str(HERE), str(ROOT)]

# These stand beside this file.
import generate  # noqa: E402
import offline  # noqa: E402

generate.write_all(HERE / "generated")

# Cells run in the repository's folder, as its README's do, without settings of the user's.
profile = ROOT / "build" / "ipython" / "profile_default"
(profile / "startup").mkdir(parents=True, exist_ok=True)
(profile / "startup" / "folder.py").write_text(f"import os\nos.chdir({str(ROOT)!r})\ndel os\n")
(profile / "ipython_kernel_config.py").write_text(
    'get_config().InlineBackend.figure_formats = {"svg"}\n'
)
os.environ["IPYTHONDIR"] = str(profile.parent)
os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])

project = "changepoint"
author = "The changepoint developers"
release = generate.VERSION
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns: list[str] = []
html_theme = "furo"
html_title = f"changepoint {release}"
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
html_static_path = ["static"]
html_css_files = ["site.css"]
default_role = "code"
smartquotes_action = "qe"  # no dashes: --out is --out

myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_excludepatterns = ["generated/notebooks/*"]  # executed already, and tested
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_merge_streams = True
nb_ipywidgets_js: dict[str, dict[str, str]] = {}

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_default_options = {"members": True}
napoleon_numpy_docstring = True
napoleon_google_docstring = False
napoleon_use_ivar = True

html_math_renderer = "mathml"


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


def refuse_faults(app, exception):
    """Fail if a page would load anything from elsewhere, or shows a path of this machine."""
    if exception is not None or app.builder.format != "html":
        return
    out = Path(app.outdir)
    found = [
        f"{page.relative_to(out)} {fault}"
        for page in sorted([*out.rglob("*.html"), *out.rglob("*.css")])
        for fault in offline.faults(page.read_text(encoding="utf-8"))
    ]
    if found:
        raise ExtensionError("; ".join(found))


def setup(app):
    """Tell Sphinx of the above."""
    formulas = (offline.inline_math, None), (offline.display_math, None)
    app.add_html_math_renderer("mathml", *formulas)
    app.connect("autodoc-process-docstring", literal_formulas, priority=100)
    app.connect("doctree-read", offline.dashes)
    app.connect("build-finished", refuse_faults)
