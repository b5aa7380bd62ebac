"""How a curve bends: what a straight line, two lines that meet, or a steady quickening leave of it unexplained.

Least squares, by columns made orthogonal one after another (Gram-Schmidt); three of them, well apart, are enough here.
Pure, of numbers only.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import mul

FLAT = 1e-9  # of a column's length: what is left of it tells nothing new
QUICK_CELLS = 20  # fewer do not tell a parabola from two lines
OF_LINE = 0.2  # of the squares about the best line: what a parabola must leave at most
OF_HINGE = 0.7  # and of those about the best two lines that meet: a leak that began late is no quickening
HINGES = 12  # places that are tried
STARTS = (0.0, 0.2, 0.4)  # of the curve, tried in this order: what it did first may be another story


class Fit:
    """A straight line through values at times, and what one more column would add to it."""

    def __init__(self, at: Sequence[float], values: Sequence[float]) -> None:
        self._basis: list[list[float]] = []
        self.left = list(values)
        for column in ([1.0] * len(at), at):
            own, norm = self._own(column)
            if norm > FLAT:
                own = [a / norm for a in own]
                self._basis.append(own)
                share = sum(map(mul, self.left, own))
                self.left = [a - share * b for a, b in zip(self.left, own, strict=True)]
        self.squares = sum(map(mul, self.left, self.left))

    def adding(self, column: Sequence[float]) -> tuple[float, float]:
        """The squares that are left with this column, and its coefficient then."""
        own, norm = self._own(column)
        if norm <= FLAT:
            return self.squares, 0.0
        share = sum(map(mul, self.left, own)) / norm
        return max(self.squares - share * share, 0.0), share / norm

    def _own(self, column: Sequence[float]) -> tuple[list[float], float]:
        own = list(column)
        for known in self._basis:
            share = sum(map(mul, own, known))
            own = [a - share * b for a, b in zip(own, known, strict=True)]
        return own, sum(map(mul, own, own)) ** 0.5


def quickening(cells: Sequence[float]) -> tuple[float, float] | None:
    """The slope at the end, per cell, and by how much it rises with each; None: it does not grow ever faster."""
    for share in STARTS:
        found = _parabola(cells[round(share * len(cells)) :])
        if found is not None:
            return found
    return None


def _parabola(cells: Sequence[float]) -> tuple[float, float] | None:
    n = len(cells)
    if n < QUICK_CELLS:
        return None
    at = [i / (n - 1) for i in range(n)]
    line = Fit(at, [value - cells[0] for value in cells])
    left, bend = line.adding([moment * moment for moment in at])
    if bend <= 0 or left > OF_LINE * line.squares:
        return None
    hinges = (line.adding([max(moment - i / HINGES, 0.0) for moment in at])[0] for i in range(1, HINGES))
    if left > OF_HINGE * min(hinges):
        return None
    # Of c + s t + b t^2 the line through both ends has the slope s + b.
    first = sum(cells[: n // 5]) / (n // 5)
    last = sum(cells[-(n // 5) :]) / (n // 5)
    middle = (n // 5 - 1) / 2 / (n - 1)
    begin = (last - first) / (1 - 2 * middle) - bend
    if begin < 0:
        return None  # it fell at first
    return (begin + 2 * bend) / (n - 1), 2 * bend / (n - 1) ** 2
