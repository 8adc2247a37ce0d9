"""How far did the rate of mining disasters fall? A PyMC model written by hand.

Question: the same explosions as in coal_disasters.py, with a prior that no ready family has:
the rate fell, to a share of what it was that may be anything between none and all.
Columns: year, disasters.
Priors: around three disasters a year before; the share after is uniform between 0 and 1;
exactly one change, every year alike.
Source: Jarrett (1979), see data/README.md.

Its integer variable `switchpoint` (change) is the first row after each change, its variable by
segment is what tables and figures are about: that is all the command asks of a PyMC model. It
checks the model, samples it and says whether the chains have converged.
"""

import numpy as np
import pymc as pm
import pytensor.tensor as pt


def model(observations):
    """Return the PyMC model of a table of counts."""
    rows = np.flatnonzero(observations.observed("count"))
    coords = {"change": [0], "segment": ["before", "after"], "row": rows}
    with pm.Model(coords=coords) as built:
        last = len(observations) - 1
        switchpoint = pm.DiscreteUniform("switchpoint", 1, last, dims="change")
        before = pm.Gamma("before", 3.0, 1.0)
        share = pm.Uniform("share", 0.0, 1.0)
        rate = pm.Deterministic("rate", pt.stack([before, before * share]), dims="segment")
        row = pm.Data("position", rows, dims="row")
        count = pm.Data("count", observations.count[rows].astype(int), dims="row")
        segment = (row >= switchpoint[0]).astype("int64")
        pm.Poisson("disasters", rate[segment], observed=count, dims="row")
    return built


columns = {"time": "year", "count": "disasters"}
data = "../data/coal_disasters.csv"
expected = {"number": 1, "times": [1891], "within": 3}
