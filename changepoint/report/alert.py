"""Whether something changed lately: for jobs that look at new data every day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from changepoint.errors import ModelError
from changepoint.report.numbers import equals
from changepoint.results.events import near
from changepoint.time_window import rows_since

if TYPE_CHECKING:
    from changepoint.answer import Answer
    from changepoint.observations import Observations


class Alert(NamedTuple):
    """How probable a change is in the last rows.

    since
        The first of these rows: its time, or number.
    window
        Which rows these are, in words.
    probability
        P(some change stands in them), whatever the number of changes.
    threshold
        From which on the alert is raised.
    """

    since: str | int | float
    window: str
    probability: float
    threshold: float

    @property
    def raised(self) -> bool:
        """Whether a change is that probable."""
        return self.probability >= self.threshold

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON has of it."""
        return {
            "since": self.since,
            "probability": self.probability,
            "threshold": self.threshold,
            "raised": self.raised,
        }


def check_threshold(threshold: float) -> None:
    """Refuse what is no probability that an alert could have.

    Raises
    ------
    ModelError
        Unless it is between 0 and 1.
    """
    if not 0 < threshold < 1:
        raise ModelError(
            f"the threshold of an alert is a probability between 0 and 1, such as 0.99, not "
            f"{threshold:g}"
        )


def alert_of(posterior: Answer, threshold: float, since: Any = None) -> Alert:
    """Return whether a change since a time is so probable.

    Exact where the engine is; from the draws otherwise.

    Parameters
    ----------
    since
        A date, a number, or a row where the data have no times; by default what suits the
        distance of rows, such as the last week of daily ones.

    Raises
    ------
    DataError
        If this is no time, or later than the data.

    Examples
    --------
    >>> from changepoint import fit, read
    >>> posterior = fit(read("data/conversions.csv"))
    >>> alert_of(posterior, 0.99).since
    '2025-06-23'
    >>> alert_of(posterior, 0.99, "2025-04-15").raised
    True
    """
    check_threshold(threshold)
    observations = posterior.observations
    if since is None:
        first, window = _lately(observations)
    else:
        rows, note = rows_since(observations, since)
        first = int(rows.argmax())
        window = f"the row that {since} lies in" if note else ""
    p = posterior.probability_between(*map(observations.stamp, (first, len(observations) - 1)))
    return Alert(observations.stamp(first), window, p, threshold)


def _lately(observations: Observations) -> tuple[int, str]:
    """Return the first of the last rows, and which they are."""
    rows, words = near(observations)
    many = "row" if rows == 1 else f"{rows} rows"
    return len(observations) - rows, f"the last {many}{'' if words == many else f', {words}'}"


def alert_line(posterior: Answer, alert: Alert) -> str:
    """Return it in words."""
    sure = "" if posterior.model.changes.exactly is None else "assuming their number, "
    known = f" ({alert.window})" if alert.window else ""
    against = "at least" if alert.raised else "below"
    p = equals(alert.probability)
    if float(p.split()[-1]) == alert.threshold:  # more digits, or the two would look alike
        p = f"= {alert.probability:.6g}"
    verdict = "ALERT" if alert.raised else "No alert"
    asked = f"{sure}P(a change since {alert.since})"
    return f"{verdict}: {asked} {p}, {against} {alert.threshold:g}{known}"
