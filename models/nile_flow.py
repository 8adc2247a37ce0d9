"""When did the Nile carry less water?

Question: the river's yearly flow at Aswan in 10^8 cubic metres. Did its level change?
Columns: year, flow.
Priors: a level between 0 and 2,000 or so; noise of 150, give or take a factor of 3.
Source: Cobb (1978), see data/README.md; work on the old Aswan dam began in 1898.
"""

from changepoint import Changes, Model, likelihoods, priors

model = Model(
    likelihoods.Normal(level=priors.Normal(1000, 400), noise_sd=priors.LogNormal(5, 1)),
    Changes(probability=0.5),
)
columns = {"time": "year", "value": "flow"}
data = "../data/nile.csv"
expected = {"number": 1, "times": [1899], "within": 1}
