"""What is found in simulated series, in words."""

from __future__ import annotations

from changepoint.report.numbers import chance, number
from changepoint.trust import Calibration, Certificate, Power, Share, Smallest


def percent(value: Share) -> str:
    """Return a share with its standard error; of none, or all, with the end of its interval.

    >>> percent(Share(0.123, 0.0104, 0.103, 0.145))
    '12.3 % (+-1.0)'
    >>> percent(Share(0.0, 0.0007, 0.0, 0.0037))
    '0 % (at most 0.4)'
    """
    if value.share == 0:
        return f"0 % (at most {100 * value.upper:.1f})"
    if value.share == 1:
        return f"100 % (at least {100 * value.lower:.1f})"
    return f"{100 * value.share:.1f} % (+-{100 * value.error:.1f})"


def factor(value: Smallest) -> str:
    """Return a ratio with its standard error, as far as that says anything.

    >>> factor(Smallest(1.2345, 0.021)), factor(Smallest(2.0, 2.16))
    ('x1.23 (+-0.02)', 'x2.00 (roughly, from so few series)')
    """
    if value.error > abs(value.ratio - 1) / 2:
        return f"x{value.ratio:.2f} (roughly, from so few series)"
    return f"x{value.ratio:.2f} (+-{max(value.error, 0.005):.2f})"


def power_text(power: Power) -> str:
    """Return what `changepoint power` prints."""
    lines = [
        f"{'ratio':>7}  {'found':<18}95 % set of its place, mean rows",
        f"{'none':>7}  {percent(power.false_alarms):<18}",
    ]
    for at in power.ratios:
        width = ""
        if at.width is not None and at.width_error is not None:
            width = f"{number(at.width)} (+-{number(at.width_error)})"
        lines.append(f"{'x' + format(at.ratio, 'g'):>7}  {percent(at.found):<18}{width}")
    lines = [line.rstrip() for line in lines]
    for kind, smallest, asked in (
        ("increase", power.smallest_increase, power.sought_up),
        ("decrease", power.smallest_decrease, power.sought_down),
    ):
        if smallest is not None:
            lines.append(
                f"The smallest {kind} found in 80 % of such series: {factor(smallest)}."
            )
        elif asked:
            lines.append(f"No {kind} that was tried is found in 80 % of such series.")
    lines.append(f"Found: P(any change) > 0.95, in {power.runs:,} series of each ratio.")
    lines.append(f"Model: {power.model}")
    return "\n".join(lines)


def certificate_text(told: Certificate) -> str:
    """Return what `changepoint fit --certificate` adds to the answer."""
    lines = [
        f"On data like these without a change, P(any change) reaches "
        f"{chance(told.probability_of_change)}, as here, in {percent(told.reached)} of "
        f"{told.runs:,} series, and 0.95 in {percent(told.false_alarms)}."
    ]
    if told.sentence is None:
        lines.append(
            "The smallest change that would be found wasn't looked for: it would have taken "
            "too long, or there is no ratio to speak of."
        )
    else:
        sizes = (told.smallest_increase, told.smallest_decrease)
        factors = [factor(size) for size in sizes if size is not None]
        exactly = f" As a ratio: {' or '.join(factors)}." if factors else ""
        lines.append(f"{told.sentence}{exactly}")
    if told.delay is not None:
        rows = f"{told.delay.rows:g} {'row' if told.delay.rows == 1 else 'rows'}"
        lines.append(
            f"Its place would be {rows} off, in the median of {told.delay.series} series that "
            f"find it (95 % interval {told.delay.lower:g} to {told.delay.upper:g})."
        )
    return "\n".join([*lines, *_left_out(told)])


def calibration_text(told: Calibration) -> str:
    """Return what `changepoint calibrate` prints."""
    lines = [
        f"Of {told.runs:,} series like the data, without a change, {100 * one.alarms:g} % have "
        f"P(any change) > {one.threshold:.3f} (95 % interval {one.lower:.3f} to "
        f"{one.upper:.3f})."
        for one in told.thresholds
    ]
    lines.append(f"P(any change) > 0.95 in {percent(told.false_alarms)} of them.")
    passed = [f"{100 * one.alarms:g} %" for one in told.thresholds if one.passed]
    p = chance(told.probability_of_change)
    which = f"above that for {' and '.join(passed)}" if passed else "below both"
    lines.append(f"Of the data themselves it is {p}: {which}.")
    return "\n".join([*lines, *_left_out(told)])


def _left_out(told: Calibration | Certificate) -> list[str]:
    if not told.left_out:
        return []
    return [
        "These series were drawn and answered without effects that are rather absent than "
        f"there ({', '.join(told.left_out)})."
    ]
