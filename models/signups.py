"""When did growth stall?

Question: sign-ups a week along a straight line. Did its slope change, and when?
Columns: week, signups.
Priors: a level of some hundreds, slopes of a few a week either way, noise of about 20; a
stretch lasts eight weeks or longer.
Source: simulated, see data/README.md; growth of 4 a week ends with the week of 2024-05-06.
"""

from changepoint import Changes, Model, likelihoods, priors

model = Model(
    likelihoods.Trend(
        level=priors.Normal(400, 200),
        slope=priors.Normal(0, 5),
        variance=priors.InverseGamma(3, 1200),
    ),
    Changes(probability=0.5, min_length=8),
)
columns = {"time": "week", "value": "signups"}
data = "../data/signups.csv"
expected = {"number": 1, "times": ["2024-05-06"], "within": 4}
