"""Files of many kinds, made from a table that is known: equal numbers, or the cell is named.

Ten thousand files in `make test-slow`, a few of each kind in `make test`.
"""

import datetime
import random
import warnings
import zoneinfo

import numpy as np
import pytest

from changepoint.errors import ChangepointError, DataWarning
from changepoint.model import default_model
from changepoint.reading import read_csv
from changepoint.roles import TABLE

FEW, MANY = 20, 500
DAY, HOUR = np.timedelta64(1, "D"), np.timedelta64(1, "h")


def days(rng, rows):
    first = np.datetime64("1995-01-01") + DAY * rng.randrange(12_000)
    return first + DAY * np.arange(rows)


def csv(header, rows, delimiter=","):
    return "\n".join(delimiter.join(map(str, row)) for row in [header, *rows]) + "\n"


def cased(rng, name):
    return rng.choice([name, name.upper(), name.title(), f" {name} "])


def headers(rng):
    """Name columns by any of their role's names, in any case and order."""
    T = rng.randrange(13, 30)
    time = days(rng, T)
    response = rng.choice([role for role in TABLE if role.response and role.names])
    behind = [role for role in TABLE if role.behind == response.name]
    roles = [response, *rng.sample(behind, rng.randrange(len(behind) + 1))]
    numbers = {
        role.name: [
            rng.randrange(5) if role.response and role.whole else rng.randrange(5, 90)
            for _ in time
        ]
        for role in roles
    }
    if response.name == "rate":
        numbers["rate"] = [rng.randrange(1, 999) / 1000 + 0.0001 for _ in time]
    named = {rng.choice(TABLE[0].names): [str(day) for day in time]}
    # "n" and "year" mean something else to a date in parts, and alone.
    named |= {rng.choice(role.names): numbers[role.name] for role in roles}
    named["remark"] = [rng.choice(["", "a", "b c"]) for _ in time]
    names = rng.sample(sorted(named), len(named))
    rows = zip(*(named[name] for name in names), strict=True)
    yield csv([cased(rng, name) for name in names], rows), {}, {"time": time, **numbers}


UNITS = {
    100: ("{} (%)", "{} in percent", "{} %", "{}_pct", "{} [%]", "{} in Prozent", "% {}"),
    1000: ("{} per 1000", "{} (per 1,000)", "{} pro 1.000", "{} [‰]", "{}/1000 births"),
    100_000: ("{} per 100,000", "{} pro 100.000 Einwohner", "{}_per_100k", "{} (per 100 000)"),
}


def units(rng):
    """State the unit of a rate in the header, by an option, by percent signs, or not at all."""
    T = rng.randrange(13, 30)
    time = days(rng, T)
    per = rng.choice(sorted(UNITS))
    written = [round(rng.uniform(0.02, 0.9) * 100, 3) for _ in time]
    name = rng.choice(["rate", "ctr", "conversion_rate", "Anteil", "deaths"])
    german = rng.random() < 0.5
    cells = [
        f"{number:.3f}".replace(".", ",") if german else f"{number:.3f}" for number in written
    ]
    delimiter = ";" if german else rng.choice(";\t|")
    how, options = rng.choice(["header", "option", "signs", "none"]), {}
    divisor = per
    if how == "header":
        name = rng.choice(UNITS[per]).format(name)
    elif how == "option":
        name, options = "rate", {"per": per}
    elif how == "signs":
        name, divisor = "rate", 100
        cells = [f"{cell}{rng.choice(['%', ' %'])}" for cell in cells]
    else:  # numbers above 1 can't be proportions: they are refused, not divided
        yield (
            csv(["date", "rate"], zip(time, cells, strict=True), delimiter),
            {},
            f"{written[0]:g}",
        )
        return
    want = {"time": time, "rate": np.array(written) / divisor}
    yield csv(["date", name], zip(time, cells, strict=True), delimiter), options, want


