"""Did the conversion rate change, if only the rates are left?

Question: a table of rates by day, about 0.009 and none above 0.016, without the visits
behind them. The concentration of a Beta distribution stands in for the unknown visits.
Columns: date, conversion_rate.
Priors: a rate around one percent; a concentration around 1,000, give or take a factor of 5.
Source: simulated, see data/README.md; the mean rises from 0.0068 to 0.0100 on 2025-03-02.
"""

from changepoint import Changes, Model, likelihoods, priors

model = Model(
    likelihoods.Beta(rate=priors.Beta(2, 200), concentration=priors.LogNormal(6.9, 1.6)),
    Changes(probability=0.5),
)
columns = {"time": "date", "rate": "conversion_rate"}
data = "../data/conversion_rates.csv"
expected = {"number": 1, "times": ["2025-03-02"], "within": 3}
