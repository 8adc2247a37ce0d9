"""Events: how they are given, which row they lie in, and where they are told."""

import json
import re
from datetime import UTC, date, datetime

import jsonschema
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from changepoint import (
    MCMC,
    Changes,
    DataError,
    DataWarning,
    Exact,
    Model,
    Observations,
    Posterior,
    fit,
    likelihoods,
)
from changepoint.cli import main
from changepoint.events import Event, events_of, place
from changepoint.reading.eventfiles import read_events
from changepoint.reading.saidtimes import events_of_texts
from changepoint.report.json_schema import SCHEMA
from changepoint.report.page_one import single

DAYS = np.datetime64("2024-03-01") + np.arange(20)
COUNT = np.where(np.arange(20) < 9, 6.0, 30.0)
DATA = Observations(count=COUNT, trials=np.full(20, 100.0), time=DAYS)
MODEL = Model(likelihoods.Binomial())


@pytest.fixture(scope="module")
def posterior():
    return fit(MODEL, DATA, Exact(draws=400), events={"2024-03-10": "launch"})


# -- how they are given -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        {"2024-03-10": "launch"},
        {date(2024, 3, 10): "launch"},
        {pd.Timestamp("2024-03-10"): "launch"},
        {np.datetime64("2024-03-10"): "launch"},
        [("2024-03-10", "launch")],
        [("2024-03-10", "launch"), ("2024-03-10", "launch")],
    ],
)
def test_ways_to_give_one(given):
    assert events_of(given) == (Event("2024-03-10", "launch"),)


def test_a_time_with_an_offset_keeps_it():
    """What UTC is where nothing else is known of the data, their zone where it is."""
    (event,) = events_of({datetime(2024, 3, 10, 5, tzinfo=UTC): "launch"})
    assert event == Event("2024-03-10T05:00:00+00:00", "launch")
    for zone, row in (("", 2), ("Asia/Tokyo", 2), ("America/Los_Angeles", 2)):
        hours = np.datetime64("2024-03-10T03:00") + np.arange(9) * np.timedelta64(1, "h")
        data = Observations(count=np.ones(9), time=hours, zone=zone)
        assert place([event], data).rows == (row,)


def test_labels_may_be_absent():
    assert events_of(["2024-03-10", ("2024-03-11", np.nan)]) == (
        Event("2024-03-10"),
        Event("2024-03-11"),
    )
    assert events_of([3, np.int64(4)]) == (Event(3), Event(4))


@pytest.mark.parametrize("given", ["2024-03-10", 5, None])
def test_what_is_no_list_is_refused(given):
    with pytest.raises(DataError, match="events must be times with labels"):
        fit(MODEL, DATA, events=given)


@pytest.mark.parametrize(
    ("text", "time", "label"),
    [
        ("2024-09-12:launch", "2024-09-12", "launch"),
        ("2024-09:a: b", "2024-09", "a: b"),
        ("2024-09-12T05:30:launch", "2024-09-12T05:30", "launch"),
        ("2024-09-12 05:30:10:launch", "2024-09-12 05:30:10", "launch"),
        (" 12.5:x ", "12.5", "x"),
        ("2024-09-12", "2024-09-12", ""),
        ("2024-09-12:", "2024-09-12", ""),
    ],
)
def test_text(text, time, label):
    assert events_of_texts([text]) == (Event(time, label),)


def test_all_texts_that_are_none_are_named():
    told = r"'12/09/24' may be 2024-09-12 or 2024-12-09.*; no event: 'launch', 'x:1'; expected"
    with pytest.raises(DataError, match=told):
        events_of_texts(["launch", "2024-09-12", "12/09/24:x", "x:1"])


# -- which row --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("time", "row"),
    [("2024-03-02", 1), ("2024-03-10T13:30", 9), ("2024-03-20T23:59", 19)],
)
def test_the_row_that_holds_it(time, row):
    assert place([Event(time)], DATA).rows == (row,)


def test_months_of_different_lengths():
    months = np.arange("2023-01", "2024-03", dtype="datetime64[M]")
    data = Observations(count=np.ones(len(months)), time=months)
    assert place([Event("2024-01-31"), Event("2024-02-29")], data).rows == (12, 13)


