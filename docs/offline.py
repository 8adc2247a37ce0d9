"""What lets the pages be read without a network, and on other machines than this one."""

import os
import re
import sys
import tempfile
from pathlib import Path

from docutils.nodes import SkipNode, Text
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging

log = logging.getLogger(__name__)

# What a browser would fetch from elsewhere.
LOADED = re.compile(
    r"""<(?:script|img|iframe|source|embed|video|audio)\b[^>]*\bsrc=["']?(?:https?:)?//[^"'>]+"""
    r"""|<link\b[^>]*\bhref=["']?(?:https?:)?//[^"'>]+"""
    r"""|@import\s+["'](?:https?:)?//[^"']+|\burl\(["']?(?:https?:)?//[^"')]+""",
    re.I,
)
ROOT = Path(__file__).parents[1]
FOLDERS = {str(ROOT), str(Path.home()), sys.prefix, tempfile.gettempdir()} - {"/"}


def faults(text):
    """Return what a page or style sheet loads from elsewhere, or tells of this machine."""
    shown = [f"shows {folder}" for folder in sorted(FOLDERS) if f"{folder}{os.sep}" in text]
    return [*(f"loads {found}" for found in LOADED.findall(text)), *shown]


def inline_math(translator, node):
    """Write a formula within text."""
    translator.body.append(mathml(node, block=False))
    raise SkipNode


def display_math(translator, node):
    """Write a formula on a line of its own."""
    translator.body.append(f'<div class="formula">{mathml(node, block=True)}</div>')
    raise SkipNode


def mathml(node, block):
    """Return mathematics as MathML, which browsers draw by themselves."""
    formula = re.sub(r"\\(begin|end)\{align\*?\}", r"\\\1{aligned}", node.astext())
    try:
        return str(tex2mathml(formula.replace(r"\dots", r"\ldots"), as_block=block))
    except MathError as error:
        log.warning("%s isn't understood as a formula: %s", node.astext(), error, location=node)
        return ""


def dashes(app, doctree):
    """Set the dash between a parameter and its description; others are those of flags."""
    for text in list(doctree.findall(Text)):
        if text == " -- ":
            text.parent.replace(text, Text(" – "))
