"""The conditions that a program runs under, and what it confesses while it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from corpus.heaps import HEAPS, Heap
from corpus.loads import Load


@dataclass
class World:
    """One program on one machine. Sizes are bytes, times seconds since the recording began."""

    chance: Random
    span_s: float
    step_s: float
    base: float  # anonymous memory that the program has once it runs
    leak_per_s: float  # what a leaking program loses on average, as soon as it does
    load: Load
    leaked: float = 0.0
    leaks_from_s: float | None = None

    def ticks(self) -> Iterator[tuple[float, int]]:
        """Every moment at which the program is looked at, and the requests since the one before."""
        count = int(self.span_s / self.step_s) + 1
        for number in range(count):
            at_s = number * self.step_s
            yield at_s, self.load.take(at_s, self.step_s)

    def lose(self, at_s: float, size: float) -> float:
        """Leak so many bytes; returns all that was leaked up to now."""
        if size > 0 and self.leaks_from_s is None:
            self.leaks_from_s = at_s
        self.leaked += size
        return self.leaked

    def heap(self) -> Heap:
        """Some allocator."""
        return self.chance.choice(HEAPS)(self.chance)

    def between(self, low: float, high: float) -> float:
        """A share, by chance."""
        return self.chance.uniform(low, high)


Program = Callable[[World], Iterator[float]]  # anonymous bytes at each tick
