"""Times that repeat: copies of a row, rows that differ, and clocks that went back."""

import warnings

import numpy as np
import pytest

from changepoint.errors import DataError, DataWarning, SupportError
from changepoint.model import default_model
from changepoint.reading import from_frame, read_csv, read_parquet

DAYS = np.arange("2024-03-01", "2024-03-13", dtype="datetime64[D]")
ROWS = [f"{day},{3 + i % 4},{100 + i},shop {i % 3}" for i, day in enumerate(DAYS)]
COPIED = [*ROWS[:5], ROWS[4], *ROWS[5:]]
DIFFER = [*ROWS[:5], ROWS[4].replace(",shop 1", ",shop 2"), *ROWS[5:]]
ENDED = "date,orders,visits,note\n"


def refused(observations) -> str:
    with pytest.raises(SupportError) as caught:
        default_model(observations).check(observations)
    return str(caught.value)


def test_copies_are_named_with_both_lines(reads):
    said = refused(reads(ENDED + "\n".join(COPIED)))
    assert "line 7, 2024-03-05, column 'date', value 2024-03-05, also on line 6" in said
    assert "a copy: a row that is the same in every column. Delete one of the two." in said
    assert "--aggregate" not in said


def test_rows_of_one_time_that_differ_can_be_put_together(reads):
    said = refused(reads(ENDED + "\n".join(DIFFER)))  # in a column that isn't even used
    assert "value 2024-03-05, also on line 6: a time that stands in another row too" in said
    assert "--aggregate day, week or month" in said and "--statistic" in said
    assert "Delete" not in said


@pytest.mark.parametrize("extra", [1, 2])
def test_copies_in_a_file_that_descends(reads, extra):
    rows = [*ROWS[:5], *[ROWS[4]] * extra, *ROWS[5:]]
    with pytest.warns(DataWarning, match="read in reverse"):
        said = refused(reads(ENDED + "\n".join(rows[::-1])))
    assert "Delete one" in said and "Sort" not in said and "--aggregate" not in said
    assert said.startswith(f"{extra} problem")


@pytest.mark.parametrize("kind", ["pandas", "polars", "parquet"])
@pytest.mark.parametrize(("rows", "word"), [(COPIED, "Delete"), (DIFFER, "--aggregate")])
def test_frames_and_parquet_files(tmp_path, kind, rows, word):
    import pandas as pd
    import polars as pl

    path = tmp_path / "t.csv"
    path.write_text(ENDED + "\n".join(rows))
    frame = pd.read_csv(path, parse_dates=["date"])
    if kind == "parquet":
        frame.to_parquet(tmp_path / "t.parquet")
        assert word in refused(read_parquet(tmp_path / "t.parquet"))
    else:
        assert word in refused(from_frame(pl.from_pandas(frame) if kind == "polars" else frame))


def test_copies_in_a_long_table(tmp_path):
    from changepoint.reading.long import long_file

    rows = [*(f"{row},a" for row in COPIED), *(f"{row},b" for row in ROWS)]
    (tmp_path / "t").write_text("date,orders,visits,note,key\n" + "\n".join(rows))
    found = long_file(str(tmp_path / "t"), ["key"], {})
    said = refused(found.observations(0))
    assert "line 7, 2024-03-05, column 'date', value 2024-03-05, also on line 6" in said
    assert "Delete one" in said
    default_model(found.observations(1)).check(found.observations(1))


def test_copies_that_are_summed_are_said(reads):
    with pytest.warns(DataWarning, match="1 row is a copy of another.*line 7 of line 6"):
        observations = reads(ENDED + "\n".join(COPIED), aggregate="day")
    assert observations.trials[4] == 208
    assert reads(ENDED + "\n".join(DIFFER), aggregate="day").warnings == ()


def local_hours(minutes=60, zone="Europe/Berlin"):
    """Return UTC times, and the clock times of a zone where clocks go back in between."""
    import pandas as pd

    utc = pd.date_range("2024-10-26 12:00", "2024-10-28 12:00", freq=f"{minutes}min", tz="UTC")
    return utc.tz_localize(None), utc.tz_convert(zone).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize("minutes", [60, 30, 15])
@pytest.mark.parametrize("zone", ["Europe/Berlin", "Europe/Lisbon"])
@pytest.mark.parametrize("backwards", [False, True])
def test_an_hour_that_comes_twice(reads, minutes, zone, backwards):
    utc, local = local_hours(minutes, zone)
    rows = [f"{stamp},{i % 5}" for i, stamp in enumerate(local)]
    text = "time,count\n" + "\n".join(rows[::-1] if backwards else rows)
    with warnings.catch_warnings(action="ignore", category=DataWarning):
        said = refused(reads(text))
    assert "comes twice, because clocks were put back: local times without a zone" in said
    assert "--zone Europe/Berlin" in said
    assert "--aggregate" not in said and "Sort" not in said
    with warnings.catch_warnings(action="ignore", category=DataWarning):
        observations = reads(text, zone=zone)
    assert observations.time.tolist() == utc.to_numpy().astype("datetime64[us]").tolist()
    assert any(f"those of {zone}" in w for w in observations.warnings)
    default_model(observations).check(observations)


def test_the_same_on_any_other_day_is_no_clock(reads):
    _, local = local_hours()
    text = "time,count\n" + "\n".join(f"{stamp},{i % 5}" for i, stamp in enumerate(local))
    said = refused(reads(text.replace("2024-10-", "2024-07-")))
    assert "clocks" not in said and "--aggregate" in said


@pytest.mark.parametrize(
    ("text", "zone", "said"),
    [
        ("time,count\n2024-03-31 01:00,1\n", "Europe/Berlinn", "no time zone 'Europe/Berlinn'"),
        ("time,count\n2024-03-31 02:30,1\n", "Europe/Berlin", "line 2, .*skip this time"),
        ("count\n1\n", "Europe/Berlin", "there are none"),
        ("time,count\n2024-03-31T02:30+02:00,1\n", "Europe/Berlin", "their offset from UTC"),
        ("time,count\n2024-03-31T02:30Z,1\n", "Europe/Berlin", "such as '2024-03-31T02:30Z'"),
    ],
)
def test_zones_that_do_not_fit(reads, text, zone, said):
    with pytest.raises(DataError, match=said):
        reads(text, zone=zone)


def test_days_of_local_times_stay_what_they_are(reads):
    _, local = local_hours()
    text = "time,count\n" + "\n".join(f"{stamp},5" for stamp in local)
    with warnings.catch_warnings(action="ignore", category=DataWarning):
        observations = reads(text, zone="Europe/Berlin", aggregate="day")
    assert [observations.label(i) for i in range(len(observations))] == ["2024-10-27"]
    assert observations.count.tolist() == [5 * 25]


def test_copies_are_found_in_a_file_read_anywhere(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(ENDED + "\n".join(COPIED))
    assert read_csv(path).copies.tolist() == [0] * 5 + [6] + [0] * 7
    path.write_text(ENDED + "\n".join(ROWS))
    assert read_csv(path).copies is None
