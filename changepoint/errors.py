"""Everything this package raises or warns with.

    ChangepointError
      DataError            what can't be read: a file, a column, a date, a number
        SupportError       what the likelihood can't produce; carries a table of problems
        AccessError        a file that can't be reached or read now; later it may be
      ModelError           parts that don't fit together, a model file that raises
      EngineError          this engine can't do this model; the message names one that can
    DataWarning            what was noticed, and done, while reading data
    ConvergenceWarning     a sampler's answer that can't be trusted

Every message says what was expected, what was found, where, and what to do; all problems of
a table are reported at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import pandas as pd

# Warnings skip files in it: they point at the caller, whichever public function was called.
PACKAGE = str(Path(__file__).parent)
SHOWN = 8  # places printed for each rule; `problems` holds them all


class ChangepointError(Exception):
    """Base of every error of this package."""


class Problem(NamedTuple):
    """One thing wrong with the data: where it is, which rule it breaks, what to do."""

    file: str | None
    line: int | None
    time: str | None
    column: str | None
    value: str | None
    rule: str
    remedy: str

    @property
    def place(self) -> str:
        """File, line, time, column and value, as far as they are known."""
        places = (
            self.file,
            None if self.line is None else f"line {self.line}",
            self.time,
            None if self.column is None else f"column {self.column!r}",
            None if self.value is None else f"value {self.value}",
        )
        return ", ".join(place for place in places if place is not None)


class DataError(ChangepointError):
    """Data that can't be read.

    Parameters
    ----------
    message
        One sentence.
    problems
        The places, where there are any.
    """

    def __init__(self, message: str, problems: Sequence[Problem] = ()) -> None:
        self.rows = tuple(problems)
        lines = [message]
        rules: dict[tuple[str, str], list[Problem]] = {}
        for problem in self.rows:
            rules.setdefault((problem.rule, problem.remedy), []).append(problem)
        for (rule, remedy), same in rules.items():
            places = [problem.place for problem in same if problem.place]
            if len(same) == 1:
                where = f"{places[0]}: " if places else ""
                lines.append(f"  {where}{rule}. {remedy}")
                continue
            lines.append(f"  {rule}, {len(same)} times. {remedy}")
            lines += [f"    {place}" for place in places[:SHOWN]]
            if len(places) > SHOWN:
                lines.append(f"    and {len(places) - SHOWN} more")
        super().__init__("\n".join(lines))

    @property
    def problems(self) -> pd.DataFrame:
        """A row per problem: file, line, time, column, value, rule, remedy."""
        import pandas as pd

        return pd.DataFrame(self.rows, columns=Problem._fields)


class SupportError(DataError):
    """Data that the likelihood, or its prior, can't have produced."""


class AccessError(DataError):
    """A file that can't be reached or read now: the next run of a batch tries it again."""


class ModelError(ChangepointError):
    """A model whose parts don't fit together."""


class EngineError(ChangepointError):
    """An engine that can't do this model."""


class DataWarning(UserWarning):
    """Something noticed, and done, while reading data."""


class ConvergenceWarning(UserWarning):
    """A sampler whose answer can't be trusted."""