def totals(rng):
    """Write counts, or measurements, as a running total."""
    T = rng.randrange(13, 40)
    time = days(rng, T)
    steps = [rng.choice([0, 3, 8, 21, 5]) + rng.randrange(2, 7) for _ in time]
    name = rng.choice(["count", "sales", "value"])
    total = np.cumsum(steps)
    want = {"time": time[1:], "value" if name == "value" else "count": steps[1:]}
    text = csv(["date", name], zip(time, total, strict=True))
    yield text, {"difference": True}, want
    fall = rng.randrange(2, T)
    total[fall] = total[fall - 1] - 1
    yield (
        csv(["date", name], zip(time, total, strict=True)),
        {"difference": True},
        f"line {fall + 2}",
    )


def repeats(rng):
    """Write a row again: as it was, or with another number."""
    T = rng.randrange(13, 30)
    time = days(rng, T)
    rows = [[day, rng.randrange(50), rng.randrange(60, 99)] for day in time]
    again = rng.randrange(T)
    other = [rows[again][0], rows[again][1] + 1, rows[again][2]]
    copy = list(rows[again])
    for row, words in ((copy, "delete"), (other, "aggregate")):
        text = csv(["date", "orders", "visits"], [*rows[: again + 1], row, *rows[again + 1 :]])
        yield text, {}, (str(again + 2), str(again + 3), words)
    summed = {"time": time, "count": [r[1] for r in rows], "trials": [r[2] for r in rows]}
    summed["count"][again] += other[1]
    summed["trials"][again] += other[2]
    yield text, {"aggregate": "day"}, summed
    means = [rng.choice(["mean", "median"]), "sum"]
    for statistic in means:
        want = [float(row[1]) for row in rows]
        want[again] = want[again] + other[1] if statistic == "sum" else want[again] + 0.5
        cells = [[row[0], row[1]] for row in [*rows[: again + 1], other, *rows[again + 1 :]]]
        options = {"aggregate": "day", "statistic": statistic}
        yield csv(["date", "value"], cells), options, {"time": time, "value": want}


ZONES = ("Europe/Berlin", "America/New_York", "Australia/Sydney", "Asia/Kathmandu", "UTC")


def zones(rng):
    """Write hours as the clocks of a zone show them, without and with the offset."""
    zone = zoneinfo.ZoneInfo(rng.choice(ZONES))
    turn = np.datetime64(rng.choice(["2023-10-28", "2023-11-04", "2024-03-30", "2024-04-06"]))
    first = turn.astype("datetime64[s]") + HOUR * rng.randrange(12)
    utc = first + HOUR * np.arange(rng.randrange(40, 60))
    local = [
        when.astype(datetime.datetime).replace(tzinfo=datetime.UTC).astimezone(zone)
        for when in utc
    ]
    values = [rng.randrange(100) for _ in utc]
    want = {"time": utc, "value": values}
    plain = [f"{when:%Y-%m-%d %H:%M}" for when in local]
    yield csv(["time", "value"], zip(plain, values, strict=True)), {"zone": str(zone)}, want
    told = [when.isoformat() for when in local]
    yield csv(["time", "value"], zip(told, values, strict=True)), {}, want
    if len(set(plain)) < len(plain):  # an hour comes twice
        yield csv(["time", "value"], zip(plain, values, strict=True)), {}, "zone"


def parts(rng):
    """Write the date in several columns, or without its year."""
    T = rng.randrange(13, rng.choice([40, 400]))
    time = days(rng, T)
    values = [rng.randrange(100) for _ in time]
    dates = [day.astype(datetime.date) for day in time]
    names = rng.choice(
        [("year", "month", "day"), ("Jahr", "Monat", "Tag"), ("YEAR", "MONTH", "DAY")]
    )
    rows = [[d.year, d.month, d.day, v] for d, v in zip(dates, values, strict=True)]
    want = {"time": time, "value": values}
    yield csv([*names, "value"], rows), {}, want
    style = rng.choice(["%b {d}", "{d} %b", "%B {d}"])
    texts = [d.strftime(style).replace("{d}", str(d.day)) for d in dates]
    text = csv(["date", "value"], zip(texts, values, strict=True), ";")
    yield text, {"year": dates[0].year}, want
    yield text, {}, "year"


