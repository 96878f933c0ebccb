"""Values over steps in a buffer that grows: what a chart draws and a run fills."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Curve:
    """Values over steps, ascending. Appending costs nothing but now and then a copy."""

    def __init__(self, columns: int) -> None:
        self._rows = np.empty((256, columns + 1))
        self.count = 0

    def put(self, step: int, *values: float) -> None:
        """Add values at a step; what is there from that step on is forgotten."""
        self.forget(step)
        if self.count == len(self._rows):
            self._rows = np.concatenate([self._rows, np.empty_like(self._rows)])
        self._rows[self.count] = (step, *values)
        self.count += 1

    def forget(self, step: int) -> None:
        """Drop what is there from a step on."""
        while self.count and self._rows[self.count - 1, 0] >= step:
            self.count -= 1

    @property
    def steps(self) -> Array:
        """The steps; a view that holds until the next put."""
        return self._rows[: self.count, 0]

    def values(self, column: int = 0) -> Array:
        """A column of values; a view that holds until the next put."""
        return self._rows[: self.count, column + 1]

    def last(self, column: int = 0) -> float | None:
        return float(self._rows[self.count - 1, column + 1]) if self.count else None

    def at(self, step: float, column: int = 0) -> tuple[int, float] | None:
        """The value nearest to a step, and the step it is of."""
        if not self.count:
            return None
        place = int(np.argmin(np.abs(self.steps - step)))
        return int(self.steps[place]), float(self.values(column)[place])
