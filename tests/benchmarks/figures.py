"""A measured figure with its aim, and the table of a benchmark's figures."""

import statistics
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec


class Figure(msgspec.Struct, frozen=True):
    """One number. aim: what it should be at least or at most, None when it is only told."""

    name: str
    value: float
    unit: str
    aim: float | None = None
    side: Literal["at least", "at most"] = "at least"

    @property
    def met(self) -> bool | None:
        """Whether the aim is reached; None without an aim."""
        if self.aim is None:
            return None
        return self.value >= self.aim if self.side == "at least" else self.value <= self.aim


def at_least(name: str, value: float, unit: str, aim: float) -> Figure:
    """A figure that should not be lower than its aim."""
    return Figure(name, value, unit, aim)


def at_most(name: str, value: float, unit: str, aim: float) -> Figure:
    """A figure that should not be higher than its aim."""
    return Figure(name, value, unit, aim, "at most")


def percentile(values: Iterable[float], percent: float) -> float:
    """The smallest of the values that so many percent of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -int(-len(ordered) * percent // 100) - 1)]


def median_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median over rounds of ours / theirs: what slows the machine for a while slows both sides of a round."""
    return statistics.median(our / their for our, their in zip(ours, theirs, strict=True))


def table(figures: Sequence[Figure]) -> str:
    """The figures as aligned lines."""
    rows = [(figure.name, _number(figure.value), figure.unit, _aim(figure)) for figure in figures]
    name, value, unit = (max(len(row[column]) for row in rows) for column in range(3))
    lines = (f"  {row[0]:<{name}}  {row[1]:>{value}} {row[2]:<{unit}}  {row[3]}".rstrip() for row in rows)
    return "\n".join(lines)


def _aim(figure: Figure) -> str:
    if figure.aim is None:
        return ""
    sign = ">=" if figure.side == "at least" else "<="
    return f"aim {sign} {_number(figure.aim)}: {'met' if figure.met else 'MISSED'}"


def _number(value: float) -> str:
    if float(value).is_integer() and abs(value) >= 1:
        return f"{value:,.0f}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.1f}" if abs(value) >= 20 else f"{value:.3f}"
