"""Growth that lasts: what never came back, in how many rises, how evenly over the time, and whether it has stopped.

A leak may be hidden under what comes and goes, may come in steps, may begin behind a warm-up. What sets it apart from
everything that settles is none of its looks: it goes on. So the *lasting* level of a moment is the lowest that follows,
and its rises are judged as events that may come by chance, evenly or ever more rarely:

- ``rises``: how many of equal size would be as uneven (the inverse Simpson index): one step is 1
- ``middle``: when half of it was there, as the mean time of the rises weighted by their size: 0.5 when they go on
  evenly, near 0 in a warm-up, near 1 when only the end has grown
- ``pause``: how likely a wait as long as that at the end would be if rises still came as before

Pure; O(cells) for each start that is tried.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from lastgasp.analysis.shape import lines
from lastgasp.analysis.shape.verdict import Confidence

RISES_LEAST, RISES_SURE = 5, 12
EARLIEST, LATEST = 0.43, 0.67  # the middle of what goes on: a warm-up of three times the time has its at 0.43
PAUSE_LEAST = 0.1
ABOVE_NOISE = 2  # times what comes and goes
FAST = 2  # times as fast as now: before growth in few rises, it may be a start that is not quite over
BEYOND = 0.25  # of the fall before it: growth that hardly goes beyond where it was may be one more tooth
FLAT = 0.03  # of the growth: what rises less in a while stands still
STARTS = 16  # tried, over the first two thirds
NOISE = 0.9  # of the cells lie no higher above what lasts than that which comes and goes


@dataclass(frozen=True, slots=True)
class Lasting:
    """Growth of the floor from cell ``start`` to the end."""

    start: int
    grown: float
    rises: float
    middle: float
    pause: float
    noise: float  # what comes and goes above it
    level: float  # at the end
    before: float  # what lasts of an as long stretch before it, had that gone on at its pace


def goes_on(floor: Sequence[float], least: float) -> tuple[Lasting, Confidence] | None:
    """The longest stretch up to the end in which growth of at least ``least`` goes on, and how sure that is."""
    peak = floor[0]
    reached = 0
    for one in lasting(floor):
        peak = max([peak, *floor[reached : one.start]])
        reached = one.start
        even = EARLIEST < one.middle < LATEST and one.pause > PAUSE_LEAST
        if one.rises < RISES_LEAST or not even or one.grown < max(least, ABOVE_NOISE * one.noise):
            continue
        if one.level - peak < (peak - one.level + one.grown) * BEYOND:
            continue  # it only came back to where it was
        if one.rises < RISES_SURE and one.before > FAST * one.grown:
            continue
        sure = one.rises >= RISES_SURE and one.grown > 2 * ABOVE_NOISE * one.noise
        return one, Confidence.HIGH if sure else Confidence.MEDIUM
    return None


def lasting(floor: Sequence[float]) -> list[Lasting]:
    """Of each start that is tried, the longest stretch first."""
    levels = list(floor)
    for i in range(len(levels) - 2, -1, -1):
        levels[i] = min(levels[i], levels[i + 1])
    count = len(levels)
    least = max(count // 3, 5)
    step = max((count - least) // STARTS, 1)
    found = []
    for start in range(0, count - least + 1, step):
        one = _from(floor, levels, start)
        if one is not None:
            found.append(one)
    return found


def _from(floor: Sequence[float], levels: Sequence[float], start: int) -> Lasting | None:
    count = len(levels)
    grown = levels[-1] - levels[start]
    if grown <= 0:
        return None
    rises = [later - earlier for earlier, later in pairwise(levels[start:])]
    span = len(rises)
    middle = sum(rise * (i + 0.5) for i, rise in enumerate(rises)) / grown / span
    number = grown * grown / sum(rise * rise for rise in rises)
    above = sorted(value - level for value, level in zip(floor[start:], levels[start:], strict=True))
    noise = above[int(NOISE * (count - start))]
    pause = math.exp(-number * _waited(levels[start:], max(noise, 2 * lines.roughness(floor[start:]), grown * FLAT)))
    before = max(levels[start] - levels[0], 0) * span / start if start else 0.0
    return Lasting(start, grown, number, middle, pause, noise, levels[-1], before)


def _waited(levels: Sequence[float], slack: float) -> float:
    """For what part of the time before it nothing has risen at the end, beyond ``slack`` and what that takes."""
    grown, span = levels[-1] - levels[0], len(levels) - 1
    flat = sum(level >= levels[-1] - slack for level in levels) - 1
    wait = flat - slack / grown * (span - flat)
    return max(wait, 0.0) / max(span - flat, 1)
