"""What the outside asks of a machine: how many requests come in a stretch of time."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

DAY_S = 86_400.0
Rate = Callable[[float], float]  # requests a second, by seconds since the recording began
KINDS = ("steady", "day and night", "bursts", "more and more")


def poisson(chance: Random, mean: float) -> int:
    """How many independent events come when so many are expected."""
    if mean > 60:
        return max(0, round(chance.gauss(mean, math.sqrt(mean))))
    limit, count, product = math.exp(-mean), 0, chance.random()
    while product > limit:
        count += 1
        product *= chance.random()
    return count


@dataclass
class Load:
    """Requests, and the counter of them that the machine keeps (as packets on its interface)."""

    chance: Random
    kind: str
    rate: Rate
    usual: float  # requests a second, on average
    total: int = 0
    history: list[tuple[float, int]] = field(default_factory=list)

    def take(self, at_s: float, step_s: float) -> int:
        """The requests of the ``step_s`` seconds that end at ``at_s``."""
        count = poisson(self.chance, self.rate(at_s) * step_s)
        self.total += count
        self.history.append((at_s, self.total))
        return count


def load(chance: Random, kind: str, span_s: float) -> Load:
    """A load of one of KINDS for a recording of ``span_s``."""
    usual = math.exp(chance.uniform(math.log(0.05), math.log(200)))
    if kind == "day and night":
        swing, phase = chance.uniform(0.4, 0.95), chance.random()
        return Load(chance, kind, lambda t: usual * (1 + swing * math.sin(2 * math.pi * (t / DAY_S + phase))), usual)
    if kind == "bursts":
        return Load(chance, kind, _bursts(chance, usual, span_s), usual)
    if kind == "more and more":
        factor = chance.uniform(1.5, 5)
        return Load(chance, kind, lambda t: usual * (1 + (factor - 1) * t / span_s), usual)
    return Load(chance, kind, lambda _: usual, usual)


def _bursts(chance: Random, usual: float, span_s: float) -> Rate:
    """Busy and quiet by turns, each for a while."""
    busy_s, quiet_s = (span_s / chance.uniform(10, 80) for _ in range(2))
    factor = chance.uniform(2, 8)
    switches = [0.0]
    while switches[-1] < span_s:
        switches.append(switches[-1] + chance.expovariate(1 / (busy_s if len(switches) % 2 else quiet_s)))
    at = 0

    def rate(t: float) -> float:
        nonlocal at
        while at + 1 < len(switches) and switches[at + 1] <= t:
            at += 1
        return usual * (factor if at % 2 == 0 else 0.3)

    return rate
