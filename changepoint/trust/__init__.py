"""How far an answer can be trusted: what would have been found, and what would have been told.

`power` says before there are data how small a change would be found.
"""

from changepoint.trust.detection import Share as Share
from changepoint.trust.detection import Smallest as Smallest
from changepoint.trust.planning import Power as Power
from changepoint.trust.planning import PowerAt as PowerAt
from changepoint.trust.planning import power as power
