# %% [markdown]
# # Small conversion rates: why is every value "outside its support"?
#
# About 9 of 1,000 visitors buy. When did that change? Somebody wrote the model below, and
# PyMC 2 answered `ZeroProbability: Stochastic obs's value is outside its support`. What is
# wrong with it?
#
# The data here are simulated, so that the truth is known (`data/README.md`): a mean rate of
# 0.0068, and 0.0100 from 2 March 2025 on. Nobody kept the number of visits.

# %%
from textwrap import fill, shorten

import matplotlib.pyplot as plt
import numpy as np
import pymc as pm

import changepoint as cp
from changepoint import Model, Observations, fit, likelihoods, priors

plt.rcParams["date.converter"] = "concise"
data = cp.read_csv("data/conversion_rates.csv")
rates = data.rate
print(len(rates), "days, rates from", rates.min(), "to", rates.max())

# %% [markdown]
# ## The original model, in today's PyMC

# %%
with pm.Model() as original:
    switchpoint = pm.DiscreteUniform("switchpoint", 0, len(rates) - 1)
    before = pm.Uniform("before", 0, rates.max())
    after = pm.Uniform("after", 0, rates.max())
    rate = pm.math.switch(np.arange(len(rates)) < switchpoint, before, after)
    obs = pm.Uniform("obs", lower=rate, upper=1, observed=rates)

try:
    with original:
        pm.sample(progressbar=False, cores=1, random_seed=1)
except pm.exceptions.SamplingError as error:
    print(fill(shorten(f"SamplingError: {error}", 220), 96))

# %% [markdown]
# Zero probability, in more words. It looks like a bad start. It isn't: the noise is wrong.

# %%
start = rates.max() / 2  # the middle of the prior, where PyMC starts
impossible = rates < start
_, ax = plt.subplots(figsize=(9, 3.6), layout="constrained")
ax.axhspan(0, start, color="#f6ddd0")
ax.axhline(start, color="#b8400e")
ax.scatter(data.time, rates, s=12, c=np.where(impossible, "#b8400e", "#6e6e6e"))
ax.set_ylim(0, 0.018)
ax.set_ylabel("conversion rate")
_ = ax.set_title(f"Uniform(lower=rate): {impossible.sum()} of {len(rates)} days can't happen")

# %% [markdown]
# A day below the rate is impossible. From a better start the sampler does run, and "the rate"
# then lies below the lowest day of its segment: a wrong answer. `check_pymc` says so before
# anything is sampled:

# %%
for line in str(cp.check_pymc(original)).splitlines()[:2]:
    print(fill(line, 96))

# %% [markdown]
# ## Rates alone: a Beta likelihood
#
# Days scatter on both sides of their mean. The prior is the original one.

# %%
likelihood = likelihoods.Beta(rate=priors.Uniform(0, 0.016))
posterior = fit(Model(likelihood), data)
print(fill(posterior.sentence(), 96))

# %%
posterior.plot()

# %% [markdown]
# ## With trials: a BetaBinomial likelihood
#
# Another shop (simulated as well) kept its visits, about 1,000 a day. Its true rate is 0.009,
# and 0.013 from 21 April 2025 on. Leave nine visits of ten out, and many days have no
# conversion at all. Rates alone are lost then:

# %%
shop = cp.read_csv("data/conversions.csv")
visits = shop.trials.astype(int) // 10
others = (shop.trials - shop.count).astype(int)
random = np.random.default_rng(1)
bought = random.hypergeometric(shop.count.astype(int), others, visits)
try:
    fit(Model(likelihoods.Beta()), Observations(rate=bought / visits, time=shop.time))
except cp.SupportError as error:
    print(fill("\n".join(str(error).splitlines()[:2]), 96))

# %% [markdown]
# Counts with trials aren't: no sale in 100 visits is evidence like any other. It's little, and
# the answer says so:

# %%
tenth = Observations(bought, visits, time=shop.time, columns=shop.columns)
few = fit(Model(likelihoods.BetaBinomial()), tenth)
full = fit(Model(likelihoods.BetaBinomial()), shop)
_, axes = plt.subplots(2, 1, figsize=(9, 5.5), sharex=True, layout="constrained")
for ax, each, daily in zip(axes, (few, full), (100, 1000), strict=True):
    each.plot_rate(ax=ax)
    p = each.probability_of_change
    told = f"= {p:.2f}" if p < 0.9999 else "> 0.9999"
    ax.set_title(f"{daily} visits a day: P(any change) {told}", loc="left")

# %% [markdown]
# ## What the prior does at p = 0.009
#
# Three priors of the rate:

# %%
beliefs = {
    "flat: Beta(1, 1)": priors.Beta(1, 1),
    "worth two events: Beta(2, 200)": priors.Beta(2, 200),
    "strong: Beta(900, 99100)": priors.Beta(900, 99_100),
}
models = [Model(likelihoods.BetaBinomial(rate=each)) for each in beliefs.values()]
for name, model in zip(beliefs, models, strict=True):
    after = fit(model, shop).summary().iloc[0]
    print(f"{name:32}{after['before_mean']:.4f} -> {after['after_mean']:.4f}")

# %% [markdown]
# With half a year of data, flat and weak agree. The strong one doesn't let the rate rise to
# 0.013. But who waits half a year? Here is what each would have said, day by day:


# %%
def known(model, days):
    """Return P(any change) from the first days alone."""
    first = Observations(shop.count[:days], shop.trials[:days], time=shop.time[:days])
    return fit(model, first).probability_of_change


days = np.arange(100, 141)
_, ax = plt.subplots(figsize=(9, 4), layout="constrained")
colors = ("#b8400e", "#0b3c5d", "#6e6e6e")
for name, model, color in zip(beliefs, models, colors, strict=True):
    ax.plot(shop.time[days - 1], [known(model, n) for n in days], color=color, label=name)
ax.axvline(shop.time[110], color="#6e6e6e", linestyle=":", label="true change")
ax.set_ylabel("P(any change) so far")
_ = ax.legend(frameon=False)

# %% [markdown]
# A week after the change, on 27 April, the flat prior is the one that denies it:

# %%
for name, model in zip(beliefs, models, strict=True):
    print(f"{name:32}{known(model, 117):.2f}")

# %% [markdown]
# Flat isn't neutral. To `Beta(1, 1)` a new rate is as likely 0.5 as 0.01, and a change to 0.013
# is a coincidence that it doesn't believe in. The strong one starts from even odds and stays
# near them: it lets the rate move so little that no week can tell. The default is worth two
# events at the pooled rate; every report tells how the answer moves when it's a quarter or four
# times as strong:

# %%
week = Observations(shop.count[:117], shop.trials[:117], time=shop.time[:117])
default = fit(Model(likelihoods.BetaBinomial()), week)
{strength: round(chance, 2) for strength, chance in default.sensitivity.items()}

# %% [markdown]
# That is what a weak prior looks like beside what half a year made of it: wide, but about
# rates of this size.

# %%
_ = full.plot_prior()
