"""Units of rates: what headers say, what was told, and what is asked."""

import numpy as np
import pytest

from changepoint import from_frame
from changepoint.errors import DataError, DataWarning
from changepoint.reading.matching import meaning
from changepoint.reading.units import unit_of


@pytest.mark.parametrize(
    ("name", "per"),
    [
        ("Conversion rate (%)", 100),
        ("CTR in %", 100),
        ("% ctr", 100),
        ("conversion_rate_pct", 100),
        ("Anteil in Prozent", 100),
        ("rate_percent", 100),
        ("Prozent", 100),
        ("taux pour cent", 100),
        ("taux [‰]", 1000),
        ("deaths per 1000", 1000),
        ("rate_per_1000_births", 1000),
        ("Rate pro Tausend", 1000),
        ("Fälle je 100 000", 1e5),
        ("Todesfälle pro 100.000 Einwohner", 1e5),
        ("rate (per 100,000)", 1e5),
        ("cases_per_100k", 1e5),
        ("rate per million", 1e6),
    ],
)
def test_headers_state_the_unit_of_a_rate(reads, name, per):
    with pytest.warns(DataWarning, match=f"divided by {per:,.0f}, for the header says"):
        found = reads(f'week;"{name}"\n1;12\n2;15.5\n3;7\n')
    assert found.columns["rate"] == name
    np.testing.assert_allclose(found.rate, np.array([12, 15.5, 7]) / per)


@pytest.mark.parametrize(
    "name",
    ["rate", "percentile", "calls per hour", "orders per 7 days", "visits (1000)", "on/off"],
)
def test_other_names_state_none(name):
    assert unit_of(name) is None


def test_a_value_in_percent_stays_a_value(reads):
    assert meaning("Wert in %") == "value"
    assert reads("day,value (%)\n1,55\n2,60\n3,58\n").value.tolist() == [55, 60, 58]


def test_percent_signs_count_once(reads):
    assert reads("day,rate (%)\n1,1.5%\n2,2%\n").rate.tolist() == [0.015, 0.02]


def test_counts_cannot_be_told_in_percent(reads):
    with pytest.raises(
        DataError, match=r"the header says 'per 1000': a rate, and no count.*--r"
    ):
        reads("day,deaths per 1000\n1,5\n2,6\n", count="deaths per 1000")


FEW = [0.8, 0.85, 0.9, 0.7, 1, 0.95]


@pytest.mark.parametrize(("per", "divisor"), [(100, 100), (1, 1), (1000, 1000)])
def test_rates_that_could_be_either_are_asked_for(reads, per, divisor):
    text = "day,ctr\n" + "".join(f"{day},{rate}\n" for day, rate in enumerate(FEW))
    with pytest.raises(
        DataError, match=r"line 6.*'ctr', value '1': this can be .* --percent, "
    ):
        reads(text)
    np.testing.assert_allclose(reads(text, per=per).rate, np.array(FEW) / divisor)


def test_a_share_is_a_proportion(reads):
    text = "day,share\n" + "".join(f"{day},{rate}\n" for day, rate in enumerate(FEW))
    assert reads(text, rate="share").rate.tolist() == FEW


def test_what_was_told_wins_over_the_header():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"rate per 1000": [12.0, 15.0]})
    assert from_frame(frame, per=100).rate.tolist() == [0.12, 0.15]


@pytest.mark.parametrize(
    "rates",
    [[0.012, 0.013, 0.5, 0.2, 0.4, 0.3], [0.05, 0.04, 0.03, 0.05, 0.01], [0, 1, 1, 0, 1]],
)
def test_rates_that_can_only_be_proportions_are_not_asked_for(reads, rates):
    text = "day,rate\n" + "".join(f"{day},{rate}\n" for day, rate in enumerate(rates))
    assert reads(text).rate.tolist() == rates


@pytest.mark.parametrize("per", [0, -1, np.inf, np.nan, "100", True])
def test_per_is_a_number(reads, per):
    with pytest.raises(DataError, match="per is what rates are counted by"):
        reads("day,rate\n1,2\n", per=per)


def test_per_is_about_a_rate(reads):
    with pytest.raises(DataError, match="are about a rate, and there is none"):
        reads("day,count\n1,2\n2,3\n", per=100)
    with pytest.raises(DataError, match="has percent signs, and rates per 1000 were asked for"):
        reads("day,rate\n1,2%\n2,3%\n", per=1000)
