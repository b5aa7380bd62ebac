"""Growth that lasts: what never came back, in how many rises, how evenly over the time, and whether it has stopped.

A leak may be hidden under what comes and goes, may come in steps, may begin behind a warm-up. What sets it apart from
everything that settles is none of its looks: it goes on. So the *lasting* level of a moment is the lowest that follows,
and its rises are judged as events that come by chance, evenly or ever more rarely:

- ``rises``: how many of equal size would be as uneven (the inverse of Simpson's index): a single step is 1
- ``middle``: the mean time of the rises weighted by their size: half of the time when they go on evenly, early in what
  settles, late where only the end has grown
- ``pause``: how likely a wait as long as that at the end would be if rises still came as before

The time may be that of a clock which runs as some work does: what leaks with each request rests at night. Pure, and
O(cells) for each start that is tried.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from lastgasp.analysis.shape import lines
from lastgasp.analysis.shape.verdict import Confidence

RISES_LEAST, RISES_SURE = 4.5, 12
EARLIEST, LATEST = 0.43, 0.67  # the middle of what goes on: of a warm-up at a pace of one time constant it is at 0.42
CLEAR_RISES, CLEAR_LATEST = 3.5, 0.72
CLEAR_NOISE = 0.25  # of the growth
PAUSE_LEAST = 0.1  # steady growth has one rise a cell, and so fewer in wider ones: more is asked for there
ABOVE_NOISE = 2  # times what comes and goes; for high confidence twice as much
FAST = 4  # times as fast as now: behind such growth a few rises may be a start that is not quite over
BEYOND = 0.25  # of the fall before it: growth that hardly goes beyond where it was may be one more tooth
FLAT = 0.03  # of the growth: what rises less in a while stands still
WIDTHS = (1, 2, 3)  # of cells
CELLS_LEAST = 16  # so many have to be left of them
STARTS = 16  # tried, over the first two thirds
NOISE = 0.9  # of the cells lie no higher above what lasts than that which comes and goes


@dataclass(frozen=True, slots=True)
class Lasting:
    """Growth of the floor from cell ``start`` to the end."""

    start: int
    cells: int  # from there on, as wide as they were taken
    grown: float
    rises: float
    middle: float  # 0 to 1
    pause: float  # a probability
    noise: float  # what comes and goes above it
    level: float  # at the end
    before: float  # what would have grown here at the pace of what is before

    @property
    def clear(self) -> bool:
        """Is it large against what comes and goes, and no end of something that began faster?

        Warm-ups, caches and heaps in pieces begin fast. What does not is a leak, be its rises few and uneven: buffers
        that are lost now and then, an index that doubles.
        """
        return self.before < self.grown and self.noise < CLEAR_NOISE * self.grown

    @property
    def rises_least(self) -> float:
        """So many rises make a leak."""
        return CLEAR_RISES if self.clear else RISES_LEAST

    @property
    def latest(self) -> float:
        """The middle of what goes on is not behind that."""
        return CLEAR_LATEST if self.clear else LATEST


def goes_on(
    floor: Sequence[float], least: float, clock: Sequence[float] | None = None
) -> tuple[Lasting, Confidence] | None:
    """The longest stretch up to the end in which growth of at least ``least`` goes on, and how sure that is.

    ``floor``: the lowest value of each of a number of equal cells; ``clock``: ascends, a value for each (None: time).
    Looked for in wider cells as well, for some are narrower than a tooth of what comes and goes.
    """
    clock = range(len(floor)) if clock is None else clock
    for width in WIDTHS:
        if width > 1 and (len(floor) < width * CELLS_LEAST or not _hidden(floor, clock)):
            break
        ends = range(len(floor) - 1, -1, -width)[::-1]
        wide = [min(floor[max(end - width + 1, 0) : end + 1]) for end in ends]
        found = _goes_on(wide, least, [clock[end] for end in ends], PAUSE_LEAST ** (1 / width))
        if found is not None:
            return replace(found[0], start=max(ends[found[0].start] - width + 1, 0)), found[1]
    return None


def _goes_on(
    floor: Sequence[float], least: float, clock: Sequence[float], pause: float
) -> tuple[Lasting, Confidence] | None:
    peak, reached = floor[0], 0
    for one in lasting(floor, clock):
        peak = max([peak, *floor[reached : one.start]])
        reached = one.start
        even = EARLIEST < one.middle < one.latest and one.pause > pause
        enough = one.grown > max(least, ABOVE_NOISE * one.noise) and one.rises > one.rises_least
        returns = one.level - peak < (peak - one.level + one.grown) * BEYOND
        starts = one.rises < RISES_SURE and one.before > FAST * one.grown
        if even and enough and not returns and not starts:
            sure = one.rises > RISES_SURE and one.grown > 2 * ABOVE_NOISE * one.noise
            return one, Confidence.HIGH if sure else Confidence.MEDIUM
    return None


def lasting(floor: Sequence[float], clock: Sequence[float]) -> Iterator[Lasting]:
    """The growth from each start that is tried, the longest stretch first."""
    levels = list(floor)
    for i in range(len(levels) - 2, -1, -1):
        levels[i] = min(levels[i], levels[i + 1])
    count = len(levels)
    least = max(count // 3, 5)
    for start in range(0, count - least + 1, max((count - least) // STARTS, 1)):
        grown, length = levels[-1] - levels[start], clock[-1] - clock[start]
        if grown > 0 and length > 0:
            yield _from(start, floor[start:], levels, clock)


def _hidden(floor: Sequence[float], clock: Sequence[float]) -> bool:
    """Is what comes and goes no smaller than what lasts?"""
    whole = next(lasting(floor, clock), None)
    return whole is not None and whole.grown < ABOVE_NOISE * whole.noise


def _from(start: int, floor: Sequence[float], levels: Sequence[float], clock: Sequence[float]) -> Lasting:
    before = max(levels[start] - levels[0], 0) / max(clock[start] - clock[0], 1e-9) if start else 0.0
    levels, clock = levels[start:], clock[start:]
    grown, length = levels[-1] - levels[0], clock[-1] - clock[0]
    rises = [later - earlier for earlier, later in pairwise(levels)]
    halfway = [(earlier + later) / 2 - clock[0] for earlier, later in pairwise(clock)]
    middle = sum(rise * at for rise, at in zip(rises, halfway, strict=True)) / grown / length
    number = grown * grown / sum(rise * rise for rise in rises)
    noise = sorted(value - level for value, level in zip(floor, levels, strict=True))[int(NOISE * len(levels))]
    slack = max(noise, 2 * lines.roughness(floor), grown * FLAT)
    pause = math.exp(-number * _waited(levels, clock, slack))
    return Lasting(start, len(levels), grown, number, middle, pause, noise, levels[-1], before * length)


def _waited(levels: Sequence[float], clock: Sequence[float], slack: float) -> float:
    """For what part of the time before it nothing has risen at the end, beyond ``slack`` and what that takes.

    What it takes is told by the pace up to there: growth that goes on to the very end has not waited, whatever the
    slack.
    """
    still = next(i for i, level in enumerate(levels) if level >= levels[-1] - slack)
    busy = clock[still] - clock[0]
    risen = levels[still] - levels[0]
    if busy <= 0 or risen <= 0:
        return 0.0
    wait = clock[-1] - clock[still] - busy * slack / risen
    return max(wait, 0.0) / busy
