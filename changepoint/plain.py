"""Text of others, such as cells and names of files: shown as it is, where it could act."""

from __future__ import annotations

import json
import re
import sys
from shutil import get_terminal_size
from typing import Any

# Control characters but tabs and ends of lines, marks that turn the direction of writing, what
# stands for bytes of a file's name that are no text, and two that no XML may hold.
ACTING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
    "\ufffe\uffff]"
)
HALVES = re.compile("[\ud800-\udfff]")
NARROWEST = 40  # characters of a line: with fewer, tables take ages, and nobody can read them
# What a spreadsheet's formula begins with, and the numbers that begin so too.
FORMULA, NUMBER = r"^[=+\-@\t\r]", r"^[+\-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+\-]?[0-9]+)?$"


def plain(text: str) -> str:
    r"""Return text in which what a terminal would act on is written out.

    >>> plain("one \x1b[31mshop")
    'one \\x1b[31mshop'
    """
    return ACTING.sub(_written_out, text)


def encodable(text: str) -> str:
    """Return text that every file can hold: with what is no character written out."""
    return HALVES.sub(_written_out, text)


def drawable(text: str) -> str:
    r"""Return a line for a figure: none of it is mathematics or an end of the line.

    >>> print(drawable("price in $"))
    price in \$
    """
    told = plain(text).replace("\n", "\\n").replace("\t", "\\t")
    return told.replace("$", r"\$")  # which matplotlib shows as the sign alone


def json_text(told: Any, indent: int) -> str:
    """Return JSON in ASCII without control characters, so that `say` has nothing to write out.

    Halves of characters, which strict readers refuse, are written out.
    """
    text = json.dumps(told, indent=indent, allow_nan=False, ensure_ascii=False)
    text = HALVES.sub(lambda found: f"\\{_written_out(found)}", text)
    return re.sub("[^\n -~]", _escaped, text)


def _written_out(found: re.Match[str]) -> str:
    return ascii(found.group())[1:-1]


def _escaped(found: re.Match[str]) -> str:
    return "\\u007f" if found.group() == "\x7f" else json.dumps(found.group())[1:-1]


def say(text: str = "", error: bool = False) -> None:
    """Print a line, with what the stream can't encode written out too."""
    stream = sys.stderr if error else sys.stdout
    if stream is None:  # closed; print would take the other one
        return
    encoding = getattr(stream, "encoding", None) or "utf-8"
    print(encoded(plain(text), encoding), file=stream, flush=error)


def encoded(text: str, encoding: str) -> str:
    """Return text in which what an encoding lacks is written out; rules become hyphens."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.replace("─", "-").encode(encoding, "backslashreplace").decode(encoding)
    return text


def width(stream: Any) -> int:
    """Return how many characters make a line of a table on a stream."""
    return max(get_terminal_size().columns, NARROWEST) if stream.isatty() else 160


def defused(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula; numbers stay as they are.

    >>> defused("=1+1"), defused("-20"), defused("-20+1")
    ("'=1+1", '-20', "'-20+1")
    """
    risky = re.match(FORMULA, text) and not re.match(NUMBER, text)
    return f"'{text}" if risky else text
