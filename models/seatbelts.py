"""Did the seat-belt law save drivers?

Question: car drivers killed in Great Britain by month, per distance driven. How often did the
rate change by a year or longer, and was one of the changes the law of February 1983?
Columns: month, drivers_killed, kms (the exposure).
Priors: about one death per 100 units of distance, worth two deaths; at most three changes, each
lasting a year or longer. Winters are worse, which a yearly pattern of all rows takes up; what
months differ by beyond that is more than a Poisson has it.
Source: Harvey and Durbin (1986), see data/README.md; the others are the oil crisis of 1973 and
a fall around 1980.
"""

from changepoint import Changes, Model, effects, likelihoods, priors

model = Model(
    likelihoods.NegativeBinomial(rate=priors.Gamma(2, 200)),
    Changes(at_most=3, min_length=12),
    effects=[effects.Yearly()],
)
columns = {"time": "month", "count": "drivers_killed", "exposure": "kms"}
data = "../data/seatbelts.csv"
expected = {"number": 3, "times": ["1973-12-01", "1979-10-01", "1983-02-01"], "within": 2}
