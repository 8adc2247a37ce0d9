"""The roles of a column, in one table, which everything else about roles is taken from.

To add one, add a row. `Observations` and `reading.readers.Options` spell its name once more,
for type checkers; a test compares them with the table.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Role:
    """What a column can be.

    Parameters
    ----------
    name
        The word for it: an argument of the readers, an option of the command, a key of a model
        file's columns and, if it is held as numbers, a field of `Observations`.
    about
        What it is, in a sentence: the help of the option, and the documentation.
    names
        Columns so named have this role without being told: lower case, with their accents,
        which a table may leave out or write as ae, oe, ue.
    spare
        Further such names, which may mean other things: they count where no column has a name
        that is clear, for this role or another one behind the same response.
    numbers
        Whether `Observations` hold it as numbers by row.
    response
        Whether it can be what a likelihood explains.
    behind
        The response that it stands behind: without that it says nothing.
    default
        The likelihood for data that have it, where none is chosen; that of a role behind the
        response wins over the response's own.
    whole, percent, summed
        Whether its numbers are whole; whether they may be percentages; whether `--aggregate`
        can sum them.
    constant
        Whether one number can stand in its place, for every row of the series.
    several
        Whether it is a list of columns.
    alone
        Whether it stands in place of all other columns but the time.
    flag
        Its option, given once for each column, where that isn't called by the name.
    """

    name: str
    about: str
    names: tuple[str, ...] = ()
    spare: tuple[str, ...] = ()
    numbers: bool = True
    response: bool = False
    behind: str | None = None
    default: str | None = None
    whole: bool = False
    percent: bool = False
    summed: bool = False
    constant: bool = False
    several: bool = False
    alone: bool = False
    flag: str = ""


# The order of responses is that in which a default likelihood is chosen.
TABLE = (
    Role(
        "time",
        "Column of dates, time stamps or numbers; or those of year,month,day.",
        (
            *("date", "day", "week", "month", "year", "time", "timestamp"),
            *("datum", "tag", "woche", "monat", "jahr", "zeit", "zeitpunkt"),
            *("jour", "semaine", "mois", "année"),
        ),
        numbers=False,
    ),
    Role(
        "count",
        "Column of events.",
        (
            *("count", "conversions", "events", "deaths", "clicks", "orders", "disasters"),
            *("signups", "errors", "cases", "purchases", "sales", "opened", "failures"),
            *("defects", "incidents"),
            *("anzahl", "ereignisse", "käufe", "verkäufe", "bestellungen", "anmeldungen"),
            *("klicks", "fehler", "fälle", "todesfälle"),
            *("nombre", "événements", "achats", "ventes", "commandes", "inscriptions"),
            *("clics", "erreurs", "cas", "décès"),
        ),
        response=True,
        default="negative-binomial",
        whole=True,
        summed=True,
    ),
    Role(
        "trials",
        "Column of trials behind each count, or one number for all rows.",
        (
            *("trials", "visits", "visitors", "births", "sessions", "impressions", "n"),
            *("requests", "users", "sent", "inspected", "total", "attempts"),
            *("versuche", "besuche", "besucher", "nutzer", "anfragen", "geburten"),
            *("essais", "tentatives", "visites", "visiteurs", "utilisateurs", "requêtes"),
            "naissances",
        ),
        behind="count",
        default="beta-binomial",
        whole=True,
        summed=True,
        constant=True,
    ),
    Role(
        "exposure",
        "Column of the time or population at risk behind each count, or one number.",
        (
            *("exposure", "hours", "population"),
            *("stunden", "bevölkerung", "einwohner"),
            *("heures", "habitants"),
        ),
        spare=(
            *("pop", "pop.", "popn", "popul.", "inhabitants", "person_years", "person years"),
            *("einw", "einw.", "bev", "bev.", "hab", "hab."),
        ),
        behind="count",
        summed=True,
        constant=True,
    ),
    Role(
        "rate",
        "Column of proportions whose trials are unknown.",
        ("rate", "conversion_rate", "cnvrs", "ctr", "konversionsrate", "anteil", "taux"),
        response=True,
        default="beta",
        percent=True,
    ),
    Role(
        "value",
        "Column of measurements.",
        ("value", "y", "flow", "wert", "messwert", "valeur"),
        response=True,
        default="auto",
        percent=True,
    ),
    Role(
        "outcomes",
        "Columns of counts by outcome, separated by commas, such as left,carted,bought.",
        response=True,
        default="multinomial",
        whole=True,
        summed=True,
        several=True,
        alone=True,
    ),
    Role(
        "outcome",
        "Column that says the outcome of a trial, where each row is one.",
        numbers=False,
        alone=True,
    ),
    Role(
        "events",
        "Column of times, where each row is an event, or has a count of them; without a "
        "column, that of --time. Needs --aggregate.",
        numbers=False,
    ),
    Role(
        "covariates",
        "Column known in each row, of numbers or categories, that shifts the row whatever its "
        "segment: a price, a region. May be given several times.",
        numbers=False,
        several=True,
        flag="covariate",
    ),
)
BY_NAME = {role.name: role for role in TABLE}
ROLES = tuple(role.name for role in TABLE if role.numbers)
RESPONSES = tuple(role.name for role in TABLE if role.response)


def behind(response: str) -> tuple[str, ...]:
    """Return the roles that stand behind a response."""
    return tuple(role.name for role in TABLE if role.behind == response)
