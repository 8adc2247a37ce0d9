"""When did British coal mines become safer?

Question: the number of explosions that killed ten or more, by year. How many changes in
their rate, and when?
Columns: year, disasters.
Priors: a few disasters a year, worth two of them; at most five changes, even odds on any.
Source: Jarrett (1979), see data/README.md; safety lamps and rules came in around 1890.
"""

from changepoint import Changes, Model, likelihoods, priors

model = Model(likelihoods.Poisson(rate=priors.Gamma(2, 1)), Changes(at_most=5))
columns = {"time": "year", "count": "disasters"}
data = "../data/coal_disasters.csv"
expected = {"number": 1, "times": [1891], "within": 3}
