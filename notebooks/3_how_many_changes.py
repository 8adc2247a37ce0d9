# %% [markdown]
# # How many changes are there?
#
# The answer is a distribution, and it depends on what you take for noise.

# %%
from textwrap import fill

import matplotlib.pyplot as plt

from changepoint import Changes, Model, compare_models, fit, likelihoods, read_csv

# %% [markdown]
# ## Coal: one, or two?
#
# Explosions in British mines that killed ten people or more, by year. Are years Poisson, or do
# they differ by more than chance? Let the evidence weigh both.

# %%
coal = read_csv("data/coal_disasters.csv")
models = [Model(likelihoods.Poisson()), Model(likelihoods.NegativeBinomial())]
compared = compare_models(models, coal)
compared.table[["probability", "probability_of_change", "number", "changes"]].round(2)

# %% [markdown]
# Poisson, more than eight to one: no sign that years differ by more than chance.

# %%
compared.best.plot()

# %%
_ = compared.best.plot_number()

# %% [markdown]
# That there was a change is as good as certain, but one and two are about equally likely.
# "One" is the most probable number, and more likely wrong than right. Did the 1940s bring the
# second?

# %%
round(compared.best.probability_between(1940, 1950), 2)

# %% [markdown]
# Perhaps. A list of changes would have hidden this; the distribution doesn't.
#
# ## Flights: a hundred, or one?
#
# Departures from New York that were cancelled, by day of 2013. A binomial takes every flight
# for a coin of its own. But a storm cancels hundreds at once.

# %%
flights = read_csv("data/nyc_flights_2013.csv", count="cancelled", trials="scheduled")
families = likelihoods.Binomial(), likelihoods.BetaBinomial()
compared = compare_models([Model(each) for each in families], flights)
compared.table[["log_evidence", "probability", "number"]].round(2)

# %%
_, axes = plt.subplots(2, 1, figsize=(9, 6.5), sharex=True, layout="constrained")
for ax, each in zip(axes, compared.posteriors, strict=True):
    each.plot_rate(ax=ax)
    name = each.model.likelihood.name
    ax.set_title(f"{name}: most probable number of changes {each.number}", loc="left")

# %% [markdown]
# The binomial has no word for a bad day, so it calls each of them two changes. The
# beta-binomial has the word, and isn't sure of any change:

# %%
steady = compared.best
print(fill(steady.sentence(), 96))

# %%
_ = steady.plot_number()

# %% [markdown]
# ## The Nile: which model?
#
# Measurements may have a level, a trend, outliers, memory. The default for values, `auto`,
# averages over all of these, by evidence.

# %%
nile = read_csv("data/nile.csv")
posterior = fit(None, nile)
print(fill(posterior.sentence(), 96))

# %%
columns = ["probability", "probability_of_change", "number"]
posterior.candidates[columns].head(6).round(3)

# %% [markdown]
# Who believes in trends alone gets the same year, and a wider band:

# %%
trend = fit(Model(likelihoods.Trend(), Changes(min_length=5)), nile)
_ = posterior.plot_compare(trend)

# %% [markdown]
# So: ask for the distribution of the number, let noise be as wild as it is, and weigh models
# instead of choosing one.
