"""The answer: a thin reader around one DataTree in ArviZ's schema."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from changepoint.errors import DataError
from changepoint.likelihoods import Likelihood
from changepoint.model import Model
from changepoint.observations import ROLES, Observations
from changepoint.own_model import OwnModel
from changepoint.results import Result, to_tree
from changepoint.trajectories import GROUPS, built, trajectories

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from matplotlib.axes import Axes

    from changepoint.report.comparison import Comparison
    from changepoint.report.look import Picture, Size
    from changepoint.report.tables import Change

Floats = NDArray[np.float64]


class Posterior:
    """What is known about the changes after seeing the data.

    Parameters
    ----------
    source
        A DataTree that `save` wrote or an engine made; engines give arrays, which become a
        tree when it is first asked for.

    Examples
    --------
    >>> from changepoint import Model, fit, likelihoods, read_csv
    >>> posterior = fit(Model(likelihoods.Normal()), read_csv("data/nile.csv"))
    >>> round(posterior.probability_of_change, 3)
    1.0
    >>> posterior.changes[0].time
    1899
    """

    def __init__(self, source: xr.DataTree | Result) -> None:
        self._source = source

    @cached_property
    def tree(self) -> xr.DataTree:
        """The DataTree: posterior, exact, observed_data, constant_data, and more.

        `az.summary`, `az.plot_trace_dist` and the rest of ArviZ take it as it is. What is
        large and seldom needed is added by `build`.
        """
        return to_tree(self._source) if isinstance(self._source, Result) else self._source

    @cached_property
    def model(self) -> Model | OwnModel:
        """The model with all its priors filled; a description of one written in PyMC."""
        if isinstance(self._source, Result):
            return self._source.model
        told = json.loads(self.tree.attrs["model"])
        own = told["likelihood"]["name"] == "pymc"
        return OwnModel.from_dict(told) if own else Model.from_dict(told)

    @cached_property
    def observations(self) -> Observations:
        """The data."""
        if isinstance(self._source, Result):
            return self._source.observations
        data, attrs = self.tree["constant_data"].dataset, self.tree.attrs
        columns: dict[str, Any] = {role: data[role].values for role in ROLES if role in data}
        if "outcomes" in data:
            columns["outcome_names"] = [str(name) for name in data["outcome"].values]
        return Observations(
            **columns,
            time=data["time"].values if attrs["has_time"] else None,
            file=attrs["file"] or None,
            columns=json.loads(attrs["columns"]),
        )

    @property
    def engine(self) -> dict[str, Any]:
        """Which engine, its settings, seed and diagnostics."""
        told: dict[str, Any] = json.loads(self.tree.attrs["engine"])
        return told

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was noticed while reading, checking and fitting."""
        return tuple(json.loads(self.tree.attrs["warnings"]))

    @property
    def log_evidence(self) -> float | None:
        """Log p(y | model), parameters and changes summed out; None if an engine has none."""
        told = self.marginals
        return float(told["log_evidence"]) if "log_evidence" in told else None

    @property
    def number_probability(self) -> Floats:
        """P(k changes), shape (K + 1,)."""
        values: Floats = self.marginals["number_probability"].values
        return values

    @property
    def number(self) -> int:
        """The most probable number of changes."""
        return int(self.number_probability.argmax())

    @property
    def probability_of_change(self) -> float:
        """P(any change)."""
        return max(float(1 - self.number_probability[0]), 0.0)

    @property
    def change_probability(self) -> pd.Series:
        """P(a change stands at the row), by time, shape (T,)."""
        series: pd.Series = self.marginals["change_probability"].to_series()
        return series

    @property
    def marginals(self) -> xr.Dataset:
        """Probabilities of changes, the parameter by row and segment.

        The group `exact` of the tree; `sampled`, estimated from draws, under a sampler, which
        has the exact answer beside it where there is one.
        """
        return self.tree["sampled" if "sampled" in self.tree.children else "exact"].dataset

    @property
    def converged(self) -> bool:
        """Whether the draws can be trusted; always true of the exact engine."""
        return bool(self.tree.attrs["converged"])

    @property
    def candidates(self) -> pd.DataFrame:
        """The models that were averaged over, the most probable first; empty for one model.

        Evidence, posterior probability, P(any change), most probable number of changes (NaN
        and -1 where a model's own probability is below one in a million), whether it allows no
        change at all, and priors.
        """
        import pandas as pd

        told = json.loads(self.tree.attrs.get("candidates", "[]"))
        families = [_family(one["likelihood"]) for one in told]
        names = ("log_evidence", "probability", "probability_of_change", "number", "steady")
        columns: dict[str, Any] = {name: [one[name] for one in told] for name in names}
        columns["priors"] = [str(family) for family in families]
        index = pd.Index([family.title for family in families], name="model")
        return pd.DataFrame(columns, index=index)

    @property
    def likelihoods(self) -> tuple[Likelihood, ...]:
        """The family, priors filled; of an average all of them, the most probable first."""
        told = json.loads(self.tree.attrs.get("candidates", "[]"))
        if told:
            return tuple(_family(one["likelihood"]) for one in told)
        model = self.model
        return (model.likelihood,) if isinstance(model, Model) else ()

    @property
    def varied(self) -> Likelihood:
        """The family of `sensitivity`: of an average, the most probable that allows changes."""
        steady = self.candidates["steady"] if len(self.candidates) else [False]
        allowing = zip(self.likelihoods, steady, strict=True)
        return next(family for family, never in allowing if not never)

    @cached_property
    def sensitivity(self) -> dict[float, float]:
        """P(any change) by how many times as strong the prior of the parameter is.

        Of the most probable model, where several were averaged over. A prior twice as strong
        is worth twice as many observations. Empty where the number of changes is given, for
        samplers, for priors without a strength (Uniform) and for more than 5,000 rows.
        """
        from changepoint.engines.sensitivity import probability_by_strength

        if self.engine["name"] != "exact" or not self.likelihoods:
            return {}
        p, found = self.probability_of_change, self.candidates
        if len(found):
            p = float(found["probability_of_change"][~found["steady"]].iloc[0])
        model = Model(self.varied, self.model.changes)
        return probability_by_strength(model, self.observations, p)

    @cached_property
    def changes(self) -> list[Change]:
        """The changes, given their most probable number, in order of time."""
        from changepoint.report.tables import changes

        return changes(self)

    def summary(self) -> pd.DataFrame:
        """Return a row per change: when, how sure, from what to what."""
        from changepoint.report.tables import frame

        return frame(self)

    def sentence(self) -> str:
        """Return the answer in words: did it change, when, from what to what, how sure."""
        from changepoint.report.tables import sentence

        return sentence(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as plain numbers and text: what `changepoint fit --json` prints."""
        from changepoint.report.tables import to_dict

        return to_dict(self)

    def plot(self, size: Size = "screen") -> Picture:
        """Return a figure: data with the band of the parameter, and when each change was.

        Parameters
        ----------
        size
            "screen", "paper" (the text's width of an A4 page) or "slide" (16 to 9).

        Raises
        ------
        DataError
            If there is no such size.
        """
        from changepoint.report.plots import plot

        return plot(self, size)

    def plot_rate(self, ax: Axes | None = None) -> Axes:
        """Draw data, mean and 95 % band by time, and under the data where changes are.

        The heights under the data are relative to the most probable row, times P(any change).

        Parameters
        ----------
        ax
            Where to draw; without, a new figure of pyplot. So in all of `plot_...`.

        Examples
        --------
        >>> from matplotlib.figure import Figure
        >>> from changepoint import fit, read_csv
        >>> posterior = fit(None, read_csv("data/coal_disasters.csv"))
        >>> left, right = Figure().subplots(1, 2)
        >>> posterior.plot_rate(ax=left).get_ylabel(), posterior.plot_number(ax=right) is right
        ('disasters', True)
        """
        from changepoint.report.plots import plot_rate

        return plot_rate(self, ax)

    def plot_changes(self, ax: Axes | None = None) -> Axes:
        """Draw P(a change stands here) by time; what lies in a credible set is coloured.

        Numbers name the changes of `summary()`, where there are several.
        """
        from changepoint.report.plots import plot_changes

        return plot_changes(self, ax)

    def plot_number(self, ax: Axes | None = None) -> Axes:
        """Draw P(k changes): bars after, lines before the data."""
        from changepoint.report.plots import plot_number

        return plot_number(self, ax)

    def plot_prior(self, parameter: str | None = None, ax: Axes | None = None) -> Axes:
        """Draw a parameter's prior against its posterior, by segment.

        Given the most probable number of changes. Densities are kernel estimates of draws.

        Parameters
        ----------
        parameter
            Its name, such as "rate" or "dispersion"; the one that changes, when None.
        ax
            Where to draw; without, a new figure of pyplot.

        Raises
        ------
        DataError
            If there is no such parameter.
        """
        from changepoint.report.prior_plot import plot_prior

        return plot_prior(self, parameter, ax)

    def plot_compare(self, other: Posterior, ax: Axes | None = None) -> Axes:
        """Draw this posterior and another of the same data over each other.

        Raises
        ------
        DataError
            If the data differ.
        """
        from changepoint.report.comparison import plot_compare

        return plot_compare(self, other, ax)

    def compare(self, other: Posterior) -> Comparison:
        """Return this posterior and another of the same data side by side.

        Raises
        ------
        DataError
            If the data differ.

        Examples
        --------
        >>> from changepoint import Model, fit, likelihoods, priors, read_csv
        >>> data = read_csv("data/nile.csv")
        >>> default = fit(Model(likelihoods.Normal()), data)
        >>> wide = likelihoods.Normal(level=priors.Normal(900, 1000))
        >>> default.compare(fit(Model(wide), data)).table.loc["number of changes"].tolist()
        [1.0, 1.0, 0.0]
        """
        from changepoint.report.comparison import compare

        return compare(self, other)

    def probability_between(self, first: Any, last: Any) -> float:
        """Return P(some change stands between two times, both included).

        Exact where the engine is; from the draws otherwise.

        Parameters
        ----------
        first, last
            Dates, numbers, or rows where the data have no times.
        """
        time = self.observations.time
        stamps = np.arange(len(self.observations)) if time is None else time
        low, high = (self._place(end, stamps.dtype.kind == "M") for end in (first, last))
        rows = (stamps >= low) & (stamps <= high)
        if self.engine["name"] == "exact":
            from changepoint.engines.exact import probability_inside

            model = self.model
            assert isinstance(model, Model)  # no other has an exact posterior
            return probability_inside(model, self.observations, rows)
        changed = self.trajectories()["changed"].values
        return float(changed[..., rows].any(axis=-1).mean())

    def _place(self, end: Any, dates: bool) -> Any:
        """Return a time given by the user as one that compares with those of the data."""
        try:
            place = np.asarray(end)
            if dates and place.dtype.kind not in "MUO":
                raise TypeError
            place = place.astype("datetime64[us]" if dates else np.float64)
            if place.ndim or not np.isfinite(place):
                raise TypeError
        except (TypeError, ValueError):
            like = self.observations.label(0)
            raise DataError(
                f"first and last must be times such as {like}, not {end!r}"
            ) from None
        return place

    def trajectories(self, draws: int | None = None) -> xr.Dataset:
        """Return draws by time: `changed` (int8) and parameters, (chain, draw, time).

        Parameters
        ----------
        draws
            How many of each chain's draws; all, when None. They are large: T numbers each.
        """
        return trajectories(self.tree, self.model.likelihood.parameter, draws)

    def build(self, *groups: str) -> xr.DataTree:
        """Add groups to the tree, unless they are there, and return it.

        Parameters
        ----------
        groups
            Of `log_likelihood`, `posterior_predictive` and `prior`.

        Raises
        ------
        DataError
            If there is no such group, or if the model is PyMC's and was not saved with the
            posterior.

        Examples
        --------
        `az.loo(posterior.build("log_likelihood"))`
        """
        for name in groups:
            if name not in GROUPS:
                raise DataError(f"can't build {name!r}; there are {', '.join(GROUPS)}")
            if name not in self.tree.children:
                self.tree[name] = self._built(name)
        return self.tree

    def _built(self, name: str) -> xr.Dataset:
        model = self.model
        if isinstance(model, Model):
            return built(name, self.tree, model, self.observations)
        from changepoint.sampling.groups import built_by_pymc

        pm_model = self._source.pm_model if isinstance(self._source, Result) else None
        return built_by_pymc(name, self.tree, pm_model)

    def save(self, path: str | Path) -> None:
        """Write the tree to a .nc (netCDF) file or a .zarr folder.

        Raises
        ------
        DataError
            If the name ends otherwise, the file can't be written, or .zarr lacks its package.
        """
        path = Path(path)
        if path.suffix not in (".nc", ".zarr"):
            raise DataError(f"can't save to {path.name!r}: the name must end in .nc or .zarr")
        _require_zarr(path)
        try:
            if path.suffix == ".zarr":
                self.tree.to_zarr(path, mode="w", consolidated=False)
            else:
                self.tree.to_netcdf(path, engine="h5netcdf")
        except OSError as error:
            raise DataError(f"can't write {path}: {error}") from None

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Return what `save` wrote.

        Raises
        ------
        DataError
            If there is no such file, or it isn't a posterior.
        """
        import xarray as xr

        path = Path(path)
        options: dict[str, Any] = {"engine": "h5netcdf"}
        if path.suffix == ".zarr":
            options = {"engine": "zarr", "consolidated": False}
        # Nanoseconds would neither be what was saved nor reach beyond 1678 and 2262.
        options["decode_times"] = xr.coders.CFDatetimeCoder(time_unit="us")
        if not path.exists():
            raise DataError(f"there is no file {path.name!r}")
        _require_zarr(path)
        try:
            with xr.open_datatree(path, **options) as stored:
                tree = stored.load()
        except Exception as error:  # whatever a damaged file makes the readers raise
            raise DataError(f"{path.name!r} can't be read as a posterior: {error}") from None
        if tree.attrs.get("created_by") != "changepoint":
            raise DataError(f"{path.name!r} isn't a posterior that changepoint saved")
        return cls(tree)

    def __str__(self) -> str:
        from changepoint.report.tables import text

        return text(self)

    def __repr__(self) -> str:
        return f"Posterior: {self.sentence()}"

    def _repr_html_(self) -> str:
        from changepoint.report.html import fragment

        return fragment(self)


def _family(told: dict[str, Any]) -> Likelihood:
    """Return the likelihood that `to_dict` told of."""
    return Model.from_dict({"likelihood": told, "changes": {}}).likelihood


def _require_zarr(path: Path) -> None:
    from importlib.util import find_spec

    if path.suffix == ".zarr" and find_spec("zarr") is None:
        raise DataError(
            f"{path.name!r} needs zarr, which isn't installed: pip install "
            "'changepoint-toolkit[zarr]'; a .nc file needs nothing more"
        )
