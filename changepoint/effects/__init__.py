"""Effects: what shifts every row, whatever its segment. Reached as `effects.Weekday` and so on.

To add one: a file, or a class beside its kin, with one subclass of `Effect`, and a line here.
"""

from collections.abc import Mapping
from typing import Any

from changepoint.effects.base import Design as Design
from changepoint.effects.base import Effect as Effect
from changepoint.effects.covariate import Covariate as Covariate
from changepoint.effects.drift import Drift as Drift
from changepoint.effects.holidays import Holidays as Holidays
from changepoint.effects.looking import SEASONS as SEASONS
from changepoint.effects.looking import likely as likely
from changepoint.effects.looking import seasons_of as seasons_of
from changepoint.effects.memory import Memory as Memory
from changepoint.effects.pulse import Pulse as Pulse
from changepoint.effects.seasons import Hourly as Hourly
from changepoint.effects.seasons import Monthly as Monthly
from changepoint.effects.seasons import Weekday as Weekday
from changepoint.effects.seasons import Yearly as Yearly

EFFECTS: dict[str, type[Effect]] = {
    effect.name: effect
    for effect in (Weekday, Monthly, Yearly, Hourly, Pulse, Covariate, Holidays, Memory, Drift)
}


def effect_of(told: Mapping[str, Any]) -> Effect:
    """Return the effect that its `to_dict` told of."""
    settings = dict(told)
    return EFFECTS[settings.pop("name")](**settings)
