"""When growth began, closer than a trend tells it: the bend of the curve around the trend's own beginning.

A trend is found in a few dozen equal cells: of a day it knows the beginning to half an hour. Here the values around it
are fitted with two straight lines that meet; where they meet best is the change point, and how far that can be moved
before they fit clearly worse is how well it is known. Pure, of numbers only.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from lastgasp.analysis.bend import Fit

POINTS = 96  # values that are fitted
BENDS = 48  # places that are tried
AROUND = 3  # cells of the trend on either side
WORSE = 3.84  # variances: a place that fits no worse than this can be it as well (95 %)
BETTER = 0.7  # of the squares about a single line: what a bend must leave at most


@dataclass(frozen=True, slots=True)
class Onset:
    """The change point, and from when to when it can be."""

    at_ms: int
    low_ms: int
    high_ms: int


def onset(times: Sequence[int], values: Sequence[int], since_ms: int, until_ms: int, cells: int) -> Onset | None:
    """Where growth that a trend of ``cells`` cells lets begin at ``since_ms`` really began; None: no clear bend.

    ``times`` (ms) and ``values`` hold until the next, the last one until ``until_ms``.
    """
    width = (until_ms - times[0]) // cells
    low, high = max(since_ms - AROUND * width, times[0]), min(since_ms + AROUND * width, until_ms)
    if width <= 0 or since_ms - times[0] < width or high - low < POINTS:
        return None
    at = [low + i * (high - low) // (POINTS - 1) for i in range(POINTS)]
    held = [float(values[max(bisect_right(times, moment) - 1, 0)]) for moment in at]
    least = min(held)
    held = [value - least for value in held]
    tried = [low + i * (high - low) // BENDS for i in range(2, BENDS - 1)]
    line = Fit([(moment - low) / (high - low) for moment in at], held)
    squares = [(line.adding([max(moment - bend, 0) / (high - low) for moment in at])[0], bend) for bend in tried]
    best, bend = min(squares)
    if line.squares <= 0 or best > BETTER * line.squares:
        return None
    # The values of neighbouring places are alike: as many degrees of freedom as there are steps in the curve, at most.
    free = max(min(POINTS, bisect_right(times, high) - bisect_right(times, low)) - 3, 3)
    alike = [place for worth, place in squares if worth <= best * (1 + WORSE / free) + 1e-9]
    return Onset(bend, min(alike), max(alike))
