"""What a figure is meant to be, and whether it is: told beside each row, never a reason to fail.

A verdict is of the median as it was measured, not of what the table rounds it to, and says how far off it is either way.
"""

from typing import NamedTuple


class Target(NamedTuple):
    """`wanted` in the row's own unit; `at_most` where less is better."""

    wanted: float
    at_most: bool = False

    def holds(self, figure: float) -> bool:
        return figure <= self.wanted if self.at_most else figure >= self.wanted

    def verdict(self, figure: float) -> str:
        """yes or no, the bound, and the distance to it as a share of it."""
        sign = "≤" if self.at_most else "≥"
        off = (figure - self.wanted) / self.wanted * 100
        distance = (
            "exactly" if off == 0 else f"{abs(off):.0f} % {'over' if off > 0 else 'under'}" if abs(off) >= 1 else "within 1 %"
        )
        return f"{'yes' if self.holds(figure) else 'NO'} ({sign} {told(self.wanted)}: {distance})"


def at_least(wanted: float) -> Target:
    return Target(wanted)


def at_most(wanted: float) -> Target:
    return Target(wanted, at_most=True)


def told(value: float) -> str:
    """A figure as a table shows it: three digits or so, and all of them where there are more before the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


def percentile(ordered: list[float], share: float) -> float:
    """The nearest rank: the least of the figures (sorted) that so large a share of them does not exceed."""
    if not ordered:
        raise ValueError("no figures")
    rank = -(-len(ordered) * round(share * 10_000) // 10_000)  # rounded up, in integers: 0.99 of 100 is 99
    return ordered[max(int(rank), 1) - 1]
