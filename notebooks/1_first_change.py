# %% [markdown]
# # The first change point: did washing hands save mothers?
#
# From a CSV file to an answer. Semmelweis recorded births and deaths by month in the First
# Clinic of the Vienna maternity hospital; from mid-May 1847 on the doctors washed their hands.

# %%
import warnings

from changepoint import Changes, DataWarning, Model, fit, likelihoods, priors, read_csv

warnings.simplefilter("ignore", DataWarning)  # December 1841 is absent; the answer says so too
data = read_csv("data/semmelweis.csv")
data

# %% [markdown]
# Even odds on no change and one change; months may differ by more than chance.

# %%
model = Model(likelihoods.BetaBinomial(rate=priors.Beta(2, 20)), Changes(at_most=1))
posterior = fit(model, data)
print(posterior)

# %%
posterior.plot()

# %% [markdown]
# How likely is it that the change came with the washing, from May to July 1847?

# %%
posterior.probability_between("1847-05-01", "1847-07-01")
