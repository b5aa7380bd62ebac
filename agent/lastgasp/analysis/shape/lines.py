"""Straight lines through evenly spaced values: where one ends and the next begins, and whether they rise.

``split`` cuts a curve into the few straight pieces that explain it best (dynamic programming over sums of squares, a
candidate in constant time, O(n^2) of them for the small n it is used with). ``slope`` and ``agreement`` are robust
against outliers: the median of the slopes between all pairs (Theil-Sen), and how many of the pairs rise rather than
fall (Kendall's tau).
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
    """Sums of squares about the best line through any stretch, in constant time: by running sums of the values."""

    def __init__(self, values: Sequence[float]) -> None:
        self.least = min(values)
        self.y, self.xy, self.yy = [0.0], [0.0], [0.0]
        for x, value in enumerate(values):
            above = value - self.least
            self.y.append(self.y[-1] + above)
            self.xy.append(self.xy[-1] + x * above)
            self.yy.append(self.yy[-1] + above * above)

    def fit(self, start: int, end: int) -> tuple[float, float, float]:
        """Squares about the line, and the line's values at its two ends."""
        n = end - start
        y = self.y[end] - self.y[start]
        xy = self.xy[end] - self.xy[start] - start * y  # x counted from start
        x, below = n * (n - 1) / 2, n * n * (n * n - 1) / 12
        slope = (n * xy - x * y) / below if below else 0.0
        at = (y - slope * x) / n
        squares = max(self.yy[end] - self.yy[start] - at * y - slope * xy, 0.0)
        return squares, at + self.least, at + slope * (n - 1) + self.least

    def squares(self, starts: range, end: int) -> list[float]:
        """The same squares, from each start; written out, for a split spends its time here."""
        found = []
        to_y, to_xy, to_yy = self.y[end], self.xy[end], self.yy[end]
        of = slice(starts.start, starts.stop)
        for start, from_y, from_xy, from_yy in zip(starts, self.y[of], self.xy[of], self.yy[of], strict=True):
            n = end - start
            y = to_y - from_y
            xy = to_xy - from_xy - start * y
            x, below = n * (n - 1) / 2, n * n * (n * n - 1) / 12
            slope = (n * xy - x * y) / below if below else 0.0
            squares = to_yy - from_yy - (y - slope * x) / n * y - slope * xy
            found.append(squares if squares > 0.0 else 0.0)
        return found


def split(values: Sequence[float], least: int, most: int) -> list[Piece]:
    """Cut into at most ``most`` straight pieces of at least ``least`` values each; fewer values are one piece.

    Of equally good cuts it is the one into the fewest pieces. More of them are tried only while their price alone is
    less than what the best cut costs: no fit could make good for it.
    """
    n = len(values)
    sums = _Sums(values)
    price = PENALTY * _noise(values) ** 2 * log(max(n, 3))
    rows: list[list[float]] = []  # of 1, 2, ... pieces: the least cost of the values up to each end that can follow
    squares: dict[int, list[float]] = {}  # of the piece up to an end, from each start on

    def costs(pieces: int, end: int) -> list[float]:
        """Of the values up to ``end`` in so many pieces, by where the last one starts."""
        if pieces == 1:
            return [sums.fit(0, end)[0]]
        if end not in squares:
            squares[end] = sums.squares(range(least, end - least + 1), end)
        behind = squares[end][least * (pieces - 2) :]
        return [before + last + price for before, last in zip(rows[pieces - 2], behind, strict=False)]

    best, count, prices = min(costs(1, n)), 1, 0.0
    for pieces in range(2, most + 1):
        prices += price
        if best <= prices or n < least * pieces:
            break
        rows.append([min(costs(pieces - 1, end)) for end in range(least * (pieces - 1), n - least + 1)])
        cost = min(costs(pieces, n))
        if cost < best:
            best, count = cost, pieces
    found = []
    end = n
    for pieces in range(count, 0, -1):
        ways = costs(pieces, end)
        start = ways.index(min(ways)) + least * (pieces - 1)
        _, first, last = sums.fit(start, end)
        found.append(Piece(start, end, first, last))
        end = start
    return found[::-1]


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
