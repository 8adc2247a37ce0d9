"""The command: its subcommands, and what its exit status says."""

from __future__ import annotations

import logging
import os
import sys
from shutil import get_terminal_size
from typing import TYPE_CHECKING

from cyclopts import App, CycloptsError

import changepoint
from changepoint.cli.batch import batch, report
from changepoint.cli.checking import check
from changepoint.cli.fitting import fit
from changepoint.cli.simulating import calibrate, power
from changepoint.cli.status import DATA, ENGINE, INTERNAL, INTERRUPTED, USAGE
from changepoint.cli.streams import delivered, standard_streams
from changepoint.errors import DataError, EngineError, ModelError
from changepoint.plain import NARROWEST, say
from changepoint.reading.files import STANDARD_INPUT
from changepoint.reading.wide import WIDE_ROLES

if TYPE_CHECKING:
    from rich.console import Console

HELP = """Bayesian change points for small rates: did it change, when, and how sure is that?

Example: changepoint fit data/semmelweis.csv --exactly 1

The folder data comes with the source, not with the installed package.
"""

app = App(
    name="changepoint",
    help=HELP,
    version=changepoint.__version__,
    suppress_keyboard_interrupt=False,  # `main` says what became of it
)
for command in (fit, batch, report, check, power, calibrate):
    app.command(command)


def main(arguments: list[str] | None = None) -> None:
    """Run the command and exit with 0, or: 1 internal, 2 usage or model, 3 data, 4 engine.

    4 is also what chains that have not converged end with, after their answer is printed; 10
    an answer with an alert (`fit --alert`); 130 an interrupt before there was one. An answer
    that can't be written ends with 3.
    """
    # Where its folder can't be written to, matplotlib tells of it at length.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    with standard_streams() as out:
        status = delivered(out, _status(sys.argv[1:] if arguments is None else arguments))
    sys.exit(status)


def _status(arguments: list[str]) -> int:
    """Run the command, complain of what goes wrong, and return the exit status."""
    try:
        status = app(
            with_values(arguments),
            exit_on_error=False,
            print_error=False,
            result_action="return_value",
            console=_console(),
        )
    except (CycloptsError, ModelError) as error:
        return _complain(error, USAGE)
    except DataError as error:
        return _complain(error, DATA)
    except EngineError as error:
        return _complain(error, ENGINE)
    except MemoryError as error:
        return _complain(EngineError(f"the memory doesn't suffice: {error}"), ENGINE)
    except KeyboardInterrupt:
        say("changepoint: interrupted before there was an answer", error=True)
        return INTERRUPTED
    except Exception as error:
        say(
            f"changepoint: internal error, {type(error).__name__}: {error}\n"
            "This is a bug of changepoint, not of your data: please report the command.",
            error=True,
        )
        return INTERNAL
    return status or 0  # None of --help and --version


def with_values(arguments: list[str]) -> list[str]:
    """Return arguments in which options have a value that may stand alone.

    --dask: local, where no address follows; --events: none, where nothing follows; --wide:
    none, where no role follows. A dash alone, which is standard input, stands behind --, as it
    would be taken for an option.
    """
    told = list(arguments)
    if STANDARD_INPUT in told and "--" not in told:
        told = [one for one in told if one != STANDARD_INPUT] + ["--", STANDARD_INPUT]
    if "--dask" in told:
        after = told.index("--dask") + 1
        if after == len(told) or not (":" in told[after] or told[after] == "local"):
            told.insert(after, "local")
    if "--events" in told:
        place = told.index("--events")
        if place + 1 == len(told) or told[place + 1].startswith("--"):
            told[place] = "--events="
    if "--wide" in told:
        place = told.index("--wide")
        if told[place + 1 : place + 2] not in ([role] for role in WIDE_ROLES):
            told[place] = "--wide="
    return told


def _console() -> Console | None:
    """Return what help is printed on; None, for the usual one, where that is wide enough."""
    told = os.environ.get("COLUMNS", "80")
    if get_terminal_size().columns >= NARROWEST and told.isdigit() and int(told) >= NARROWEST:
        return None
    from rich.console import Console

    return Console(width=max(get_terminal_size().columns, NARROWEST))


def _complain(error: Exception, status: int) -> int:
    say(f"changepoint: {error}", error=True)
    return status
