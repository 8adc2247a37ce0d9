"""What the columns of a batch's tables mean: the reference is made of this."""

from __future__ import annotations

from changepoint.batch.schema import INTERVALS
from changepoint.report.json_schema import CHANGE

ABOUT: dict[str, str] = {
    name: told["description"] for name, told in CHANGE["properties"].items() if name != "others"
}
ABOUT |= {
    "series": "Name of the series: its file, or its values of the key columns.",
    "file": "The file it comes from.",
    "line": "First line of it there, from 1; of Parquet, the row.",
    "n": "Rows with data.",
    "missing": "Rows without, among them rows absent from the grid of dates.",
    "start": "Time of the first row.",
    "end": "Time of the last row.",
    "probability_of_change": "P(any change), with the prior of the model.",
    "probability_in_batch": "P(any change), with the share of series that changed, as "
    "estimated from the whole batch, for prior.",
    "flagged": "Whether it stands out: the expected share of false alarms among all flagged "
    "series is at most the rate asked for (--fdr).",
    "number": "Most probable number of changes.",
    "number_probability": "P(this number of changes).",
    "first_change": "Time of the first change.",
    "last_change": "Time of the last change.",
    "largest_change": "Time of the largest of the changes that are sure (probability of at "
    "least 0.95), or of all where none is: by ratio, or by difference where not all have a "
    "ratio. The columns from probability to probability_of_increase are about it.",
    "credible_set": "The smallest set of times that holds 95 % of where the change was.",
    "impact": "What the largest change did, by which flagged series are ranked. Of counts: how "
    "many more events there were (fewer, if negative) than at the rate before, which is its "
    "difference times the trials, the exposure or the rows from then to the next change or the "
    "end. Of rates and values: its difference in standard deviations of the data about their "
    "mean.",
    "log_evidence": "log p(y | model).",
    "log_bayes_factor": "log p(y | some change) - log p(y | no change); empty where the model "
    "knows which.",
    "model": "The model, priors filled.",
    "warnings": "What was noticed, a line each.",
    "status": "ok, access_error, data_error, model_error, engine_error or worker_lost.",
    "error": "What went wrong, and what to do about it.",
    "part": "File of parts/ that holds the series, from 0. Parquet only.",
    "row": "Its row there, from 0. Parquet only.",
}
for _name in INTERVALS:
    ABOUT[f"{_name}_lower"] = "Lower end of its central 95 %."
    ABOUT[f"{_name}_upper"] = "Upper end of its central 95 %."
