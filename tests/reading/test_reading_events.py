"""Logs of events: empty periods, where the log begins and ends, constants, trials by row."""

import warnings

import numpy as np
import pytest

from changepoint import Observations, batch
from changepoint.errors import DataError, DataWarning
from changepoint.reading import from_frame, read_parquet

MONDAYS = np.arange("2023-01-02", "2023-12-25", np.timedelta64(7, "D"), dtype="datetime64[D]")
RNG = np.random.default_rng(11)
# Weeks of 0 to 3 events, on some days, at some hours; none in weeks of multiples of 5.
NUMBERS = np.where(np.arange(len(MONDAYS)) % 5 == 0, 0, RNG.integers(1, 4, len(MONDAYS)))
NUMBERS[[0, -1]] = 2
DAYS = [RNG.permutation(7)[:number] for number in NUMBERS]
STAMPS = sorted(
    f"{monday + np.timedelta64(int(day), 'D')}T{RNG.integers(0, 24):02d}:{RNG.integers(60):02d}"
    for monday, days in zip(MONDAYS, DAYS, strict=True)
    for day in days
)
START = np.arange("2023-01-02", "2023-04-01", dtype="datetime64[D]")
WHOLE = {"start": "2023-01-02", "end": "2023-12-24"}


def quietly(read, *arguments, **options) -> Observations:
    with warnings.catch_warnings(action="ignore", category=DataWarning):
        return read(*arguments, **options)


def test_the_only_column_of_dates_has_the_times(reads):
    rows = [f"m{i},{1 + i % 3}/{13 + i % 9}/2024,no" for i in range(40)]
    log = "member,Resignation Date,reason\n" + "\n".join(rows)
    with pytest.warns(DataWarning):
        found = reads(log, events=True, aggregate="month", keep_partial=True)
    assert found.count.tolist() == [14, 13, 13]
    assert any("'Resignation Date' is the only one of dates" in note for note in found.warnings)
    twice = log.replace("reason", "asked").replace(",no", ",1/13/2024")
    with pytest.raises(DataError, match="isn't clear"):
        reads(twice, events=True, aggregate="month")


def test_a_week_without_a_row_counts_0(reads):
    text = "date,incidents\n" + "".join(f"{stamp[:10]},1\n" for stamp in STAMPS)
    found = quietly(reads, text, aggregate="week", **WHOLE)
    assert found.time.astype("datetime64[D]").tolist() == MONDAYS.tolist()
    assert found.count.tolist() == NUMBERS.tolist()
    empty = int(np.sum(NUMBERS == 0))
    assert f"log of events, from 2023-01-02 to 2023-12-24: {empty} weeks" in found.warnings[0]
    assert found.lines[NUMBERS == 0].tolist() == [0] * empty


@pytest.mark.parametrize("events", ["created_at", True])
def test_time_stamps_alone_are_a_log(reads, events):
    text = "created_at\n" + "".join(f"{stamp}\n" for stamp in STAMPS)
    found = quietly(reads, text, events=events, aggregate="week", **WHOLE)
    assert found.count.tolist() == NUMBERS.tolist()


def test_a_log_in_other_files(tmp_path):
    import pandas as pd

    frame = pd.DataFrame({"who": "x", "when": pd.to_datetime(STAMPS), "size": 7})
    path = tmp_path / "log.parquet"
    frame.to_parquet(path)
    options = {"events": "when", "aggregate": "week", **WHOLE}
    assert quietly(from_frame, frame, **options).count.tolist() == NUMBERS.tolist()
    assert quietly(read_parquet, path, **options).count.tolist() == NUMBERS.tolist()
    named = frame.rename(columns={"size": "incidents"})
    for sevens in (
        quietly(from_frame, frame, count="size", **options),
        quietly(from_frame, named, **options),
    ):
        assert sevens.count.tolist() == (7 * NUMBERS).tolist()


def test_first_and_last_row_are_where_a_log_ends_if_nothing_else_is_said(reads):
    inside = [stamp for stamp in STAMPS if "2023-01-18" <= stamp < "2023-12-01"]
    inside = ["2023-01-18T10:00", *inside, "2023-11-30T10:00"]
    text = "time\n" + "".join(f"{stamp}\n" for stamp in inside)
    found = quietly(reads, text, events=True, aggregate="week")
    assert [found.label(0), found.label(len(found) - 1)] == ["2023-01-23", "2023-11-20"]
    assert found.count.tolist() == NUMBERS[3:-4].tolist()
    assert "from 2023-01-18 to 2023-11-30, its first and last row" in found.warnings[0]
    assert "2023-01-16 (2 of 7 days lack), 2023-11-27 (3 of 7 days lack)" in found.warnings[1]
    everything = quietly(reads, text, events=True, aggregate="week", keep_partial=True)
    assert everything.count.sum() == len(inside)


