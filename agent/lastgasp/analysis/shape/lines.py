"""Straight lines through evenly spaced values: where one ends and the next begins, and whether they rise.

``split`` cuts a curve into the few straight pieces that explain it best (dynamic programming over sums of squares,
O(n^2) for the small n it is used with). ``slope`` and ``agreement`` are robust against outliers: the median of the
slopes between all pairs (Theil-Sen), and how many of the pairs rise rather than fall (Kendall's tau).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from statistics import median

PENALTY = 8.0  # a further piece must explain so many variances x log(n)
NOISE_LEAST = 0.01  # of the range: below, a bend is not worth a piece
MAD_TO_SIGMA = 1.4826


@dataclass(frozen=True, slots=True)
class Piece:
    """Values ``start`` up to before ``end``, and the least-squares line through them."""

    start: int
    end: int
    first: float  # the line's value at start
    last: float  # and at end - 1

    @property
    def rise(self) -> float:
        """How far the line climbs."""
        return self.last - self.first


class _Sums:
    """Sums of squares about the best line through any stretch, in constant time."""

    def __init__(self, values: Sequence[float]) -> None:
        least = min(values)
        self.values = [value - least for value in values]
        self.least = least
        self.y, self.xy, self.yy = [0.0], [0.0], [0.0]
        for x, value in enumerate(self.values):
            self.y.append(self.y[-1] + value)
            self.xy.append(self.xy[-1] + x * value)
            self.yy.append(self.yy[-1] + value * value)

    def fit(self, start: int, end: int) -> tuple[float, float, float]:
        """Squares about the line, and the line's values at its two ends."""
        n = end - start
        y, yy = self.y[end] - self.y[start], self.yy[end] - self.yy[start]
        xy = self.xy[end] - self.xy[start] - start * y  # x counted from start
        x, xx = n * (n - 1) / 2, (n - 1) * n * (2 * n - 1) / 6
        below = n * xx - x * x
        slope = (n * xy - x * y) / below if below else 0.0
        at = (y - slope * x) / n
        squares = max(yy - at * y - slope * xy, 0.0)
        return squares, at + self.least, at + slope * (n - 1) + self.least


def split(values: Sequence[float], least: int, most: int) -> list[Piece]:
    """Cut into at most ``most`` straight pieces of at least ``least`` values each."""
    n = len(values)
    sums = _Sums(values)
    price = PENALTY * _noise(values) ** 2 * log(max(n, 3))
    # best[k][end]: cost of values[:end] in k + 1 pieces, and where the last of them starts
    best = [{end: (sums.fit(0, end)[0], 0) for end in range(min(least, n), n + 1)}]
    for k in range(1, most):
        row = {}
        for end in range(least * (k + 1), n + 1):
            row[end] = min(
                (best[k - 1][start][0] + sums.fit(start, end)[0] + price, start)
                for start in range(least * k, end - least + 1)
            )
        best.append(row)
    k = min((row[n][0], k) for k, row in enumerate(best) if n in row)[1]
    pieces = []
    end = n
    while end:
        start = best[k][end][1] if k else 0
        _, first, last = sums.fit(start, end)
        pieces.append(Piece(start, end, first, last))
        end, k = start, k - 1
    return pieces[::-1]


def _noise(values: Sequence[float]) -> float:
    """Standard deviation of what is no trend; never quite zero."""
    return max(roughness(values), NOISE_LEAST * (max(values) - min(values)), 1.0)


def roughness(values: Sequence[float]) -> float:
    """Standard deviation of noise on a smooth curve, from second differences; 0 for fewer than three values."""
    bends = [abs(values[i] - 2 * values[i + 1] + values[i + 2]) for i in range(len(values) - 2)]
    return MAD_TO_SIGMA * median(bends) / 6**0.5 if bends else 0.0


def slope(values: Sequence[float]) -> float:
    """The median slope between all pairs, per step; 0 for fewer than two values."""
    n = len(values)
    slopes = [(values[j] - values[i]) / (j - i) for i in range(n) for j in range(i + 1, n)]
    return median(slopes) if slopes else 0.0


def agreement(values: Sequence[float]) -> tuple[float, float]:
    """Kendall's tau against time (-1 falls throughout, 1 rises throughout), and how many sigmas that is from chance."""
    n = len(values)
    pairs = n * (n - 1) / 2
    if not pairs:
        return 0.0, 0.0
    score = sum((values[j] > values[i]) - (values[j] < values[i]) for i in range(n) for j in range(i + 1, n))
    sigma = (n * (n - 1) * (2 * n + 5) / 18) ** 0.5
    return score / pairs, score / sigma


def scatter(values: Sequence[float], per_step: float) -> float:
    """Standard deviation of the values about their line of this slope, robustly."""
    bare = [value - per_step * i for i, value in enumerate(values)]
    middle = median(bare)
    return MAD_TO_SIGMA * median([abs(value - middle) for value in bare])
