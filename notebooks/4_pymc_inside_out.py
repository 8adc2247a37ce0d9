# %% [markdown]
# # PyMC inside out
#
# When did British coal mines become safer? Every PyMC tutorial samples this one. Is what it
# samples right? Here the answer is known, so the sampler can be marked.

# %%
import warnings
from textwrap import fill

import numpy as np
import pandas as pd
import pymc as pm
from matplotlib import pyplot as plt

import changepoint as cp


def tell(text):
    """Print a text, long lines folded."""
    for line in str(text).splitlines():
        print(fill(line, 96, subsequent_indent="    "))


# %%
data = cp.read_csv("data/coal_disasters.csv")
model = cp.Model(cp.likelihoods.Poisson(rate=cp.priors.Gamma(2, 1)), cp.Changes(exactly=1))
exact = cp.fit(model, data)
tell(exact.sentence())

# %% [markdown]
# The same model in PyMC: an ordinary `pm.Model`, to look at, to change, to sample.

# %%
print(model.to_pymc(data).str_repr())

# %% [markdown]
# ## Mark the sampler
#
# PyMC's default steps: NUTS for the rates, Metropolis for the switchpoint. Then the same with
# eight Metropolis steps to one of NUTS.

# %%
one, eight = cp.MCMC(400, 400, seed=1, repeats=1), cp.MCMC(400, 400, seed=1, repeats=8)
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always", cp.ConvergenceWarning)
    once, more = (cp.fit(model, data, engine) for engine in (one, eight))
for each in told:
    tell(str(each.message).partition("; and")[0])

# %% [markdown]
# Both say so themselves. A remedy: draw the switchpoint at once from all years, given the rates
# (Gibbs).

# %%
gibbs = cp.fit(model, data, cp.MCMC(400, 400, seed=1, switchpoints="gibbs"))
print("converged:", gibbs.converged)

# %%
runs = {"one Metropolis step": once, "eight": more, "Gibbs": gibbs, "exact": exact}
figure, axes = plt.subplots(1, 4, figsize=(10, 3.6), sharey=True, layout="constrained")
axes[0].set_ylabel("year of the change")
for ax, (name, run) in zip(axes, runs.items(), strict=True):
    ax.set_title(name, fontsize=10, loc="left")
    ax.spines[["top", "right"]].set_visible(False)
    if run is exact:
        ax.barh(data.time, run.change_probability, height=1, color="#b8400e")
        continue
    rows = run.tree["posterior"]["switchpoint"].values[:, :, 0]
    for chain, color in zip(rows, ["#0b3c5d", "#b8400e", "#6e6e6e", "#4f9da6"], strict=True):
        ax.plot(data.time[chain], color=color, linewidth=0.8)

# %% [markdown]
# A colour for each of four chains, the exact answer sideways. Small steps didn't lead from the
# 1940s to 1891. Had all chains begun there, R-hat would have seen nothing. How near is Gibbs?

# %%
exact.compare(gibbs).plot()

# %%
exact.compare(gibbs).table.drop("log evidence").round(3)

# %% [markdown]
# ## Write your own
#
# Semmelweis again: in Vienna's maternity clinic mothers died most in winter. Hands were washed
# from mid-May on: is that just spring? `effects.Yearly()` asks that; or write a model: an
# integer `switchpoint`, parameters by `segment`, the rest is yours.

# %%
warnings.simplefilter("ignore")  # December 1841 is absent; we shall hear of it
clinic = cp.read_csv("data/semmelweis.csv")
winter = np.isin(pd.to_datetime(clinic.time).month, [12, 1, 2, 3])
births, deaths = clinic.trials, clinic.count
coords = {"segment": ["before", "after"], "change": [0]}


# %%
def write(rows, a, b):
    """Log odds of death by segment, more in winter; months vary by `spread` ~ Beta(a, b)."""
    with pm.Model(coords=coords) as own:
        place = pm.DiscreteUniform("switchpoint", 1, len(clinic) - 1, dims="change")
        log_odds = pm.Normal("log_odds", -2.5, 1.0, dims="segment")
        pm.Deterministic("rate", pm.math.sigmoid(log_odds), dims="segment")  # to be shown
        rise = pm.Normal("winter", 0.0, 0.5)
        strength = 1 / pm.Beta("spread", a, b) - 1
        p = pm.math.sigmoid(log_odds[(rows >= place[0]).astype(int)] + rise * winter[rows])
        shapes = {"alpha": p * strength, "beta": (1 - p) * strength}
        pm.BetaBinomial("deaths", n=births[rows], **shapes, observed=deaths[rows])
    return own


# %% [markdown]
# PyMC takes it, with no more than a warning. Ask first:

# %%
tell(cp.check_pymc(write(np.arange(len(clinic)), 1, 50)))

# %% [markdown]
# December 1841 has no number; the rest follows from that. Leave it out:

# %%
seen = np.flatnonzero(clinic.observed("count"))
tell(cp.check_pymc(write(seen, 1, 50)))

# %% [markdown]
# PyTensor keeps whole numbers as small as these in eight bits. Floats, then:

# %%
own = write(seen, 1.0, 50.0)
tell(cp.check_pymc(own))

# %%
by_hand = cp.fit(own, clinic, cp.MCMC(500, 500, seed=1))
print("converged:", by_hand.converged)
tell(by_hand.sentence())
rise = by_hand.tree["posterior"]["winter"].values
print(f"odds in winter: {np.exp(rise.mean()):.2f} times; P(more) = {(rise > 0).mean():.2f}")

# %% [markdown]
# The season doesn't explain it: outside winter the rate fell to a third. That it fell a winter
# earlier already, these months can't exclude.

# %%
by_hand.plot()