def test_rows_outside_are_left_out_and_said(reads):
    text = "time\n" + "".join(f"{stamp}\n" for stamp in ["2020-01-01", *STAMPS])
    found = quietly(reads, text, events=True, aggregate="week", **WHOLE)
    assert found.count.tolist() == NUMBERS.tolist()
    assert "1 row was left out, as outside --from and --to: line 2" in found.warnings[0]


def test_large_counts_whose_rows_are_absent_are_missing(reads):
    kept = [i for i in range(60) if i // 7 != 4]
    text = "date,sales\n" + "".join(f"{START[i]},{200 + i}\n" for i in kept)
    found = quietly(reads, text, aggregate="week")
    assert np.isnan(found.count[4]) and not np.isnan(found.count[[3, 5]]).any()


def test_rows_that_say_0_are_no_log(reads):
    text = "date,incidents\n" + "".join(
        f"{START[i]},{(i * 7) % 3}\n" for i in range(84) if not 28 <= i < 35
    )
    found = quietly(reads, text, aggregate="week")
    assert np.isnan(found.count[4])


@pytest.mark.parametrize("role", ["count", "value"])
def test_rows_of_0_and_1_are_trials(reads, role):
    good = [(i * 5) % 7 > 0 for i in range(3 * 28)]
    text = "time,good\n" + "".join(
        f"{START[i // 3]}T{i % 3 * 8:02d}:00,{int(g)}\n" for i, g in enumerate(good)
    )
    found = quietly(reads, text, **{role: "good"}, aggregate="week")
    assert found.trials.tolist() == [21] * 4
    assert found.count.tolist() == np.reshape(good, (4, 21)).sum(axis=1).tolist()
    assert "rows were taken as trials" in found.warnings[0]


@pytest.mark.parametrize("role", ["trials", "exposure"])
@pytest.mark.parametrize("number", ["100", 100, 100.0])
def test_constants(reads, role, number):
    text = "date,count,100\n2024-01-01,3,9\n2024-01-02,100,9\n2024-01-03,7,9\n"
    found = quietly(reads, text.replace(",100\n", ",x\n", 1), **{role: number})
    assert getattr(found, role).tolist() == [100] * 3
    assert f"{role} of 100 for each row, as told" in " ".join(found.warnings)
    if number == "100":  # a column so called wins
        assert getattr(reads(text, **{role: number}), role).tolist() == [9] * 3
    with pytest.raises(DataError, match=f"{role} stand behind a count"):
        reads("date,value\n2024-01-01,3\n", **{role: number})


def test_the_exposure_of_a_log_can_be_told(reads):
    text = "created\n" + "".join(f"{stamp}\n" for stamp in STAMPS)
    found = quietly(reads, text, events="created", exposure=100, aggregate="week", **WHOLE)
    assert found.exposure.tolist() == [100] * len(MONDAYS)
    assert found.count.tolist() == NUMBERS.tolist()
    assert "exposure of 100 for each week, as told" in found.warnings[-1]


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        ("created\n2024-01-01\n", {"events": True}, "add --aggregate day, week or month"),
        ("created\n2024-01-01\n", {}, "count them: --events --aggregate week"),
        ("day,who\n2024-01-01,x\n", {}, "count them: --events --aggregate week"),
        ("a,b\nx,1\n", {"events": True, "aggregate": "week"}, "isn't clear"),
        ("2024-01-01\n2024-01-02\n", {"events": True, "aggregate": "week"}, "looks like data"),
        ("a\n2024-01-01\n", {"events": "b", "aggregate": "week"}, "no column 'b'"),
        ("time\n2024-01-01\n", {"events": True, "aggregate": "week", "start": "Jan"}, "--from"),
        (
            "time\n2024-01-01\n",
            {"events": True, "aggregate": "week", "start": "2024-02-01", "end": "2024-01-01"},
            "is after --to",
        ),
        ("time,count\n2024-01-01,1\n", {"start": "2024-01-01"}, "say which, with --aggregate"),
    ],
)
def test_what_a_log_needs(reads, text, options, said):
    with pytest.raises(DataError, match=said):
        reads(text, **options)


def test_logs_of_many_series(tmp_path):
    lines = [f"{stamp},{shop}" for shop in "ab" for stamp in STAMPS]
    path = tmp_path / "logs.csv"
    path.write_text("created,shop\n" + "\n".join(lines))
    out = tmp_path / "out"
    how = {"aggregate": "week", **WHOLE, "columns": {"events": "created"}}
    batch.run(path, None, out, by="shop", **how)
    rows = batch.read(out)
    assert (rows["status"] == "ok").all()
    assert rows["n"].tolist() == [len(MONDAYS)] * 2


def test_the_command_takes_a_log(tmp_path, capsys):
    from changepoint.cli.command import main

    path = tmp_path / "log.csv"
    path.write_text("created\n" + "\n".join(STAMPS))
    for events in (["--events"], ["--events", "created"]):
        with pytest.raises(SystemExit) as left:
            main(["fit", str(path), "--aggregate", "week", "--from", "2023-01-02", *events])
        assert left.value.code == 0
        assert f"{len(MONDAYS) - 1} rows" in " ".join(capsys.readouterr().out.split())
