"""The draft for a paper says what was assumed, and cites what the package cites."""

import ast
import inspect
import re
from dataclasses import fields, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pymc as pm
import pytest

from changepoint import MCMC, Changes, Model, Observations, effects, fit, likelihoods, priors
from changepoint.likelihoods import FAMILIES
from changepoint.report.methods import FILLED, changes_in_words, methods
from changepoint.report.references import OF_FAMILY, SOFTWARE, WORKS, bibtex, in_words

PACKAGE = Path(inspect.getfile(likelihoods)).parents[1]
DAYS = np.datetime64("2025-01-06") + np.arange(12)
COUNT = np.array([3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8])
COLUMNS = {
    "count": {"count": COUNT},
    "rate": {"rate": np.linspace(0.1, 0.2, 12) + np.tile([0.01, -0.01, 0.0], 4)},
    "value": {"value": np.sqrt(COUNT) + np.arange(12) / 100},
    "outcomes": {"outcomes": np.array([[3, 5, 2], [4, 4, 2], [5, 3, 2]] * 4)},
}


def data_for(name):
    family = FAMILIES[name]
    columns = dict(COLUMNS[family.response])
    if name in ("bernoulli", "categorical"):
        columns = {"bernoulli": {"count": np.tile([0, 1, 1], 4)},
                   "categorical": {"outcomes": np.tile(np.eye(3), (4, 1))}}[name]  # fmt: skip
    if "trials" in family.needs:
        columns["trials"] = np.full(12, 20 if name != "bernoulli" else 1)
    return Observations(**columns, time=DAYS)


def entries(text):
    """Return the entries of a BibTeX file by key, each a mapping of fields."""
    found = {}
    for key, body in re.findall(r"^@\w+\{(\w+),\n(.*?)^\}$", text, re.MULTILINE | re.DOTALL):
        found[key] = dict(re.findall(r"^  (\w+) = \{(.*)\},$", body, re.MULTILINE))
        assert body.count("{") == body.count("}")
        assert len(found[key]) == len(body.splitlines())
    return found


def check(posterior):
    """What is cited in the text is what the bibliography has."""
    text, known = methods(posterior), entries(bibtex(posterior))
    assert set(re.findall(r"@(\w+\d{4})", text)) == set(known) - {"changepoint"}
    for key in set(known) - {"changepoint"}:
        assert in_words(WORKS[key]) in text
    for entry in known.values():
        assert {"author", "title", "year"} <= set(entry)
    for family in posterior.likelihoods:
        for prior in family.priors().values():
            assert prior in text
    assert changes_in_words(posterior.model.changes) in text
    return text


@pytest.mark.parametrize("name", FAMILIES)
def test_of_every_family(name):
    posterior = fit(Model(FAMILIES[name](), Changes(at_most=1, min_length=2)), data_for(name))
    text = check(posterior)
    for family in posterior.likelihoods:
        assert family.title in text
        assert (inspect.getdoc(type(family)) or "").splitlines()[0].rstrip(".") in text
    assert f"numpy {version('numpy')}" in text
    assert "from 2025-01-06 to 2025-01-17" in text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (Changes(), "any change is 0.5; each"),
        (Changes(probability=0.1, at_most=3), "any change is 0.1, at most 3 of them"),
        (Changes(exactly=2, min_length=4), "known: 2. .* segments of at least 4 rows"),
        (Changes(every=30), "constant hazard, so that segments last 30 rows on average.$"),
        (Changes(every=30, min_length=3), "30 rows on average, and 3 at least"),
    ],
)
def test_the_prior_on_changes(changes, said):
    assert re.search(said, changes_in_words(changes))


@pytest.mark.parametrize("p", [0.5, 1.0])
def test_effects_and_what_was_averaged_over(p):
    data = Observations(count=np.tile(COUNT, 3), time=DAYS[0] + np.arange(36))
    weekday = effects.Weekday(sigma=0.2, probability=p)
    posterior = fit(Model(likelihoods.Poisson(), effects=[weekday]), data)
    text = check(posterior)
    assert "Weekday(sigma=0.2" in text
    assert "Normal(0, 0.2)" in text
    assert ("average over with and without it" in text) == (p < 1)
    assert ("hoeting1999" in text) == (p < 1)


@pytest.mark.filterwarnings("ignore:the chains have not converged")
@pytest.mark.parametrize("switchpoints", ["metropolis", "gibbs"])
def test_of_a_sampler(switchpoints):
    engine = MCMC(draws=20, tune=20, chains=2, cores=1, repeats=1, switchpoints=switchpoints)
    model = Model(likelihoods.Poisson(rate=priors.Gamma(2, 1)), Changes(exactly=1))
    text = check(fit(model, data_for("poisson"), engine))
    assert "have NOT converged" in text
    assert f"pymc {version('pymc')}" in text
    assert ("one block [@chib1998]" in text) == (switchpoints == "gibbs")


