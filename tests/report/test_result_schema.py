"""What `--json` prints satisfies the schema that is published."""

import warnings
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from changepoint import MCMC, Changes, Model, Observations, fit, likelihoods, read_csv
from changepoint.report.json_schema import SCHEMA

FILES = {
    "coal_disasters.csv": {},
    "conversion_rates.csv": {},
    "conversions.csv": {},
    "funnel.csv": {"outcomes": ["bounced", "browsed", "carted", "bought"]},
    "nile.csv": {},
    "nyc_flights_2013.csv": {"count": "cancelled", "trials": "scheduled"},
    "seatbelts.csv": {"count": "drivers_killed", "exposure": "kms"},
    "semmelweis.csv": {},
    "signups.csv": {"value": "signups"},
}


def valid(answer):
    jsonschema.Draft202012Validator(SCHEMA).validate(answer)


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_every_data_file_is_asked():
    assert set(FILES) == {path.name for path in Path("data").glob("*.csv")}


@pytest.mark.filterwarnings("ignore::changepoint.DataWarning")
@pytest.mark.parametrize("file", FILES)
def test_answers_satisfy_it(file):
    valid(fit(None, read_csv(f"data/{file}", **FILES[file])).to_dict())


@pytest.mark.parametrize("changes", [Changes(exactly=0), Changes(exactly=2)])
def test_so_do_answers_without_times_and_with_a_given_number(changes):
    data = Observations(count=np.array([3.0, 1.0, 4.0, 1.0, 5.0]))
    valid(fit(Model(likelihoods.Poisson(), changes), data).to_dict())


def test_so_do_answers_of_a_sampler():
    data = read_csv("data/coal_disasters.csv")
    model = Model(likelihoods.Poisson(), Changes(exactly=1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # so few draws have not converged
        answer = fit(model, data, MCMC(draws=20, tune=20, chains=2, cores=1, repeats=1))
    valid(answer.to_dict())
    assert len(answer.to_dict()["checks"]) == 4


def test_it_can_fail():
    answer = fit(None, read_csv("data/coal_disasters.csv")).to_dict()
    answer["changes"][0]["before"]["mean"] = None
    with pytest.raises(jsonschema.ValidationError):
        valid(answer)
    with pytest.raises(jsonschema.ValidationError):
        valid({**answer, "more": 1})
