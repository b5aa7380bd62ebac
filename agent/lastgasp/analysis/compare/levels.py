"""What a curve amounts to: its steady level, its peak, and how sure they are. Pure, of numbers only.

A curve is values that hold until the next one, and None while there is none (nobody lives, nothing is known). Its first
fifth counts as a warm-up. What is left is cut into equal blocks. Values that follow one another are alike, so a
thousand samples are no thousand measurements; blocks as long as these nearly are, and the **scatter** is how far they
disagree. It is not divided by their number: a level is trusted no more than its own blocks agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import hypot, sqrt
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
    walk: (
        float | None
    )  # how far the lowest values would usually get from first to last block if their steps were chance
    low: int  # the lowest value of all
    seen_ms: int  # while there was a value


def levels(points: Points, until_ms: int) -> Levels | None:
    """The levels of a curve that holds until ``until_ms``; None when it never had a value."""
    known = [value for _, value in points if value is not None]
    if not known:
        return None
    stretches = _stretches(points, until_ms)
    seen_ms = sum(to_ms - from_ms for from_ms, to_ms, _ in stretches)
    highest, lowest = max(known), min(known)
    if highest == lowest and seen_ms >= STEADY_LEAST_MS:  # most counts, and many programs
        still = Level(highest, 0.0)
        return Levels(still, still, still, 0.0, 0.0, lowest, seen_ms)
    blocks = _blocks(stretches, seen_ms) if seen_ms >= STEADY_LEAST_MS else []
    if len(blocks) < 2:
        return Levels(None, None, Level(highest, 0.0), None, None, lowest, seen_ms)
    middles = [_weighted_median(block) for block in blocks]
    peaks = [max(value for value, _ in block) for block in blocks]
    floors = [min(value for value, _ in block) for block in blocks]
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

    A last value that came at the very end holds for a millisecond, so that no peak is lost.
    """
    changes: list[tuple[int, int, int]] = []
    for times, values, end in curves:
        before = 0
        for number, (at, value) in enumerate(zip(times, values, strict=True)):
            changes.append((at, value - before, 0 if number else 1))
            before = value
        if times:
            changes.append((max(end, times[-1] + 1), -before, -1))
    changes.sort()
    total: Points = []
    count: Points = []
    size = living = 0
    for i, (at, by, lives) in enumerate(changes):
        size += by
        living += lives
        if i + 1 == len(changes) or changes[i + 1][0] != at:
            total.append((at, size if living else None))
            count.append((at, living or None))
    return total, count


def cut(points: Points, holes: Iterable[tuple[int, int]]) -> Points:
    """The same curve, with nothing known in the holes (from ms, to ms): what held before holds again behind.

    The instant at which a hole begins is the last that was recorded before it.
    """
    for from_ms, to_ms in holes:
        before = [point for point in points if point[0] <= from_ms]
        inside = [point for point in points if from_ms < point[0] < to_ms]
        after = [point for point in points if point[0] >= to_ms]
        if (before or inside) and to_ms > from_ms + 1:
            held = (inside or before)[-1][1]
            again = [] if after and after[0][0] == to_ms else [(to_ms, held)]
            points = [*before, (from_ms + 1, None), *again, *after]
    return points


Stretch = tuple[int, int, int]  # from ms, to ms, value


def _stretches(points: Points, until_ms: int) -> list[Stretch]:
    ends = [at for at, _ in points[1:]] + [max(until_ms, points[-1][0])]
    return [(at, end, value) for (at, value), end in zip(points, ends, strict=True) if value is not None and end > at]


def _blocks(stretches: list[Stretch], seen_ms: int) -> list[list[tuple[int, int]]]:
    """(value, ms) in each block of equal time, after the warm-up; only time with a value counts."""
    skipped = seen_ms * WARM_UP
    width = (seen_ms - skipped) / BLOCKS
    blocks: list[list[tuple[int, int]]] = [[] for _ in range(BLOCKS)]
    passed = 0
    for from_ms, to_ms, value in stretches:
        begin, end = passed, passed + to_ms - from_ms
        passed = end
        first = max(int((begin - skipped) / width), 0)
        for number in range(first, BLOCKS):
            left, right = skipped + number * width, skipped + (number + 1) * width
            if left >= end:
                break
            held = min(end, right) - max(begin, left)
            if held > 0:
                blocks[number].append((value, round(held) or 1))
    return [block for block in blocks if block]


def _weighted_median(block: list[tuple[int, int]]) -> float:
    """The value that held at half of the time or more."""
    block = sorted(block)
    half = sum(held for _, held in block) / 2
    for value, held in block:
        half -= held
        if half <= 0:
            return float(value)
    return float(block[-1][0])