@pytest.mark.filterwarnings("ignore:the chains have not converged")
def test_of_a_model_written_by_hand():
    with pm.Model(coords={"segment": [0, 1], "change": [0]}) as by_hand:
        rate = pm.Gamma("rate", 2.0, 1.0, dims="segment")
        switchpoint = pm.DiscreteUniform("switchpoint", 1, 11, dims="change")
        pm.Poisson("y", rate[(np.arange(12) >= switchpoint[0]).astype(int)], observed=COUNT)
    engine = MCMC(draws=20, tune=20, chains=2, cores=1, repeats=1)
    text = check(fit(by_hand, data_for("poisson"), engine))
    assert "- `rate ~ Gamma(alpha=2, beta=1)`" in text
    assert "- `switchpoint ~ DiscreteUniform(lower=1, upper=11)`" in text


def test_names_are_no_markdown():
    data = replace(data_for("poisson"), file="/a/b/`x`.csv", columns={"count": "a`[@b1234]\n#"})
    text = methods(fit(Model(likelihoods.Poisson()), data))
    assert "/a/b" not in text
    assert "b1234" not in re.sub("`[^`]*`", "", text)
    assert "(`'x'.csv`)" in text
    assert "\n#\n" not in text


# -- the entries ------------------------------------------------------------------------------


def docstrings():
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                yield " ".join((ast.get_docstring(node) or "").split())


def is_cited(entry, text):
    """Whether its first author stands in a text, soon followed by the year."""
    last = entry["author"].split(",")[0]
    return re.search(rf"{last}[^()]{{0,80}}\({entry['year']}\)", text) is not None


@pytest.mark.parametrize("key", WORKS)
def test_the_package_cites_it_too(key):
    assert any(is_cited(WORKS[key], text) for text in docstrings())


@pytest.mark.parametrize("name", FAMILIES)
def test_what_a_family_cites_is_named(name):
    told = " ".join((inspect.getdoc(FAMILIES[name]) or "").split())
    cited = {key for key, entry in WORKS.items() if is_cited(entry, told)}
    assert cited - {"hoeting1999"} <= set(OF_FAMILY.get(name, ()))
    assert name in FAMILIES


def test_entries_can_be_looked_up():
    for key, entry in WORKS.items():
        assert key == entry["author"].split(",")[0].lower() + entry["year"] or key == "pymc2023"
        assert re.fullmatch(r"10\.\d{4,9}/\S+", entry.get("doi", "10.1000/x"))
    assert in_words(WORKS["hoffman2014"]).startswith(
        "Matthew D. Hoffman, Andrew Gelman (2014). The No-U-Turn sampler"
    )
    assert "Bürkner" in in_words(WORKS["vehtari2021"])
    assert "doi" not in SOFTWARE
    assert set(OF_FAMILY) <= set(FAMILIES)


# -- what comes from the data -----------------------------------------------------------------


def other_data(name):
    """The same times, other numbers: whatever prior differs stands on the numbers."""
    data = data_for(name)
    if name in ("bernoulli", "categorical"):
        column = getattr(data, data.response)
        return replace(data, **{data.response: column[np.tile([0, 1, 0], 4)]})
    role = data.response
    factor = 0.5 if role == "rate" else 2
    rows = np.arange(1, 13) if role != "outcomes" else np.arange(1, 13)[:, None] * [1, 2, 0]
    other = getattr(data, role) * factor + (rows % 3 if role != "rate" else 0)
    return replace(data, **{role: other})


@pytest.mark.parametrize("name", [name for name in FAMILIES if name != "auto"])
def test_priors_that_differ_with_the_data_are_said_to_come_from_them(name):
    """No others: those that are the same whatever the data, and those that were given."""
    one, two = data_for(name), other_data(name)
    family = FAMILIES[name]()
    here, there = family.resolve(one), family.resolve(two)
    said = methods(fit(Model(family, Changes(at_most=1)), one))
    told = "; ".join(re.findall(r"From the data come these priors: ([^.]*)\.", said))
    named = set(re.findall(r"that of the ([\w ]+?) (?:is|has|allows)\b", told))
    words = {
        "noise": "noise_sd",
        "scale of the noise": "scale",
        "variance of the noise": "variance",
    }
    own = [field.name for field in fields(here) if field.name in FILLED]
    differ = {n for n in own if getattr(here, n) != getattr(there, n)}
    assert {words.get(name, name) for name in named} == differ
    given = replace(family, **{n: getattr(there, n) for n in differ})
    assert "From the data" not in methods(fit(Model(given, Changes(at_most=1)), one))


def test_seasons_that_are_looked_for_are_told_from_stated_ones():
    days = np.datetime64("2025-01-06") + np.arange(28)
    data = Observations(count=np.arange(28) % 5 + 1, trials=np.full(28, 50), time=days)
    looked = "(`weekday`) is the default for dates that cover three whole periods"
    assert looked in methods(fit(None, data))
    stated = Model(likelihoods.BetaBinomial(), effects=(effects.Weekday(),))
    assert "is the default for dates" not in methods(fit(stated, data))
