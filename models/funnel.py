"""Did visitors get further down the funnel?

Question: visits by the last step they reached. Did the shares change, when, and which?
Columns: date; bounced, browsed, carted, bought.
Priors: Dirichlet worth a hundred visits, two of which buy; even odds on any change.
Source: simulated, see data/README.md; from 2025-04-06 on a new checkout turns carts into sales.
"""

from changepoint import Changes, Model, likelihoods

model = Model(
    likelihoods.Multinomial(concentration=(55, 37, 6, 2), outcome="bought"),
    Changes(probability=0.5),
)
columns = {"time": "date", "outcomes": ["bounced", "browsed", "carted", "bought"]}
data = "../data/funnel.csv"
expected = {"number": 1, "times": ["2025-04-06"], "within": 4}
