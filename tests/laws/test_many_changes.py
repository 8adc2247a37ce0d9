"""More changes than one would think of: their number is counted, not drawn."""

from __future__ import annotations

import numpy as np
from cases import check
from reference import log_sum, log_sums_by_number
from test_underflow import series, table

from changepoint import Changes, Exact, Model, Observations, fit, likelihoods, priors

ROWS = 60


def test_every_number_of_changes_is_that_of_the_closed_form() -> None:
    """A change at nearly every row: P(k) for k = 0..59, Binomial under a Beta prior."""
    data = series(*[(1, 0.02 + 0.9 * (i % 2), 300) for i in range(ROWS)])
    prior, changes = priors.Beta(1, 2), Changes(every=1.2)
    sums = np.array(log_sums_by_number(table(data, prior), ROWS - 1))
    log_p = sums + np.arange(ROWS) * changes.log_rho(ROWS)
    told = np.exp(log_p - log_sum(log_p))
    found = Exact(draws=4).run(Model(likelihoods.Binomial(prior), changes), data)
    assert found.number_error == 0
    number = np.pad(found.number_probability, (0, ROWS - len(found.number_probability)))
    check({"P(k)": float(np.abs(number - told).max())}, 1e-9)
    assert int(told.argmax()) > 50


def test_the_number_does_not_depend_on_the_seed() -> None:
    """Nor on anything else that is drawn."""
    value = np.random.default_rng(5).normal(0, 1, 40)
    model, data = Model(likelihoods.Normal(), Changes(every=1.1)), Observations(value=value)
    posterior, alike = (fit(model, data, Exact(draws=4 + seed, seed=seed)) for seed in (0, 4))
    np.testing.assert_array_equal(posterior.number_probability, alike.number_probability)
