# %% [markdown]
# # Why are switchpoints hard?
#
# When did disasters in British coal mines become rarer? Good samplers follow a gradient; here
# there is none. What can be done, and is the answer then right? With one change, the right
# answer is known.

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
print(posterior)

# %%
years, y, T = data.time, data.count, len(data)
exact = posterior.change_probability.to_numpy()[1:]  # of a change at rows 1 to T - 1


def distance(p):
    """Total variation from the exact answer: the probability that stands in the wrong place."""
    return abs(p - exact).sum() / 2


# %% [markdown]
# ## A staircase has no slope
#
# Let a number choose: an index, a side, a rank. What is chosen stays the same until, at once,
# it is another.

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
gradient = pytensor.function(
    [x], [pt.grad(choice, x, disconnected_inputs="ignore") for choice in choices.values()]
)

# %% [markdown]
# PyTensor's gradient is zero; through an index it finds no path at all, which counts as zero
# here. Finite differences agree, except across an edge, where they grow without bound.


# %%
def difference(at, h):
    """Central finite differences of the choices."""
    return (np.array(value(at + h)) - np.array(value(at - h))) / (2 * h)


slopes = pd.DataFrame(
    {
        "gradient": np.array(gradient(2.5)),
        "difference at 2.5": difference(2.5, 0.001),
        "at 3": difference(3, 0.001),
        "at 3, ten times closer": difference(3, 0.0001),
    },
    index=list(choices),
)
print(slopes.round(3).to_string())

# %% [markdown]
# ## Two ways to make a slope
#
# The *sigmoid* lets the rate pass from one level to the other over some years, the temperature.
# The *straight-through* estimator computes with the step, but claims the slope of the sigmoid.
# The figure has the rates at 3.1 and 0.94.

# %%
tau, before, after = pt.dvectors("tau", "before", "after")  # one entry each per evaluation
temperature = pt.dscalar("temperature")
ahead = np.arange(T) + 0.5 - tau[:, None]  # a change at row 40 is tau from 39.5 to 40.5
soft = pt.sigmoid(ahead / temperature)
hard = pt.cast(ahead > 0, "float64")
gates = {
    "step": hard,
    "sigmoid": soft,
    "straight-through": soft + disconnected_grad(hard - soft),
}

# %%
follow = {}
for name, gate in gates.items():
    rate = before[:, None] + (after - before)[:, None] * gate
    log_p = (y * pt.log(rate) - rate).sum(1)
    follow[name] = pytensor.function(
        [tau, before, after, temperature],
        [log_p, pt.grad(log_p.sum(), tau)],
        on_unused_input="ignore",
    )

# %%
GREY, RED, BLUE = "#6e6e6e", "#b8400e", "#0b3c5d"
looks = {"step": (GREY, 4.5), "straight-through": (RED, 1.2), "sigmoid": (BLUE, 1.6)}
figure, axes = plt.subplots(2, 1, figsize=(9, 5.5), sharex=True, layout="constrained")
places = np.linspace(29.5, 49.5, 1999)
for name, (color, width) in looks.items():
    curves = follow[name](places, np.full(1999, 3.1), np.full(1999, 0.94), 0.3)
    for ax, curve in zip(axes, curves, strict=True):
        ax.plot(years[0] + places, curve, color=color, linewidth=width, label=name)
axes[0].set_ylabel("log likelihood")
axes[1].set_ylabel("its slope, as claimed")
axes[1].set_xlabel("switchpoint; temperature 0.3 years")
axes[1].set_xticks(range(1881, 1901, 2))
axes[1].legend(frameon=False, ncols=3, loc="upper right")
for ax in axes:
    ax.spines[["top", "right"]].set_visible(False)
axes[0].set_title("The step has a height and no slope", fontsize=11, loc="left")

# %% [markdown]
# ## Both give a wrong answer
#
# Let the switchpoint follow the gradient in tiny noisy steps (Langevin), the rates being drawn
# anew each time. It settles at exp(integral of the average gradient). For the sigmoid that is
# the posterior of the relaxed model. We integrate on a grid: what remains is bias, not noise.

