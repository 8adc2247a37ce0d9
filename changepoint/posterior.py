"""The answer that users hold: numbers, with words, figures and files."""

from __future__ import annotations

from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from changepoint.answer import Answer
from changepoint.results.files import load, save

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from changepoint.report.comparison import Comparison
    from changepoint.report.figure_style import Picture, Size
    from changepoint.trust import Certificate
    from changepoint.trust.predictive import Check


class Posterior(Answer):
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

    def told_per(self, per: float | None) -> Self:
        """Return this answer with its rates told per so many: words, tables, figures, pages.

        By default they are in percent, per 1,000 or per 100,000, by the largest of them; of
        events by exposure as they are, unless small. Numbers of `changes`, `summary()` and the
        JSON stay rates as such, and so does what is drawn on Axes: their labels alone differ.

        Parameters
        ----------
        per
            Such as 1000; 100 is percent, 1 the rates as they are, None the default.

        Raises
        ------
        DataError
            If it is no number above 0, or what changed is no rate.

        Examples
        --------
        >>> from changepoint import fit, read_csv
        >>> posterior = fit(read_csv("data/conversions.csv")).told_per(1000)
        >>> "from 8.96 to 12.9 per 1,000" in posterior.headline()
        True
        """
        from changepoint.report.units import check_per

        check_per(self, per)
        other = copy(self)
        other.per = None if per is None else float(per)
        return other

    def summary(self) -> pd.DataFrame:
        """Return a row per change: when (dates as time stamps), how sure, from what to what."""
        from changepoint.report.tables import frame

        return frame(self)

    def headline(self) -> str:
        """Return the answer in one sentence for everybody; `sentence` has the numbers.

        Examples
        --------
        >>> from changepoint import fit, read_csv
        >>> print(fit(None, read_csv("data/nile.csv")).headline())
        The level of flow fell by 247 (184 to 308), from 1097 to 850, around 1899; that it
        changed at all is almost certain (99.93 %).
        """
        from changepoint.report.headline import headline

        return headline(self)

    def sentence(self) -> str:
        """Return the answer in words: did it change, when, from what to what, how sure."""
        from changepoint.report.sentences import sentence

        return sentence(self)

    def to_dict(self, certificate: Certificate | None = None) -> dict[str, Any]:
        """Return the answer as plain numbers and text: what `changepoint fit --json` prints.

        Parameters
        ----------
        certificate
            What `certificate` returned, to be told, too.
        """
        from changepoint.report.as_json import to_dict

        return to_dict(self, certificate=certificate)

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

    def plot_rate(self, ax: Axes | None = None, effects: bool = False) -> Axes:
        """Draw data, mean and 95 % band by time, and under the data where changes are.

        The heights under the data are relative to the most probable row, times P(any change).

        Parameters
        ----------
        ax
            Where to draw, one Axes; without, a new figure of pyplot. So in all of `plot_...`.
        effects
            Whether to draw the mean with likely effects, too: the level and its band are
            without them.

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

        return plot_rate(self, ax, effects)

    def plot_changes(self, ax: Axes | None = None) -> Axes:
        """Draw P(a change stands here) by time; what lies in a credible set is coloured.

        Numbers name the changes of `summary()`, where there are several.
        """
        from changepoint.report.plots import plot_changes

        return plot_changes(self, ax)

    def plot_effects(self, ax: Axes | None = None) -> Axes:
        """Draw what all rows share, such as days of the week: mean and 95 % interval by term.

        Of the effects that are rather there than not, or else of all; in percent of a rate.

        Raises
        ------
        DataError
            If the model has no effects.
        """
        from changepoint.report.effect_plot import plot_effects

        return plot_effects(self, ax)

    def plot_number(self, ax: Axes | None = None) -> Axes:
        """Draw P(k changes): bars after, lines before the data."""
        from changepoint.report.plots import plot_number

        return plot_number(self, ax)

    def plot_prior(self, parameter: str | None = None, ax: Axes | None = None) -> Axes:
        """Draw a parameter's prior against its posterior, by segment.

        Given the most probable number of changes. Densities are kernel estimates of draws. A
        prior that would be too low to see is drawn higher, and the legend says how many times.

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

    def plot_chart(self, target: float | None = None, ax: Axes | None = None) -> Axes:
        """Draw a control chart: p, u or c chart of counts, individuals (XmR) of others.

        The 3-sigma limits follow the trials or the exposure, and begin anew at each of
        `sure_changes()`; beside them stand Laney's, which allow for overdispersion (sigma Z).
        Points beyond them are marked, missing rows are gaps. Limits look at one row at a time:
        whether and when the level changed is what the posterior answers.

        With m the events of a stage by its trials, limits are m -+ 3 sqrt(m (1 - m) / trials),
        of events by exposure m -+ 3 sqrt(m / exposure), times sigma Z for Laney's; of other
        numbers m -+ 2.66 times the mean distance of successive rows.

        Parameters
        ----------
        target
            A level to draw, in the units of the points; its events by trials for counts.
        ax
            Where to draw; without, a new figure of pyplot.

        Raises
        ------
        DataError
            If the data are several outcomes a trial, or the target is no number.

        References
        ----------
        D. Montgomery, Introduction to Statistical Quality Control, chapters 6 and 7.
        D. Laney (2002), Improved control charts for attributes, Quality Engineering 14, 531.
        D. Wheeler (2000), Understanding Variation: XmR.

        Examples
        --------
        >>> from matplotlib.figure import Figure
        >>> from changepoint import fit, read_csv
        >>> posterior = fit(None, read_csv("data/nile.csv"))
        >>> posterior.plot_chart(target=1000, ax=Figure().subplots()).get_title(loc="left")
        'individuals chart (XmR)'
        """
        from changepoint.report.control_chart import plot_chart

        return plot_chart(self, target, ax)

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

    def certificate(
        self, runs: int = 1000, seed: int = 0, seconds: float = 10.0
    ) -> Certificate:
        """Return how often such an answer comes without a change, and what it would miss.

        Series are simulated with the data's rows, trials or exposure and missing rows: from the
        posterior given no change, and with one change of a random size at a random place. Each
        is answered under the same model, its priors as they were filled.

        Parameters
        ----------
        runs
            Series without a change, and as many with one; the smallest change isn't looked for
            in fewer than 100.
        seed
            Of the simulation.
        seconds
            Time that it may take, some seconds more or less: fewer series where the model is
            slow.

        Raises
        ------
        ModelError
            Where the number of changes is given, effects are likely, or the answer isn't exact.
        EngineError
            If there is no time for 20 series.

        Examples
        --------
        >>> from changepoint import Model, fit, likelihoods, read_csv
        >>> data = read_csv("data/coal_disasters.csv")
        >>> told = fit(Model(likelihoods.Poisson()), data).certificate(runs=200)
        >>> told.reached.share
        0.0
        """
        from changepoint.trust import certificate

        return certificate(self, runs, seed, seconds)

    def checks(self) -> list[Check]:
        """Return posterior predictive checks: whether the model could have made such data.

        Data are drawn anew from the posterior (number and places of changes, parameters and
        effects) and compared with the data: how much rows vary, the longest run on one side of
        the fitted level, the correlation of neighbours, how much weekdays differ (of at least
        three weeks by the day), and the row furthest away. Small p-values speak against the
        model; one below 0.005 has a sentence, unless that of another check says as much. They
        take up to 500 draws, of long series 400; the same data give the same. Of several
        outcomes they are about the one that is shown, of an average about the most probable
        model.

        Returns
        -------
        list of Check
            With `name`, `observed`, `expected`, `p` and `sentence`; empty below 10 rows that
            say something, and for models written in PyMC: ArviZ takes their posterior
            predictive.

        Examples
        --------
        >>> from changepoint import Model, fit, likelihoods, read_csv
        >>> checks = fit(Model(likelihoods.Normal()), read_csv("data/nile.csv")).checks()
        >>> [check.name for check in checks if check.p < 0.05]
        []
        """
        from changepoint.trust.predictive import checks

        return checks(self)

    def save(self, path: str | Path) -> None:
        """Write the tree to a .nc (netCDF) file or a .zarr folder.

        Raises
        ------
        DataError
            If the name ends otherwise, the file can't be written, or .zarr lacks its package.
        """
        save(self.tree, path)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Return what `save` wrote.

        Raises
        ------
        DataError
            If there is no such file, or it isn't a posterior.
        """
        return cls(load(path))

    def __str__(self) -> str:
        from changepoint.report.tables import text

        return text(self)

    def __repr__(self) -> str:
        return f"Posterior: {self.sentence()}"

    def _repr_html_(self) -> str:
        from changepoint.report.html import fragment

        return fragment(self)
