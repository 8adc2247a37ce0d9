"""When did the death rate in the Vienna maternity clinic change?

Question: from mid-May 1847 on the doctors of the First Clinic washed their hands in chlorine
solution. Is there one change in the death rate by month, and is that when it came?
Columns: date, births, deaths.
Priors: a rate around one in ten, worth two deaths; no change or one, with even odds.
Months differ far more than chance alone explains (epidemics), hence BetaBinomial.
Source: Semmelweis (1861), see data/README.md.
"""

from changepoint import Changes, Model, likelihoods, priors

model = Model(likelihoods.BetaBinomial(rate=priors.Beta(2, 20)), Changes(at_most=1))
columns = {"time": "date", "count": "deaths", "trials": "births"}
data = "../data/semmelweis.csv"
expected = {"number": 1, "times": ["1847-06-01"], "within": 1}
