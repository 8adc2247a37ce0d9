# %% [markdown]
# # Weeks, holidays and campaigns
#
# Fewer people buy on Sundays, fewer planes fly on Christmas Day, and for one week there were
# posters everywhere. None of that is a change; all of it looks like one. What did change?

# %%
from textwrap import fill

import numpy as np
from matplotlib import pyplot as plt

import changepoint as cp
from changepoint import Model, Observations, effects, fit, likelihoods

plt.rcParams["date.converter"] = "concise"


def say(posterior):
    """Print the answer."""
    print(fill(posterior.sentence(), 88))


# %% [markdown]
# ## A shop, of which we know the truth
#
# Twenty thousand visits a day; 1.1 % of them buy on weekdays, 0.75 % at weekends, and from day
# 120 on a tenth more.

# %%
rng, t = np.random.default_rng(1), np.arange(210)
rate = 0.01 * np.where(t % 7 >= 5, 0.75, 1.1) * np.where(t >= 120, 1.1, 1.0)
visits = rng.integers(18_000, 22_000, len(t))
monday = np.datetime64("2025-01-06")
shop = Observations(count=rng.binomial(visits, rate), trials=visits, time=monday + t)
print("the truth: a change at", shop.time[120].astype("M8[D]"))

# %% [markdown]
# A model that knows no weeks explains each weekend by two changes.

# %%
blind = fit(Model(likelihoods.Binomial()), shop)
blind.number, blind.probability_of_change

# %% [markdown]
# The default looks for a week, because there are dates by the day and three whole weeks of
# them: its answer is an average over with and without one, by the evidence.

# %%
default = fit(None, shop)
say(default)

# %% [markdown]
# Pale dots are the data, dark ones are without the week; the band is the rate of a day in the
# middle of the week's effects.

# %%
default.plot()

# %%
(week,) = default.effects
size = np.array([[term.mean, term.lower, term.upper] for term in week.terms])
_, ax = plt.subplots(figsize=(7, 3), layout="constrained")
ax.errorbar(range(7), size[:, 0], np.abs(size[:, 1:] - size[:, :1]).T, fmt="o", capsize=3)
truth = np.array([1.1] * 5 + [0.75] * 2)
truth /= np.exp(np.log(truth).mean())
ax.plot(range(7), truth, "x", color="#b8400e", label="truth")
ax.axhline(1, color="0.8", zorder=0)
ax.set(xticks=range(7), ylabel="times the level")
ax.set_xticklabels([term.name[:3] for term in week.terms])
_ = ax.legend()

# %% [markdown]
# The effects of the seven days are around 1, so that the level stays in their middle; the
# truth, 1.1 and 0.75 of 1 %, is shown like that.

# %% [markdown]
# ## Flights that were cancelled
#
# Real ones: New York, 2013. What a week and the public holidays do to the share of flights that
# are cancelled, whatever else changes.

# %%
columns = {"count": "cancelled", "trials": "scheduled"}
flights = cp.read_csv("data/nyc_flights_2013.csv", **columns)
even = [effects.Weekday(probability=0.5), effects.Holidays("US", probability=0.5)]
known = fit(Model(likelihoods.BetaBinomial(), effects=even), flights)
say(known)
for effect in known.effects:
    print(f"{effect.name:15} P(there) {effect.probability:.2f}, largest {effect.largest.name}")

# %% [markdown]
# Cancelled flights come in storms, not in weeks: there is hardly evidence for a week, none for
# or against an effect of holidays, and the answer is nearly the one without them.

# %% [markdown]
# ## A campaign
#
# The shop again, with posters in the second week of March. They don't stay, so they are no
# change of the level; what they did is of interest all the same.

# %%
days = (shop.time >= np.datetime64("2025-03-10")) & (shop.time <= np.datetime64("2025-03-16"))
more = rng.binomial(visits, 0.004 * days)
posters = Observations(count=shop.count + more, trials=visits, time=shop.time)
week, campaign = effects.Weekday(), effects.Pulse(first="2025-03-10", last="2025-03-16")
for stated in ([week], [week, campaign]):
    say(fit(Model(likelihoods.Binomial(), effects=stated), posters))
    print()

# %% [markdown]
# Without the campaign its week is two changes more. On the command line:
#
#     changepoint fit shop.csv --season week --pulse 2025-03-10:2025-03-16 --holidays DE
