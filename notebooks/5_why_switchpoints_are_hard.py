# %% [markdown]
# # Why are switchpoints hard?
#
# When did disasters in British coal mines become rarer? Good samplers follow a gradient; here
# there is none. What can be done, and is the answer then right? It is known:

# %%
import numpy as np
import pandas as pd
import pymc as pm
import pytensor
import pytensor.tensor as pt
from matplotlib import pyplot as plt
from pytensor.gradient import disconnected_grad
from scipy.special import softmax

import changepoint as cp

# %%
data = cp.read_csv("data/coal_disasters.csv")
model = cp.Model(cp.likelihoods.Poisson(rate=cp.priors.Gamma(2, 1)), cp.Changes(exactly=1))
posterior = cp.fit(model, data)
years, y, T = data.time, data.count, len(data)
exact = posterior.change_probability.to_numpy()[1:]  # of a change at rows 1 to T - 1


def distance(p):
    """Total variation from the exact answer: the probability that stands in the wrong place."""
    return abs(p - exact).sum() / 2


posterior.plot_rate()

# %% [markdown]
# ## A staircase has no slope
#
# What is chosen by a number stays the same until, at once, it is another. The gradient is zero;
# finite differences agree, except across an edge, where they grow without bound.

# %%
x = pt.dscalar("x")
k = pt.cast(x, "int64")
choices = {
    "rate[segment]": pt.constant([3.1, 2.2, 1.4, 0.9])[k],
    "switch(t < tau, a, b)": pt.switch(np.arange(6) < x, 3.1, 0.9).sum(),
    "sort(values)[k]": pt.sort(pt.constant([0.4, 0.1, 0.9, 0.3, 0.2]))[k],
    "cast(tau, int)": 1.0 * k,
}
value = pytensor.function([x], list(choices.values()))
slopes = [pt.grad(each, x, disconnected_inputs="ignore") for each in choices.values()]
gradient = pytensor.function([x], slopes)


# %%
def difference(at, h):
    """Central finite differences of the choices."""
    return (np.array(value(at + h)) - np.array(value(at - h))) / (2 * h)


told = {"gradient": np.array(gradient(2.5)), "difference at 2.5": difference(2.5, 0.001)}
told |= {"at 3": difference(3, 0.001), "at 3, ten times closer": difference(3, 0.0001)}
print(pd.DataFrame(told, index=list(choices)).round(3).to_string())

# %% [markdown]
# ## Two ways to make a slope
#
# The *sigmoid* lets the rate pass from one level to the other over some years, the temperature.
# The *straight-through* estimator computes with the step, but claims the slope of the sigmoid.

# %%
tau, before, after = pt.dvectors("tau", "before", "after")  # one entry each per evaluation
temperature = pt.dscalar("temperature")
ahead = np.arange(T) + 0.5 - tau[:, None]  # a change at row 40 is tau from 39.5 to 40.5
soft, hard = pt.sigmoid(ahead / temperature), pt.cast(ahead > 0, "float64")
straight = soft + disconnected_grad(hard - soft)
follow = {}
for name, gate in {"step": hard, "sigmoid": soft, "straight-through": straight}.items():
    rate = before[:, None] + (after - before)[:, None] * gate
    log_p = (y * pt.log(rate) - rate).sum(1)
    given, told = [tau, before, after, temperature], [log_p, pt.grad(log_p.sum(), tau)]
    follow[name] = pytensor.function(given, told, on_unused_input="ignore")

# %%
colors = {"step": "#6e6e6e", "straight-through": "#b8400e", "sigmoid": "#0b3c5d"}
figure, axes = plt.subplots(2, 1, figsize=(9, 5.5), sharex=True, layout="constrained")
axes[0].set(ylabel="log likelihood", title="The step has a height and no slope")
axes[1].set(ylabel="its slope, as claimed", xlabel="switchpoint; temperature 0.3 years")
axes[1].set_xticks(range(1881, 1901, 2))
places = np.linspace(29.5, 49.5, 1999)
for name, color in colors.items():
    curves = follow[name](places, np.full(1999, 3.1), np.full(1999, 0.94), 0.3)
    style = {"color": color, "lw": 4.5 if name == "step" else 1.4, "label": name}
    for ax, curve in zip(axes, curves, strict=True):
        ax.plot(years[0] + places, curve, **style)
        ax.spines[["top", "right"]].set_visible(False)
legend = axes[1].legend(frameon=False, ncols=3, loc="upper right")

# %% [markdown]
# ## Both give a wrong answer
#
# A switchpoint that follows the gradient in tiny noisy steps (Langevin), the rates being drawn
# anew, settles at exp(integral of the average gradient): bias on a grid, without noise.

# %%
CELLS = 10  # to a row
fine = 0.5 + (np.arange((T - 1) * CELLS) + 0.5) / CELLS
log_rate = np.linspace(np.log(0.5), np.log(5.5), 25)
rates = np.exp(np.meshgrid(log_rate, log_rate)).reshape(2, -1)
log_prior = (2 * np.log(rates) - rates).sum(0)  # Gamma(2, 1), per log rate


def settle(name, temperature):
    """Where the switchpoint settles, by row; the average gradient on the way."""
    found = (follow[name](np.full(rates.shape[1], x), *rates, temperature) for x in fine)
    drift = np.array([softmax(log_p + log_prior) @ slope for log_p, slope in found])
    log_density = (np.cumsum(drift) - drift / 2) / CELLS
    return softmax(log_density).reshape(T - 1, CELLS).sum(1), drift


