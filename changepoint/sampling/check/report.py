"""What a check of a PyMC model found: findings, and the report that groups them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from changepoint.errors import DataError, Problem

if TYPE_CHECKING:
    import pandas as pd


class Finding(NamedTuple):
    """One thing wrong with a model: where it is, which rule it breaks, what to do."""

    kind: str
    variable: str | None
    row: int | None
    value: str | None
    rule: str
    remedy: str

    def as_problem(self) -> Problem:
        """Return the finding as a problem of the data, which knows how to print itself."""
        row = None if self.row is None else f"row {self.row}"
        place = ", ".join(part for part in (self.variable, row) if part is not None)
        return Problem(None, None, place or None, None, self.value, self.rule, self.remedy)


@dataclass(frozen=True)
class PyMCCheck:
    """The report of `check_pymc`; `print` it to read it.

    Parameters
    ----------
    findings
        Everything wrong, one by one.
    notes
        What couldn't be checked, and why.
    """

    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether no problem was found; notes don't count."""
        return not self.findings

    @property
    def problems(self) -> pd.DataFrame:
        """A row per problem: kind, variable, row, value, rule, remedy."""
        import pandas as pd

        # As objects, rows stay integers beside None.
        return pd.DataFrame(self.findings, columns=Finding._fields, dtype=object)

    def __str__(self) -> str:
        many = len(self.findings)
        if self.ok:
            text = "No problem found."
        else:
            count = "1 problem" if many == 1 else f"{many} problems"
            problems = [finding.as_problem() for finding in self.findings]
            text = str(DataError(f"{count} with the model:", problems))
        return "\n".join([text, *(f"Note: {note}" for note in self.notes)])
