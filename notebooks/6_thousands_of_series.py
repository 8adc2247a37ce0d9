# %% [markdown]
# # Thousands of series
#
# Two thousand clinics, a death rate each. Which of them changed, and how many of those that
# you name didn't?

# %%
import tempfile
import warnings
from pathlib import Path
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt

import changepoint as cp
from changepoint import batch
from changepoint.batch.report import write

# %%
warnings.simplefilter("ignore", cp.DataWarning)  # December 1841 is absent from one file
folder = tempfile.TemporaryDirectory()
out = Path(folder.name)

# %% [markdown]
# ## A folder of CSV files
#
# Each file is a series. Where it isn't clear which column is which, its row says so; the rest
# go on.

# %%
done = batch.run("data/*.csv", None, out / "files")
files = batch.read(out / "files")
files[["series", "status", "n", "probability_of_change", "number", "largest_change"]]

# %%
print(fill(files.loc[files["status"] != "ok", "error"].iloc[1], 96))

# %%
columns = {"count": "cancelled", "trials": "scheduled"}
batch.run("data/nyc_flights_2013.csv", None, out / "flights", columns=columns)
batch.read(out / "flights")[["series", "status", "probability_of_change", "largest_change"]]

# %% [markdown]
# ## Two thousand clinics
#
# To count false alarms one must know the truth, so the deaths are simulated: Semmelweis's real
# births by month, a rate for each clinic, and in one of ten a change at a month of its own.

# %%
rng = np.random.default_rng(1847)
births = cp.read_csv("data/semmelweis.csv").trials
births = births[np.isfinite(births)].astype(int)
N, T = 2000, len(births)
changed = rng.random(N) < 0.1
place = np.where(changed, rng.integers(6, T - 5, N), T)  # T: never
ratio = np.exp(rng.choice([-1, 1], N) * rng.uniform(0.1, 1.0, N))
base = 0.1 * np.exp(rng.normal(0, 0.4, N))
rate = base[:, None] * np.where(np.arange(T) >= place[:, None], ratio[:, None], 1)
deaths = rng.binomial(births, np.minimum(rate, 1))

# %%
long = {"clinic": np.repeat(np.arange(N), T), "month": np.tile(np.arange(T), N)}
long |= {"births": np.tile(births, N), "deaths": deaths.ravel()}
pd.DataFrame(long).to_parquet(out / "clinics.parquet")
model = cp.Model(cp.likelihoods.Binomial())
done = batch.run(out / "clinics.parquet", model, out / "clinics", by="clinic")
print(done.series, "series,", done.failed, "failed,", done.flagged, "flagged")
print(f"share that changed: {done.share_changed:.3f}, in truth {changed.mean():.3f}")

# %% [markdown]
# ## Flags against the truth
#
# Flags keep the expected share of false alarms at 0.05: they learn from all series how rare
# changes are. "Above 0.95 at even odds" doesn't know: where few clinics change, more of
# those it names are false.


# %%
def judge(name):
    """Who is named, wrongly named and missed, by flags and by even odds."""
    found = batch.read(out / name).astype({"clinic": int})
    truth = changed[found["clinic"]]
    rules = {"flagged": found["flagged"], "above 0.95": found["probability_of_change"] > 0.95}
    rows = [(sum(named), sum(named & ~truth), sum(~named & truth)) for named in rules.values()]
    return pd.DataFrame(rows, list(rules), ["named", "false", "missed"])


few = ~changed | (np.cumsum(changed) % 20 == 0)  # every twentieth of those that changed
pd.DataFrame(long)[np.repeat(few, T)].to_parquet(out / "few.parquet")
done = batch.run(out / "few.parquet", model, out / "few", by="clinic")
pd.concat({"1 in 10 changed": judge("clinics"), "1 in 200": judge("few")})

# %% [markdown]
# ## When
#
# Deaths per birth, by quarter, against the clinic's own average: red above, blue below. Left:
# as many clinics, as they come. Right: those flagged, in the order of the month that was found.

# %%
quarter = np.arange(0, T, 3)
own = np.add.reduceat(deaths, quarter, axis=1) / np.add.reduceat(births, quarter)
relative = np.log2((own + 0.01) / (own.mean(axis=1, keepdims=True) + 0.01))


# %%
flagged = batch.read(out / "clinics").query("flagged").astype({"clinic": int})
flagged["row"] = flagged["largest_change"].astype(int)
flagged = flagged.sort_values("row")
panels = {"as they come": np.arange(len(flagged)), "flagged, by month": flagged["clinic"]}
figure, axes = plt.subplots(1, 2, figsize=(9, 5), sharey=True, layout="constrained")
for ax, (title, clinics) in zip(axes, panels.items(), strict=True):
    colors = {"cmap": plt.get_cmap("RdBu_r", 9), "vmin": -1, "vmax": 1}
    ax.imshow(relative[clinics], aspect="auto", interpolation="nearest", **colors)
    ax.set_title(title, fontsize=10, loc="left")
    ax.set(xlabel="quarter", ylabel="clinic")

# %% [markdown]
# ## The report
#
# One HTML page that loads nothing, like `changepoint report DIR`; here in a temporary folder.

# %%
page = write(out / "clinics")
print(page.relative_to(out), f"{page.stat().st_size / 1e6:.1f} MB")
folder.cleanup()