# %%
temperatures, relaxed = [0.1, 0.5, 1.0, 2.0, 5.0], ["sigmoid", "straight-through"]
settled = {(name, t): settle(name, t) for name in relaxed for t in temperatures}
bias = pd.DataFrame(
    {name: [distance(settled[name, t][0]) for t in temperatures] for name in relaxed},
    index=pd.Index(temperatures, name="temperature"),
)
drifts = np.abs([settled["sigmoid", t][1] for t in temperatures])
bias["sigmoid's steepest slope"] = drifts[:, np.repeat(exact > 0.01, CELLS)].max(1)

# %% [markdown]
# Do chains go there? A thousand, from 1891 on, follow the straight-through gradient. A
# Metropolis step can correct them: the gradient only proposes, the step model decides.

# %%
rng = np.random.default_rng(1)
events = np.r_[0, np.cumsum(y)]  # before each row


def draw_rates(place):
    """Rates given the switchpoint, under the step model."""
    row = np.ceil(place - 0.5).astype(int)
    shape = np.array([2 + events[row], 2 + events[-1] - events[row]])
    return rng.gamma(shape) / np.array([1 + row, 1 + T - row])


def log_proposal(new, old, slope, size):
    """Log density of a Langevin step, up to a constant."""
    return -(((new - old) / size - size / 2 * slope) ** 2) / 2


# %%
def langevin(size, moves, corrected, chains=1000):
    """Where chains are in the second half of their moves, by row."""
    place, seen, name = np.full(chains, 40.0), np.zeros(T), "straight-through"
    for i in range(moves):
        two = draw_rates(place)
        log_p, slope = follow[name](place, *two, 1.0)
        new = place + size**2 / 2 * slope + size * rng.standard_normal(chains)
        new = np.clip(new, 0.51, T - 0.51)
        log_new, slope_new = follow[name](new, *two, 1.0)
        back = log_proposal(place, new, slope_new, size) - log_proposal(new, place, slope, size)
        accepted = np.log(rng.random(chains)) < log_new - log_p + back
        place = np.where(accepted | (not corrected), new, place)
        seen += (i >= moves / 2) * np.bincount(np.ceil(place - 0.5).astype(int), minlength=T)
    return seen[1:] / seen.sum()


# %%
followed = langevin(size=0.2, moves=3000, corrected=False)
corrected = langevin(size=4.0, moves=1000, corrected=True)

# %% [markdown]
# ## Summing out has the slope and the answer
#
# The log likelihood summed over all places of the change is smooth in the rates.

# %%
two = pt.dvector("two")
log_sum = cp.sum_out(y * pt.log(two[:, None]) - two[:, None])
sum_and_slope = pytensor.function([two], [log_sum, pt.grad(log_sum, two)])
at, h = np.array([2.5, 1.2]), 1e-5
slope = sum_and_slope(at)[1]
ends = [(sum_and_slope(at + e)[0], sum_and_slope(at - e)[0]) for e in h * np.eye(2)]
differences = [(up - down) / (2 * h) for up, down in ends]
print("gradient", slope, "finite differences", np.array(differences))

# %% [markdown]
# NUTS samples the rates; each draw of them then gets a place, drawn exactly.

# %%
with pm.Model() as summed:
    pair = pm.Gamma("rate", 2, 1, shape=2)
    pm.Potential("data", cp.sum_out(pm.logp(pm.Poisson.dist(pair[:, None]), y)))
    once = {"draws": 1000, "chains": 4, "cores": 1, "random_seed": 1, "quiet": True}
    draws = pm.sample(nuts_sampler="pymc", **once).posterior.dataset
rows = cp.draw_switchpoints(summed, draws, seed=1).to_numpy().ravel()
drawn = np.bincount(rows, minlength=T)[1:] / len(rows)
noise = [distance(p) for p in rng.multinomial(len(rows), exact, 1000) / len(rows)]

# %%
print("Distance from the exact answer (total variation) by temperature in years")
print(bias.round(3).to_string())
print(f"straight-through at 1 year, chains:    {distance(followed):.3f}")
print(f"the same with a Metropolis step:       {distance(corrected):.3f}")
print(f"summed out, {len(rows)} draws:               {distance(drawn):.3f}")
print(f"as many independent draws, on average: {np.mean(noise):.3f}")

# %% [markdown]
# Cold, the sigmoid comes right, but its slope turns into cliffs. Straight-through is wrong
# however cold: a step's height is an integral over the rate, and it sees only the two ends.

# %%
figure, axes = plt.subplots(2, 2, figsize=(9, 6), sharex=True, sharey=True)
figure.set_layout_engine("constrained")
edges = years[0] + np.arange(T) + 0.5
figure.supylabel("probability of the change", fontsize=10)
figure.suptitle("Relaxed switchpoints settle elsewhere", fontsize=11, x=0.01, ha="left")
for ax, t in zip(axes.flat, [0.1, 1.0, 5.0, None], strict=True):
    ax.stairs(exact, edges, fill=True, color="#d9d9d9", label="exact")
    shown = {name: settled[name, t][0] for name in relaxed} if t else {"summed out": drawn}
    for name, p in shown.items():
        color = colors.get(name, colors["sigmoid"])
        ax.stairs(p, edges, baseline=None, color=color, linewidth=1.6, label=name)
    ax.set_title(f"temperature in years: {t:g}" if t else "summed out", fontsize=10, loc="left")
    ax.set(xlim=(1877.5, 1905.5))
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, fontsize=8, loc="upper left")
