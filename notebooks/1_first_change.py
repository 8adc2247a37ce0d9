# %% [markdown]
# # Your first change point: did washing hands save mothers?
#
# Ignaz Semmelweis counted births and deaths by month in the First Clinic of the Vienna
# maternity hospital. From mid-May 1847 on, its doctors washed their hands with chlorine.
#
# From a CSV file to a sentence:

# %%
import warnings
from textwrap import fill

from changepoint import Changes, DataWarning, Model, fit, likelihoods, priors, read_csv

warnings.simplefilter("ignore", DataWarning)  # December 1841 is absent; the answer says so too
data = read_csv("data/semmelweis.csv")
data

# %% [markdown]
# Deaths among births: a `BetaBinomial`, whose months may differ by more than chance, as they do
# in clinics. The prior of the rate is worth 22 births, two of them deadly. No change and one
# change have even odds.

# %%
model = Model(likelihoods.BetaBinomial(rate=priors.Beta(2, 20)), Changes(at_most=1))
posterior = fit(model, data)
print(fill(posterior.sentence(), 96))

# %%
posterior.plot()

# %% [markdown]
# The model was told nothing of May 1847. How likely is it that the change came between May and
# July of that year?

# %%
round(posterior.probability_between("1847-05-01", "1847-07-01"), 2)

# %% [markdown]
# Probably, but not surely: months are too few and differ too much to name the month. That
# something changed is beyond doubt. *What* changed it, no model of one series can say.
