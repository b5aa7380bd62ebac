"""What an allocator makes of live memory: how much of it stays resident, and for how long."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random

Heap = Callable[[float, float], float]  # live bytes, seconds since the last call -> resident bytes


def gives_back(_: Random) -> Heap:
    """Large buffers by mmap: what is freed is gone at once."""
    return lambda live, _: live


def high_water(_: Random) -> Heap:
    """A heap whose top is pinned: once resident, always resident."""
    top = 0.0

    def heap(live: float, _: float) -> float:
        nonlocal top
        top = max(top, live)
        return top

    return heap


def trims(chance: Random) -> Heap:
    """The top of the heap goes back when enough of it is free, and nobody holds its end."""
    top, threshold, free = 0.0, 128 * 1024, chance.uniform(0.02, 0.5)

    def heap(live: float, _: float) -> float:
        nonlocal top
        top = max(top, live)
        if top - live > threshold and chance.random() < free:
            top -= (top - live) * chance.random()
        return top

    return heap


def decays(chance: Random) -> Heap:
    """Free pages are purged in the background, most of them within a while."""
    resident, pace_s = 0.0, math.exp(chance.uniform(math.log(5), math.log(900)))

    def heap(live: float, step_s: float) -> float:
        nonlocal resident
        resident = live + max(resident - live, 0.0) * math.exp(-step_s / pace_s)
        return resident

    return heap


HEAPS = (gives_back, high_water, trims, decays)


class Arena:
    """First fit in one run of cells, and nothing moves: holes stay. Cells above the highest used one can go back."""

    def __init__(self, chance: Random, trim: float) -> None:
        self.chance, self.trim = chance, trim
        self.used: list[tuple[int, int]] = []  # begin and end, ascending
        self.top = 0

    def allocate(self, cells: int) -> tuple[int, int]:
        """A block of so many cells."""
        at = 0
        for number, (begin, end) in enumerate(self.used):
            if begin - at >= cells:
                self.used.insert(number, (at, at + cells))
                return at, at + cells
            at = end
        self.used.append((at, at + cells))
        self.top = max(self.top, at + cells)
        return at, at + cells

    def free(self, block: tuple[int, int]) -> None:
        """Give a block back."""
        self.used.remove(block)
        end = self.used[-1][1] if self.used else 0
        if end < self.top and self.chance.random() < self.trim:
            self.top = end