def test_rows_without_times():
    data = Observations(count=COUNT)
    assert place([Event("9", "a"), Event(2)], data).events == (Event(2), Event("9", "a"))
    with pytest.raises(DataError, match="no event lies inside the data, 0 to 19"):
        place([Event(20)], data)


@pytest.mark.parametrize("time", ["2024-02-28", "2024-03-01", "2024-03-01T12", "2024-03-21"])
def test_outside_it_is_left_out_and_said(time):
    with pytest.raises(DataError, match="no event lies inside the data"):
        place([Event(time, "x")], DATA)
    placed = place([Event(time, "x"), Event("2024-03-10")], DATA)
    assert placed.events == (Event("2024-03-10"),)
    assert re.search(rf"left out, as they are outside .* x \({time}\)", placed.notes[0])


@pytest.mark.parametrize("rows", [0, 1])
def test_data_of_no_rows_have_no_room_for_any(rows):
    data = Observations(count=np.ones(rows), trials=np.full(rows, 10.0))
    assert place([], data).events == ()
    with pytest.raises(DataError, match="no event lies inside the data"):
        place([Event(0)], data)


def test_all_times_that_cant_be_read_are_in_one_error():
    events = [Event("soon", "launch"), Event("2024-03-10"), Event(5), Event("2024-13-01")]
    told = r"'soon' \(launch\); 5; '2024-13-01'"
    with pytest.raises(DataError, match=told):
        place(events, DATA)


def test_two_in_one_row_and_one_in_a_gap_are_said():
    gap = np.where(np.arange(20) == 12, np.nan, COUNT)
    data = Observations(count=gap, trials=DATA.trials, time=DAYS)
    events = [Event("2024-03-10", "a"), Event("2024-03-10T08", "b"), Event("2024-03-13", "c")]
    together, empty = place(events, data).notes
    assert "can't be told apart: a (2024-03-10), b (2024-03-10T08)" in together
    assert "rows without data" in empty
    assert empty.endswith("c (2024-03-13)")


# -- a file -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "date,label\n2024-03-10,launch\n2024-03-12,\n",
        "release;date\nlaunch;10.03.2024\n;12.03.2024\n",
        "when,what,who\n2024-03-10,launch,me\n2024-03-12,,you\n",
    ],
)
def test_a_file(tmp_path, text):
    file = tmp_path / "events.csv"
    file.write_text(text)
    assert read_events(file) == (Event("2024-03-10", "launch"), Event("2024-03-12"))


def test_a_file_of_times_alone(tmp_path):
    file = tmp_path / "events.csv"
    file.write_text("date\n2024-03-10\n")
    assert read_events(file) == (Event("2024-03-10"),)


def test_a_file_with_what_cant_be_read(tmp_path):
    file = tmp_path / "events.csv"
    file.write_text("date,label\n2024-03-10,a\nsoon,b\nlater,c\n2024-03-12,d\n")
    with pytest.raises(DataError, match="2 times can't be understood") as error:
        read_events(file)
    assert "soon" in str(error.value)
    assert "later" in str(error.value)
    file.write_text("date,a,b\n2024-03-10,x,y\n")
    with pytest.raises(DataError, match=r"what happened isn't clear.*call it label"):
        read_events(file)


def test_rows_below_the_events_are_said(tmp_path):
    file = tmp_path / "events.csv"
    file.write_text("date,label\n2024-03-10,a\nsoon,b\n")
    with pytest.warns(DataWarning, match="left out as a footer, not data: line 3"):
        assert read_events(file) == (Event("2024-03-10", "a"),)


# -- what is told -----------------------------------------------------------------------------


def test_a_launch_that_changed_something(posterior):
    (event,) = posterior.events
    assert (event.index, event.rows, event.start) == (9, (6, 12), "2024-03-10")
    assert event.probability > 0.99 > 0.3 > event.chance
    assert event.effect.before.upper < 0.12 < 0.2 < event.effect.after.lower


