"""Values that hold until the next one, and what is left of them below the peaks.

Memory that is given back again says little of a leak; what never comes back does. So a curve is reduced to its
*floor*: the lowest value in each of a number of equal stretches. O(points + cells).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

Series = tuple[Sequence[int], Sequence[int]]  # times in ms, values


def floor(times: Sequence[int], values: Sequence[int], until: int, count: int) -> list[int]:
    """The lowest value in each of ``count`` equal stretches of ``times[0] .. until``, what held before included.

    ``times`` ascend; each value holds until the next, the last one until ``until``.
    """
    width = max(until - times[0], 1) / count
    found = []
    held = values[0]
    i = 0
    for cell in range(count):
        end = times[0] + (cell + 1) * width
        low = held
        while i < len(times) and (times[i] < end or cell == count - 1):
            held = values[i]
            low = min(low, held)
            i += 1
        found.append(low)
    return found


def value_at(times: Sequence[int], values: Sequence[int], at_ms: int) -> int:
    """The value that holds at a moment; before the first one, that."""
    return values[max(bisect_right(times, at_ms) - 1, 0)]


def sampled(times: Sequence[int], values: Sequence[int], until: int, count: int) -> list[int]:
    """The value that holds at the end of each of ``count`` equal stretches."""
    start = times[0]
    width = max(until - start, 1) / count
    return [values[bisect_right(times, start + (cell + 1) * width) - 1] for cell in range(count)]


def troughs(times: Sequence[int], values: Sequence[int], depth: int) -> list[tuple[int, int]]:
    """(time, value) of each lowest point between a fall and a rise of at least ``depth``.

    The last one need not have risen again.
    """
    found = []
    falling = False
    high = low = values[0]
    low_at = times[0]
    for at, value in zip(times, values, strict=True):
        if falling:
            if value < low:
                low, low_at = value, at
            elif value - low >= depth:
                found.append((low_at, low))
                falling, high = False, value
        elif value > high:
            high = value
        elif high - value >= depth:
            falling, low, low_at = True, value, at
    if falling:
        found.append((low_at, low))
    return found