def periods(rng):
    """Write days in any order, a wrong one among them, and sum them by month."""
    months = rng.randrange(3, 6)
    first = np.datetime64("2001-01") + np.timedelta64(rng.randrange(200), "M")
    end = (first + np.timedelta64(months, "M")).astype("datetime64[D]")
    time = np.arange(first.astype("datetime64[D]"), end)
    rows = [[day, rng.randrange(50), rng.randrange(60, 99)] for day in time]
    starts = first + np.arange(months).astype("timedelta64[M]")
    month = time.astype("datetime64[M]")
    want = {"time": starts.astype("datetime64[D]")}
    for i, role in ((1, "count"), (2, "trials")):
        numbers = np.array([row[i] for row in rows])
        want[role] = [numbers[month == start].sum() for start in starts]
    shuffled = rng.sample(rows, len(rows))
    yield csv(["date", "orders", "visits"], shuffled), {"aggregate": "month"}, want
    wrong = rng.randrange(len(rows))
    cell = rng.choice(["12x", "3..4", "--5"])
    shuffled[wrong] = [shuffled[wrong][0], cell, shuffled[wrong][2]]
    text = csv(["date", "orders", "visits"], shuffled)
    yield text, {"aggregate": "month"}, (f"line {wrong + 2}", cell, "orders")


def logs(rng):
    """Write a row for each event, in any order; with a count, or one alone."""
    T = rng.randrange(13, 40)
    time = days(rng, T)
    counts = [rng.choice([0, 0, 1, 2, 3]) for _ in time]
    rows = [
        f"{day} {rng.randrange(24):02}:{rng.randrange(60):02}"
        for day, count in zip(time, counts, strict=True)
        for _ in range(count)
    ]
    if len(rows) < 3:
        return
    ends = {"start": str(time[0]), "end": str(time[-1])}
    text = "created_at\n" + "\n".join(rng.sample(rows, len(rows)))
    options = {"events": "created_at", "aggregate": "day", **ends}
    yield text, options, {"time": time, "count": counts}


KINDS = (headers, units, totals, repeats, zones, parts, periods, logs)


def look(kind, seed, path):
    """Write the files of one seed, read them, and compare."""
    for text, options, want in kind(random.Random(f"{kind.__name__} {seed}")):
        path.write_text(text, encoding="utf-8")
        with warnings.catch_warnings(action="ignore", category=DataWarning):
            if isinstance(want, dict):
                found = read_csv(path, **options)
                shown = f"seed {seed}, {options}\n{text[:300]}"
                for name, numbers in want.items():
                    read = found.time if name == "time" else found.column(name)
                    np.testing.assert_allclose(
                        read.astype("datetime64[s]").astype(float) if name == "time" else read,
                        np.asarray(numbers, "datetime64[s]").astype(float)
                        if name == "time"
                        else numbers,
                        rtol=1e-14,
                        err_msg=shown,
                    )
            else:
                with pytest.raises(ChangepointError) as caught:
                    found = read_csv(path, **options)
                    default_model(found).check(found)
                for words in (want,) if isinstance(want, str) else want:
                    assert words.lower() in str(caught.value).lower(), text


@pytest.mark.parametrize("kind", KINDS)
def test_a_few_tables(kind, tmp_path):
    for seed in range(FEW):
        look(kind, seed, tmp_path / "t.csv")


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_ten_thousand_tables(kind, tmp_path):
    for seed in range(FEW, FEW + MANY):
        look(kind, seed, tmp_path / "t.csv")