def test_they_change_no_number(posterior):
    without = fit(MODEL, DATA, Exact(draws=400))
    assert without.events == ()
    told, plain = posterior.to_dict(), without.to_dict()
    assert [told.pop("events")[0]["label"], plain.pop("events")] == ["launch", []]
    assert told == plain


def test_a_file_keeps_them(posterior, tmp_path):
    posterior.save(tmp_path / "a.nc")
    again = Posterior.load(tmp_path / "a.nc")
    (told,), (known,) = again.events, posterior.events
    assert told.probability == pytest.approx(known.probability, abs=1e-9)
    assert told.effect.ratio == pytest.approx(known.effect.ratio)
    assert again.with_events(["2024-03-05"]).events[0].label == ""
    assert len(again.events) == 1


@pytest.mark.filterwarnings("ignore:the chains have not converged")
def test_a_sampler_counts_its_draws():
    model = Model(likelihoods.Binomial(), Changes(exactly=1))
    engine = MCMC(draws=100, tune=100, cores=1, chains=2, repeats=1)
    found = fit(model, DATA, engine, events=["2024-03-10", "2024-03-04"])
    far, near = found.events
    places = found.tree["posterior"]["switchpoint"].values
    assert near.probability == ((places >= 6) & (places <= 12)).mean()
    assert near.chance == pytest.approx(7 / 19)
    assert near.effect is not None
    assert far.effect is None


def test_figures_and_page_mark_them(posterior):
    from changepoint.report.figure_style import EVENT

    figure = posterior.plot()
    compared = posterior.plot_compare(fit(MODEL, DATA), ax=Figure().subplots())
    drawn = [*figure.axes, posterior.plot_rate(ax=Figure().subplots()), compared]
    drawn.append(posterior.plot_changes(ax=Figure().subplots()))
    for ax in drawn:
        assert [line.get_color() for line in ax.lines].count(EVENT) == 1
    for ax in (drawn[0], *drawn[-3:]):
        assert "launch" in [text.get_text() for text in ax.texts]
    page = single(posterior)
    data = json.loads(re.search(r'id="data"[^>]*>(.*?)</script>', page, re.DOTALL)[1])
    assert data["events"] == [[9.0, "launch"]]
    assert "launch (" in page


def test_a_hostile_label_is_text(posterior):
    evil = posterior.with_events({"2024-03-10": "<b>\x1b[31m$x$</b>"})
    assert "\x1b" not in str(evil)
    assert "<b>" not in single(evil) + evil._repr_html_()
    assert "Event &lt;b&gt;" in evil._repr_html_()
    evil.plot().canvas.draw()


# -- the command ------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path):
    rows = [f"{day},{int(n)},100" for day, n in zip(DAYS, COUNT, strict=True)]
    path = tmp_path / "data.csv"
    path.write_text("\n".join(["date,count,trials", *rows]) + "\n")
    return path


def run(*arguments):
    with pytest.raises(SystemExit) as stopped:
        main(["fit", *map(str, arguments)])
    return stopped.value.code


