"""What is found in simulated series, in words."""

from __future__ import annotations

from changepoint.report.numbers import number
from changepoint.trust import Power, Share, Smallest


def percent(value: Share) -> str:
    """Return a share with its standard error.

    >>> percent(Share(0.123, 0.0104))
    '12.3 % (+-1.0)'
    """
    return f"{100 * value.share:.1f} % (+-{100 * value.error:.1f})"


def factor(value: Smallest) -> str:
    """Return a ratio with its standard error.

    >>> factor(Smallest(1.2345, 0.021))
    'x1.23 (+-0.02)'
    """
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
