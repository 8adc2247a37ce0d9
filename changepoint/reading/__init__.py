"""Files and data frames -> Observations."""

from changepoint.reading.readers import from_frame as from_frame
from changepoint.reading.readers import read as read
from changepoint.reading.readers import read_csv as read_csv
from changepoint.reading.readers import read_parquet as read_parquet