def test_the_command(file, tmp_path, capsys):
    events = tmp_path / "events.csv"
    events.write_text("date,label\n2024-03-05,sale\n2025-01-01,far\n")
    asked = [file, "--event", "2024-03-10:launch", "--events-file", events]
    assert run(*asked, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    jsonschema.validate(told, SCHEMA)
    assert [event["label"] for event in told["events"]] == ["sale", "launch"]
    assert any("far (2025-01-01)" in warning for warning in told["warnings"])
    assert run(*asked) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert (
        "Event launch (2024-03-10): A change within 2024-03-07 to 2024-03-13 (a week) " in told
    )
    assert "by chance" in told


def test_an_event_that_is_wrong_is_an_error_of_the_data(file, capsys):
    assert run(file, "--event", "launch") == 3
    assert "expected TIME or TIME:LABEL" in " ".join(capsys.readouterr().err.split())
    assert run(file, "--event", "2030-01-01:launch") == 3
    assert "no event lies inside the data" in " ".join(capsys.readouterr().err.split())


def test_what_was_noticed_is_a_warning_in_python():
    with pytest.warns(DataWarning, match="outside the data"):
        fit(MODEL, DATA, events={"2024-03-10": "a", "2030-01-01": "b"})


def test_events_stand_in_order_of_time_within_a_row_too():
    months = np.datetime64("2021-01") + np.arange(12)
    data = Observations(count=np.full(12, 5.0), time=months)
    given = [("2021-05-20", "b"), ("2021-05-03", "a"), ("2021-03-03", "c")]
    placed = place(events_of(given), data)
    assert [event.label for event in placed.events] == ["c", "a", "b"]
    assert placed.rows == (2, 4, 4)


@pytest.mark.parametrize("unit", ["M", "D", "h", "s", "us", "ns"])
def test_an_event_of_numpy_is_told_as_any_other(unit):
    (event,) = events_of(np.array(["2024-01-01"], f"datetime64[{unit}]"))
    assert event.time == "2024-01-01"


# -- the sentence -----------------------------------------------------------------------------


def at_days(*events, changes=None, base=DATA, label="launch"):
    found = fit(Model(likelihoods.Binomial(), changes or Changes()), base, Exact(draws=400))
    return found.with_events([(day, label) for day in events])


def said(posterior):
    return [one["sentence"] for one in posterior.to_dict()["events"]]


def test_a_change_at_the_event_is_told_by_what_it_did(posterior):
    (told,), (event,) = said(posterior), posterior.events
    by_chance = f"(by chance {100 * event.chance:.0f} %)"
    assert told.startswith(
        "A change within 2024-03-07 to 2024-03-13 (a week) has probability >"
    )
    assert by_chance in told
    assert "; if it came with the event, the rate rose to " in told
    ends = f"({event.effect.ratio.lower:.2f} to {event.effect.ratio.upper:.2f})"
    assert f" times what it was {ends}, from " in told


@pytest.mark.parametrize(
    ("day", "side", "verdict"),
    [
        ("2024-03-08", "after the event", "but its time is another: 2024-03-10"),
        ("2024-03-12", "before the event", "but its time is another: 2024-03-10"),
    ],
)
def test_a_change_near_it_at_another_time_gives_the_event_no_effect(day, side, verdict):
    (told,) = said(at_days(day))
    assert verdict in told
    assert told.endswith(f"{side}.")
    assert "came" not in told


def test_one_in_the_next_row_may_have_come_right_after_it():
    (told,) = said(at_days("2024-03-09"))
    assert "; if it came right after the event, the rate rose to " in told


def test_no_sign_of_a_change_tells_what_may_be_hidden():
    (told,) = said(at_days("2024-03-16"))
    assert told.startswith("No sign of a change near it: one within 2024-03-13 to 2024-03-19")
    assert "; had one come exactly with the event, the rate would have gone from " in told
    assert "rose" not in told


@pytest.mark.parametrize(("shortest", "little"), [(8, True), (1, False)])
def test_a_window_that_surely_holds_one_by_chance_says_little(shortest, little):
    found = at_days("2024-03-10", changes=Changes(exactly=1, min_length=shortest))
    (told,) = said(found)
    assert told.startswith("Assuming exactly 1 change: a change within 2024-03-07 to ")
    assert found.events[0].chance == pytest.approx(1.0 if little else 7 / 19)
    assert (", so the data add little; " in told) == little


@pytest.mark.filterwarnings("ignore:the chains have not converged")
def test_it_says_that_chains_have_not_converged():
    engine = MCMC(draws=20, tune=20, cores=1, chains=2, repeats=1)
    found = fit(MODEL, DATA, engine, events=["2024-03-10"])
    assert not found.converged
    assert said(found)[0].startswith("The chains have NOT converged, so this may be wrong: ")


def test_the_same_sentence_everywhere(posterior):
    (told,) = said(posterior)
    line = f"Event launch (2024-03-10): {told}"
    assert line in " ".join(str(posterior).split())
    page = single(posterior).replace("&gt;", ">")
    assert line in page
    assert line in posterior._repr_html_().replace("&gt;", ">")
