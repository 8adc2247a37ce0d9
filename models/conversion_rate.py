"""Did the conversion rate change?

Question: in a table of visits and conversions by day, did the rate change, when, and from
what to what? Days vary a little more than independent visits would.
Columns: date, visits, conversions.
Priors: a rate around one percent, worth two conversions; even odds on any change.
Source: simulated, see data/README.md; the rate rises from 0.009 to 0.013 on 2025-04-21.
"""

from changepoint import Changes, Model, likelihoods, priors

model = Model(likelihoods.BetaBinomial(rate=priors.Beta(2, 200)), Changes(probability=0.5))
columns = {"time": "date", "count": "conversions", "trials": "visits"}
data = "../data/conversions.csv"
expected = {"number": 1, "times": ["2025-04-21"], "within": 5}
