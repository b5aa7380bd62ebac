"""What a curve amounts to: its steady level, its peak, and how sure they are. Pure, of numbers only.

A curve is values that hold until the next one, and None while there is none (nobody lives, nothing is known). Its first
fifth counts as a warm-up. What is left is cut into equal blocks. Values that follow one another are alike, so a
thousand samples are no thousand measurements; blocks as long as these nearly are, and the **scatter** is how far they
disagree. It is not divided by their number: a level is trusted no more than its own blocks agree.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, pairwise
from math import hypot, sqrt
from operator import sub
from statistics import median

WARM_UP = 0.2  # of the time
BLOCKS = 8
STEADY_LEAST_MS = 10_000  # less than that is no steady level of anything

Points = list[tuple[int, int | None]]  # (ms, value from then on), ascending


@dataclass(frozen=True, slots=True)
class Level:
    """One measure of one run."""

    value: float
    scatter: float  # standard deviation between the blocks


@dataclass(frozen=True, slots=True)
class Levels:
    """What a curve amounts to. ``steady`` and ``first`` are None where it was seen too briefly."""

    steady: Level | None  # the median of the blocks' medians
    first: Level | None  # the median of the first block: where a curve that leaks began, its rise there as scatter
    peak: Level  # the highest value of all, warm-up included
    floor_scatter: float | None  # standard deviation of the blocks' lowest values
    walk: float | None  # how far the lowest values would get from first to last block if their steps were chance
    low: int  # the lowest value of all
    seen_ms: int  # while there was a value


def levels(points: Points, until_ms: int) -> Levels | None:
    """The levels of a curve that holds until ``until_ms``; None when it never had a value."""
    known = [value for _, value in points if value is not None]
    if not known:
        return None
    ends = [*(at for at, _ in points[1:]), max(until_ms, points[-1][0])]
    held = [(value, end - at) for (at, value), end in zip(points, ends, strict=True) if value is not None and end > at]
    seen_ms = sum(ms for _, ms in held)
    highest, lowest = max(known), min(known)
    if highest == lowest and seen_ms >= STEADY_LEAST_MS:  # most counts, and many programs
        still = Level(highest, 0.0)
        return Levels(still, still, still, 0.0, 0.0, lowest, seen_ms)
    if seen_ms < STEADY_LEAST_MS:
        return Levels(None, None, Level(highest, 0.0), None, None, lowest, seen_ms)
    blocks = _blocks(held)
    middles = [_middle(block) for block in blocks]
    peaks = [max(block) for block in blocks]
    floors = [min(block) for block in blocks]
    return Levels(
        Level(median(middles), _deviation(middles)),
        Level(middles[0], float(peaks[0] - floors[0])),
        Level(highest, _deviation([*peaks, highest])),
        _deviation(floors),
        _walk(floors),
        lowest,
        seen_ms,
    )


def _deviation(values: Sequence[float]) -> float:
    """Standard deviation; in floats, for the exact one of the library took half the time of a comparison."""
    mean = sum(values) / len(values)
    return hypot(*(value - mean for value in values)) / sqrt(len(values) - 1)


def _walk(floors: list[int]) -> float:
    return hypot(*(later - earlier for earlier, later in pairwise(floors)))


def added(curves: Iterable[tuple[Sequence[int], Sequence[int], int]]) -> tuple[Points, Points]:
    """The sum of curves (times, values, end), and how many of them there are at a time; None where there is none.

    A last value that came at the very end holds for a millisecond, so that no peak is lost. What says the same again
    is left out.
    """
    steps: defaultdict[int, int] = defaultdict(int)
    lives: defaultdict[int, int] = defaultdict(int)
    for times, values, end in curves:
        if times:
            for at, step in zip(times, map(sub, values, chain((0,), values)), strict=True):
                if step:
                    steps[at] += step
            end = max(end, times[-1] + 1)
            steps[end] -= values[-1]
            lives[times[0]] += 1
            lives[end] -= 1
    total: Points = []
    count: Points = []
    size = living = 0
    for at in sorted(steps.keys() | lives.keys()):
        size += steps.get(at, 0)
        living += lives.get(at, 0)
        for points, value in ((total, size), (count, living)):
            told = value if living else None
            if not points or points[-1][1] != told:
                points.append((at, told))
    return total, count


def cut(points: Points, holes: Iterable[tuple[int, int]]) -> Points:
    """The same curve, with nothing known in the holes (from ms, to ms): what held before holds again behind.

    The instant at which a hole begins is the last that was recorded before it.
    """
    for from_ms, to_ms in holes:
        begin = bisect_right(points, from_ms, key=_when)
        end = bisect_left(points, to_ms, lo=begin, key=_when)
        if end and to_ms > from_ms + 1:
            again = [] if end < len(points) and points[end][0] == to_ms else [(to_ms, points[end - 1][1])]
            points = [*points[:begin], (from_ms + 1, None), *again, *points[end:]]
    return points


def _when(point: tuple[int, int | None]) -> int:
    return point[0]


Block = dict[int, int]  # value: ms for which it held


def _blocks(held: Sequence[tuple[int, int]]) -> list[Block]:
    """Blocks of equal time, to the millisecond, after the warm-up; of values in their order and the ms they held."""
    begins = [0, *accumulate(ms for _, ms in held)]
    seen_ms = begins[-1]
    skipped = seen_ms * WARM_UP
    edges = [round(skipped + number * (seen_ms - skipped) / BLOCKS) for number in range(BLOCKS + 1)]
    blocks = []
    for left, right in pairwise(edges):
        first, last = bisect_right(begins, left) - 1, bisect_left(begins, right) - 1
        block: Block = defaultdict(int)
        block[held[first][0]] = min(begins[first + 1], right) - left
        for value, ms in held[first + 1 : last]:
            block[value] += ms
        if last > first:
            block[held[last][0]] += right - begins[last]
        blocks.append(block)
    return blocks


def _middle(block: Block) -> float:
    """The value that held at half of the time or more."""
    values = sorted(block)
    passed = list(accumulate(block[value] for value in values))
    return float(values[bisect_left(passed, passed[-1] / 2)])
