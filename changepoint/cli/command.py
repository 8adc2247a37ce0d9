"""The command: its subcommands, and what its exit status says."""

from __future__ import annotations

import sys
from typing import Any

from cyclopts import App, CycloptsError

import changepoint
from changepoint.cli.batch import batch, report
from changepoint.cli.checking import check
from changepoint.cli.fitting import fit
from changepoint.cli.status import DATA, ENGINE, INTERNAL, USAGE
from changepoint.errors import DataError, EngineError, ModelError
from changepoint.plain import say
from changepoint.reading.wide import WIDE_ROLES

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
for command in (fit, batch, report, check):
    app.command(command)


def main(arguments: list[str] | None = None) -> None:
    """Run the command and exit with 0, or: 1 internal, 2 usage or model, 3 data, 4 engine.

    4 is also what chains that have not converged end with, after their answer is printed; 130
    an interrupt before there was one.
    """
    status: Any = INTERNAL
    try:
        status = app(
            with_values(sys.argv[1:] if arguments is None else arguments),
            exit_on_error=False,
            print_error=True,
            result_action="return_value",
        )
    except (CycloptsError, ModelError) as error:
        status = USAGE
        _complain(error)
    except DataError as error:
        status = DATA
        _complain(error)
    except EngineError as error:
        status = ENGINE
        _complain(error)
    except KeyboardInterrupt:
        say("changepoint: interrupted before there was an answer", error=True)
        status = 130
    except BrokenPipeError:  # the reader of our output has gone, as `head` does
        sys.stderr.close()
        status = 0
    except Exception as error:
        say(
            f"changepoint: internal error, {type(error).__name__}: {error}\n"
            "This is a bug of changepoint, not of your data: please report the command.",
            error=True,
        )
    sys.exit(status or 0)


def with_values(arguments: list[str]) -> list[str]:
    """Return arguments in which options have a value that may stand alone.

    --dask: local, where no address follows; --events: none, where nothing follows; --wide:
    none, where no role follows.
    """
    told = list(arguments)
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


def _complain(error: Exception) -> None:
    if not isinstance(error, CycloptsError):  # which are printed already
        say(f"changepoint: {error}", error=True)
