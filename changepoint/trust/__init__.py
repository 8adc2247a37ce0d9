"""How far an answer can be trusted: what would have been found, and what would have been told.

`power` says before there are data how small a change would be found; `certificate` what an
answer is worth; `calibrate` the threshold on P(any change) that few data without one pass.
`Posterior.checks` returns a `Check` for each way in which the model may not fit.
"""

from changepoint.trust.calibrating import Calibration as Calibration
from changepoint.trust.calibrating import Threshold as Threshold
from changepoint.trust.calibrating import calibrate as calibrate
from changepoint.trust.certifying import Certificate as Certificate
from changepoint.trust.certifying import certificate as certificate
from changepoint.trust.detection import Delay as Delay
from changepoint.trust.detection import FoundAt as FoundAt
from changepoint.trust.detection import Share as Share
from changepoint.trust.detection import Smallest as Smallest
from changepoint.trust.planning import Power as Power
from changepoint.trust.planning import PowerAt as PowerAt
from changepoint.trust.planning import power as power
from changepoint.trust.predictive import Check as Check