# %%
CELLS = 10  # to a row
fine = 0.5 + (np.arange((T - 1) * CELLS) + 0.5) / CELLS
log_rate = np.linspace(np.log(0.5), np.log(5.5), 25)
rates = np.exp(np.meshgrid(log_rate, log_rate)).reshape(2, -1)
log_prior = (2 * np.log(rates) - rates).sum(0)  # Gamma(2, 1), per log rate


def settle(name, temperature):
    """Where the switchpoint settles, by row; the average gradient on the way."""
    drift = np.empty(len(fine))
    for i, place in enumerate(fine):
        log_p, slope = follow[name](np.full(rates.shape[1], place), *rates, temperature)
        drift[i] = softmax(log_p + log_prior) @ slope
    log_density = (np.cumsum(drift) - drift / 2) / CELLS
    return softmax(log_density).reshape(T - 1, CELLS).sum(1), drift


# %%
temperatures = [0.1, 0.5, 1.0, 2.0, 5.0]
relaxed = ["sigmoid", "straight-through"]
settled = {(name, t): settle(name, t) for name in relaxed for t in temperatures}
bias = pd.DataFrame(
    {name: [distance(settled[name, t][0]) for t in temperatures] for name in relaxed},
    index=pd.Index(temperatures, name="temperature"),
)
likely = np.repeat(exact > 0.01, CELLS)
bias["sigmoid's steepest slope"] = [
    abs(settled["sigmoid", t][1])[likely].max() for t in temperatures
]

# %% [markdown]
# Is that where chains go? A thousand, all started in 1891, follow the straight-through
# gradient at a temperature of one year. A Metropolis step can correct them: then the
# gradient only proposes, and the step model decides.

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
    place, seen = np.full(chains, 40.0), np.zeros(T)
    for i in range(moves):
        two = draw_rates(place)
        log_p, slope = follow["straight-through"](place, *two, 1.0)
        new = place + size**2 / 2 * slope + size * rng.standard_normal(chains)
        new = np.clip(new, 0.51, T - 0.51)
        log_new, slope_new = follow["straight-through"](new, *two, 1.0)
        back = log_proposal(place, new, slope_new, size) - log_proposal(new, place, slope, size)
        accepted = np.log(rng.random(chains)) < log_new - log_p + back
        place = np.where(accepted, new, place) if corrected else new
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
differences = [
    (sum_and_slope(at + e)[0] - sum_and_slope(at - e)[0]) / (2 * h) for e in h * np.eye(2)
]
print("gradient", slope, "finite differences", np.array(differences))

# %% [markdown]
# NUTS samples the rates; each draw of them then gets a place, drawn exactly.

# %%
with pm.Model() as summed:
    pair = pm.Gamma("rate", 2, 1, shape=2)
    pm.Potential("data", cp.sum_out(pm.logp(pm.Poisson.dist(pair[:, None]), y)))
    draws = pm.sample(
        draws=1000, chains=4, cores=1, nuts_sampler="pymc", random_seed=1, quiet=True
    ).posterior.dataset
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
# Cold, the sigmoid's answer comes right, but its slope turns into cliffs again. The
# straight-through answer is wrong however cold: the height of a step is an integral over the
# rate, from one level to the other, and the estimator sees only its two ends.

# %%
figure, axes = plt.subplots(
    2, 2, figsize=(9, 6), sharex=True, sharey=True, layout="constrained"
)
edges = years[0] + np.arange(T) + 0.5
for ax, t in zip(axes.flat, [0.1, 1.0, 5.0, None], strict=True):
    ax.stairs(exact, edges, fill=True, color="#d9d9d9", label="exact")
    shown = {name: settled[name, t][0] for name in relaxed} if t else {"summed out": drawn}
    for name, p in shown.items():
        color = looks.get(name, (BLUE,))[0]
        ax.stairs(p, edges, baseline=None, color=color, linewidth=1.6, label=name)
    ax.set_title(f"temperature in years: {t:g}" if t else "summed out", fontsize=10, loc="left")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, fontsize=8, loc="upper left")
axes[0, 0].set_xlim(1877.5, 1905.5)
figure.supylabel("probability of the change", fontsize=10)
figure.suptitle("Relaxed switchpoints settle elsewhere", fontsize=11, x=0.01, ha="left")
