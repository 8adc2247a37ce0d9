"""Did more flights get cancelled?

Question: flights cancelled of those scheduled from New York's airports, by day. Did the rate
change in 2013, or were there only bad days?
Columns: date, cancelled, scheduled.
Priors: two cancellations in a hundred, worth two of them; even odds on any change. Storms make
days differ a hundred times as much as independent flights would, which the overdispersion is
for: a Binomial sees 103 changes here.
Source: US Bureau of Transportation Statistics, see data/README.md. What is found is weak: the
summer's storms were over by mid-August.
"""

from changepoint import Changes, Model, likelihoods, priors

model = Model(likelihoods.BetaBinomial(rate=priors.Beta(2, 80)), Changes(probability=0.5))
columns = {"count": "cancelled", "trials": "scheduled"}
data = "../data/nyc_flights_2013.csv"
expected = {"number": 1, "times": ["2013-08-14"], "within": 30}
