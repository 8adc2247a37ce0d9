"""Times of options, in the ways that the file itself writes them."""

import json
from datetime import date, timedelta

import numpy as np
import pytest

from changepoint import DataError, Observations, read_csv
from changepoint.cli import main
from changepoint.events import Event
from changepoint.reading.datestyles import STYLES
from changepoint.reading.saidtimes import events_of_texts, said, said_window

DAYS = [date(2024, 8, 20) + timedelta(i) for i in range(60)]
FORMATS = ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%y", "%Y-%m-%d", "%d %b %Y", "%b %d, %Y")


def written(path, form, days=DAYS, name="date"):
    rows = [
        f'"{day.strftime(form)}",{5 + i % 3 + 20 * (i > 30)},100' for i, day in enumerate(days)
    ]
    path.write_text("\n".join([f"{name},count,trials", *rows]) + "\n")
    return path


@pytest.mark.parametrize("form", [form for form in FORMATS if form != "%d-%m-%y"])
def test_every_date_of_a_file_is_told_as_the_file_writes_it(tmp_path, form):
    """Whatever its order: the option finds the row that the text stands in."""
    data = read_csv(written(tmp_path / "a.csv", form))
    for day in DAYS:
        assert said(day.strftime(form), data) == (str(day), str(day))
        clock = said(f"{day.strftime(form)} 05:30", data).first
        assert np.datetime64(clock) == np.datetime64(f"{day}T05:30")


@pytest.mark.parametrize("form", FORMATS)
def test_a_format_that_was_given_says_the_order_too(tmp_path, form):
    short = DAYS[12:24]  # of September, until the 12th: no order can be told
    data = read_csv(written(tmp_path / "a.csv", form, short), date_format=form)
    assert said(short[0].strftime(form), data).first == str(short[0])


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("2024-09", ("2024-09", "2024-09")),
        ("Sep 2024", ("2024-09", "2024-09")),
        ("12 Sep 2024", ("2024-09-12", "2024-09-12")),
        ("2024-W37", ("2024-09-09", "2024-09-15")),
        ("2024-W37-4", ("2024-09-12", "2024-09-12")),
        ("2024-Q3", ("2024-07", "2024-09")),
        ("Q1 2024", ("2024-01", "2024-03")),
        ("12.09.2024", ("2024-09-12", "2024-09-12")),
        ("20240912", ("2024-09-12", "2024-09-12")),
        ("25/12/2024", ("2024-12-25", "2024-12-25")),
        ("2024-09-12 5:30 pm", None),
        ("12.09.2024 05:30-07:00", ("2024-09-12T05:30:00-07:00",) * 2),
        ("12.09.2024 5:30 pm", ("2024-09-12T17:30:00", "2024-09-12T17:30:00")),
    ],
)
def test_ways_to_say_one(text, ends):
    data = Observations(count=np.ones(60), time=np.array(DAYS, "datetime64[us]"))
    assert said(text, data) == (ends or ("2024-09-12T17:30:00",) * 2)


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.example)
def test_every_style_of_a_column_is_one_of_an_option(style):
    first, last = said(style.example)
    day = style.read(style.example)
    assert np.datetime64(first) == np.datetime64(day, np.datetime_data(np.datetime64(first))[0])
    assert np.datetime64(first, "D") == np.datetime64(day)
    assert np.datetime64(last) >= np.datetime64(first)


@pytest.mark.filterwarnings("ignore:.*read as ISO weeks")
def test_weeks_of_a_file_of_weeks_are_no_months(tmp_path):
    rows = [f"2024-{week:02},{5 + week % 3},100" for week in range(1, 53)]
    path = tmp_path / "weeks.csv"
    path.write_text("\n".join(["week,count,trials", *rows]) + "\n")
    assert said("2024-09", read_csv(path)) == ("2024-02-26", "2024-03-03")


@pytest.mark.parametrize("text", ["12", "3.5", "-4", "2e3", "2024"])
def test_numbers_stay_numbers(text):
    numbers = Observations(count=np.ones(5), time=np.arange(5.0))
    for data in (None, numbers, Observations(count=np.ones(5))):
        assert said(text, data) == (text, text)


@pytest.mark.parametrize(
    ("form", "text", "told"),
    [
        (None, "09/12/2024", "may be 2024-09-12 or 2024-12-09.*don't say which"),
        ("%m/%d/%Y", "12.09.2024", "may be 2024-09-12 or 2024-12-09.*don't say which"),
        (
            "%m/%d/%Y",
            "25/12/2024",
            "in the order of the file, month, day, year: write 2024-12-25",
        ),
        (
            "%d/%m/%Y",
            "12/25/2024",
            "in the order of the file, day, month, year: write 2024-12-25",
        ),
        ("%d.%m.%Y", "31.02.2024", "isn't a real date"),
        (None, "2024-W60", "isn't a real date"),
        (None, "12.09.2024 25:30", "isn't a clock time"),
    ],
)
def test_what_is_two_dates_or_none_is_an_error_in_words(tmp_path, form, text, told):
    data = None if form is None else read_csv(written(tmp_path / "a.csv", form))
    with pytest.raises(DataError, match=told):
        said(text, data)


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("12.09.2024:15.09.2024", ("2024-09-12", "2024-09-15")),
        ("12.09.2024 05:00:12.09.2024 09:00", ("2024-09-12T05:00:00", "2024-09-12T09:00:00")),
        ("2024-W37:2024-W38", ("2024-09-09", "2024-09-22")),
        ("Sep 2024 : 2024-10", ("2024-09", "2024-10")),
        ("3:5", ("3", "5")),
    ],
)
def test_windows(text, window):
    assert said_window(text) == window


def test_labels_keep_their_colons():
    texts = ["12.09.2024:10:30 deploy", "Sep 12, 2024 05:30:a: b", "2024-W37:x", "13:14"]
    assert events_of_texts(texts) == (
        Event("2024-09-12", "10:30 deploy"),
        Event("2024-09-12T05:30:00", "a: b"),
        Event("2024-09-09", "x"),
        Event("13", "14"),
    )


@pytest.mark.parametrize("form", ["%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y"])
def test_all_options_of_the_command(tmp_path, capsys, form):
    """In the order of the file, an events file that leaves it open included."""
    file, events = written(tmp_path / "a.csv", form), tmp_path / "events.csv"
    day = {n: date(2024, 9, n).strftime(form) for n in (1, 2, 3, 4, 9, 12)}
    events.write_text(f"date,label\n{day[9]},sale\n")
    asked = ["--event", f"{day[12]}:launch", "--events-file", str(events), "--json"]
    asked += ["--exclude", f"{day[1]}:{day[2]}", "--pulse", f"{day[3]}:{day[4]}"]
    with pytest.raises(SystemExit) as stopped:
        main(["fit", str(file), *asked, "--alert", "0.5", "--since", day[12]])
    told = json.loads(capsys.readouterr().out)
    assert stopped.value.code in (0, 10)
    assert [event["start"] for event in told["events"]] == ["2024-09-09", "2024-09-12"]
    assert told["alert"]["since"] == "2024-09-12"
    assert "2024-09-03 to 2024-09-04" in [one["name"] for one in told["model"]["effects"]]
    assert told["missing"] == 2
    assert any("2024-09-01 to 2024-09-02 (2)" in warning for warning in told["warnings"])
