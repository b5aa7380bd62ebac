"""Does memory follow the level of some work (sessions held), or does it pile up with each piece of work (a leak)?

A program that holds something for each client grows while there come more clients, and leaks nothing. So curve and work
are cut into equal cells, and what both deviate from a straight line in time is compared: a line alone says nothing, for
whatever grows resembles all else that grows. Explanations that are tried for each counter of work:

- its *rate*, smoothed over a while (that is how long something is held)
- the highest rate up to now (a heap that does not shrink)
- its *total*: then it is no level that is followed; memory piles up

What the level explains is taken off the curve. If the rest still grows for good there is a leak beside it. Pure.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

Work = tuple[Sequence[int], Sequence[float]]  # ms, and the total that holds from then on

CELLS = 48
HELD = (0.0, 1.0, 2.0, 4.0, 7.0)  # cells
AGREES = 0.5  # R2 of the deviations from a straight line
AGREES_PEAK = 0.9  # the same for a heap that does not shrink: whatever fills and stops resembles that
SURE = 4.0  # standard errors
VARIES = 0.2  # of the highest: a level that is steadier explains nothing


@dataclass(frozen=True, slots=True)
class Level:
    """How a level of work explains a curve."""

    r2: float  # of the deviations from a straight line
    sigmas: float  # of ``per_unit`` from zero
    per_unit: float
    level: list[float]  # in each cell
    rest: list[float]  # of the curve's mean in each cell, what the level does not explain
    total: list[float]  # of the work, at the end of each cell
    piles_up: bool  # the total explains more than any level

    @property
    def falls(self) -> bool:
        """Does the level ever fall? One that never does resembles whatever fills up."""
        return any(later < earlier for earlier, later in pairwise(self.level))

    def explains(self, start: int) -> float:
        """The share of what grew from cell ``start`` to the end that the level explains, by their outer quarters."""
        start = min(start, len(self.level) - 2)
        quarter = max((len(self.level) - start) // 4, 1)

        def grown(values: Sequence[float]) -> float:
            return (sum(values[-quarter:]) - sum(values[start : start + quarter])) / quarter

        explained, left = self.per_unit * grown(self.level), grown(self.rest)
        return explained / (explained + left) if explained + left > 0 else 0.0


def followed(times: Sequence[int], values: Sequence[int], until_ms: int, works: Sequence[Work]) -> Level | None:
    """The work that explains most of a curve; None: none explains it well enough."""
    start, width = times[0], max(until_ms - times[0], 1) / CELLS
    ends = [round(start + (cell + 1) * width) for cell in range(CELLS)]
    means = _means(times, values, start, ends)
    curve = _bent(means)
    power = sum(value * value for value in curve)
    best: Level | None = None
    if not power:
        return None
    for work in works:
        totals = [_total(work, at) for at in (start, *ends)]
        for level, piles_up, least in _levels(totals):
            bent = _bent(level)
            own = sum(value * value for value in bent)
            both = sum(x * y for x, y in zip(bent, curve, strict=True))
            if own <= 0 or both <= 0:
                continue
            r2 = both * both / own / power
            if r2 >= least and (best is None or r2 > best.r2):
                per_unit = both / own
                rest = [mean - per_unit * (there - level[0]) for mean, there in zip(means, level, strict=True)]
                sigmas = _sigmas(bent, curve, per_unit)
                best = Level(r2, sigmas, per_unit, level, rest, totals[1:], piles_up)
    return best if best is not None and best.sigmas >= SURE else None


def _total(work: Work, at_ms: int) -> float:
    """The total at a moment, on a line between the two values about it."""
    at, total = work
    i = bisect_right(at, at_ms) - 1
    if i < 0:
        return 0.0
    if i + 1 >= len(at):
        return total[i]
    return total[i] + (total[i + 1] - total[i]) * (at_ms - at[i]) / max(at[i + 1] - at[i], 1)


def _means(times: Sequence[int], values: Sequence[int], start: int, ends: Sequence[int]) -> list[float]:
    """The mean of what holds in each cell."""
    found = []
    i, at = 0, start
    for end in ends:
        weight = 0.0
        begin = at
        while i + 1 < len(times) and times[i + 1] <= end:
            weight += values[i] * (times[i + 1] - at)
            at = times[i + 1]
            i += 1
        weight += values[i] * (end - at)
        at = end
        found.append(weight / max(end - begin, 1))
    return found


def _levels(totals: Sequence[float]) -> Iterator[tuple[list[float], bool, float]]:
    """What can be explained by a counter: its total (True), its rate held for a while, the highest of it.

    With each the R2 from which on it is believed.
    """
    yield [(before + after) / 2 for before, after in pairwise(totals)], True, AGREES
    rates = [after - before for before, after in pairwise(totals)]
    for held in HELD:
        level = _held(rates, math.exp(-1 / held) if held else 0.0)
        for one, least in ((level, AGREES), (list(accumulate(level, max)), AGREES_PEAK)):
            if max(one) - min(one) > VARIES * max(one):
                yield one, False, least


def _held(rates: Sequence[float], keep: float) -> list[float]:
    """What is there when that share of it is kept from each cell to the next, and what was before went on the same."""
    slope = _slope(rates)
    found = [sum(rates) / len(rates) - slope * ((len(rates) - 1) / 2 + keep / (1 - keep))]
    for rate in rates[1:]:
        found.append(keep * found[-1] + (1 - keep) * rate)
    return found


def _slope(values: Sequence[float]) -> float:
    n = len(values)
    return sum((i - (n - 1) / 2) * value for i, value in enumerate(values)) / (n * (n * n - 1) / 12)


def _bent(values: Sequence[float]) -> list[float]:
    """What is left beside the straight line through the values."""
    slope, middle, mean = _slope(values), (len(values) - 1) / 2, sum(values) / len(values)
    return [value - mean - slope * (i - middle) for i, value in enumerate(values)]


def _sigmas(level: Sequence[float], curve: Sequence[float], per_unit: float) -> float:
    """How many standard errors the slope is from zero; neighbours that resemble one another count for less than two."""
    rest = [y - per_unit * x for x, y in zip(level, curve, strict=True)]
    alike = max(_alike(level) * _alike(rest), 0.0)
    free = max(len(level) * (1 - alike) / (1 + alike) - 3, 1.0)
    error = math.sqrt(sum(y * y for y in rest) / free / sum(x * x for x in level))
    return per_unit / error if error else math.inf


def _alike(values: Sequence[float]) -> float:
    """Correlation of each value with the next."""
    power = sum(value * value for value in values)
    return sum(a * b for a, b in pairwise(values)) / power if power else 0.0
