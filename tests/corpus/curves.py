"""One program on one machine, sampled, with the truth about it.

What varies, each by the seed alone: the program; its size (0.5 to 120 MB of anonymous memory, 1 to 8 MB of files); the
rate of a leak (1 to 60 % of RSS an hour); the length (1 to 24 h, or 3 to 50 minutes); the distance of samples (1, 5
or 60 s); the page size (4, 16 or 64 KiB); the machine's load; and noise: passing buffers of a size and at a rate that
are as the program is.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random

from corpus import leaky, loads, sound
from corpus.world import Program, World

HOUR_S, MB = 3600.0, 1 << 20
NOISES = {"none": 0.0, "small": 0.001, "medium": 0.004, "large": 0.015}  # of the size: a usual passing buffer


@dataclass(frozen=True, slots=True)
class Curve:
    """Anonymous memory of one program, as a recording keeps it: a value where it changed, none where it did not."""

    seed: int
    program: str
    leaks: bool | None  # None: nobody can know from this recording
    percent_per_hour: float  # of its RSS when the leak began; 0 where there is none
    begins_ms: int  # of the leak; 0 where there is none
    clearness: float  # of a leak: what is lost in its second half, over what else the floor moves in that half
    times: array[int]  # ms
    values: array[int]  # bytes
    until_ms: int
    samples: int
    step_s: float
    page: int
    rss: int  # at the beginning, bytes
    noise: str
    load: str
    load_times: array[int]  # ms, at each of which the
    load_total: array[int]  # counter of requests had this value

    @property
    def hours(self) -> float:
        """How long it is."""
        return self.until_ms / 3.6e6

    @property
    def counts(self) -> bool:
        """Do recall and precision count it? No riddle, and if a leak, of 1 % an hour for an hour, and not drowned."""
        lasts_ms = self.until_ms - self.begins_ms
        large = self.percent_per_hour >= 1 and lasts_ms >= 3.59e6
        return self.leaks is False or bool(self.leaks and large and not self.drowned)

    @property
    def drowned(self) -> bool:
        """Does the program move more, apart from its leak, than that loses? Then nobody can see it."""
        return bool(self.leaks and self.clearness < 1)


def make(seed: int, short: bool = False, step_s: float | None = None) -> Curve:
    """The curve of a seed: a leak in two of five, none in just as many or more, the rest open. ``short``: minutes."""
    chance = Random(seed)
    programs, leaks = chance.choices([leaky.LEAKY, sound.SOUND, sound.OPEN], [0.45, 0.45, 0.1])[0], None
    if programs is not sound.OPEN:
        leaks = programs is leaky.LEAKY
    program: Program = chance.choice(programs)
    base = _spread(chance, 0.5 * MB, 120 * MB)
    files = _spread(chance, 1 * MB, 8 * MB)
    span_s = _spread(chance, 180, 3000) if short else chance.choice([1, 2, 4, 8, 12, 24]) * HOUR_S * 1.02
    sampled = chance.choice([1.0, 5.0, 60.0])
    step_s = step_s or (1.0 if short else sampled)
    percent = _spread(chance, 1.05, 60) * (60 if short else 1)
    kind = chance.choices(loads.KINDS, [4, 3, 2, 1])[0]
    page = chance.choices([4096, 16384, 65536], [8, 1, 1])[0]
    noise = chance.choice(list(NOISES))
    load = loads.load(chance, kind, span_s)
    world = World(chance, span_s, step_s, base, percent / 100 * (base + files) / HOUR_S, load)
    rest = array("d")
    times, values, samples = _recorded(world, program(world), page, NOISES[noise], rest)
    begins_s = world.leaks_from_s or 0.0
    rss = values[0] + round(files)
    measured = world.leaked / max(span_s - begins_s, 1) * HOUR_S / rss * 100
    return Curve(
        seed, program.__name__.replace("_", " "), leaks, measured if leaks else 0.0, round(begins_s * 1000),
        _clearness(rest, world, begins_s), times, values, round((samples - 1) * step_s * 1000), samples, step_s, page,
        rss, noise, kind, array("q", (round(at * 1000) for at, _ in load.history)),
        array("q", (total for _, total in load.history)),
    )  # fmt: skip


def curves(seeds: Iterable[int], short: bool = False) -> Iterator[Curve]:
    """The curves of many seeds."""
    return (make(seed, short) for seed in seeds)


def _spread(chance: Random, low: float, high: float) -> float:
    """As likely between 1 and 2 as between 10 and 20."""
    return math.exp(chance.uniform(math.log(low), math.log(high)))


def _clearness(rest: array[float], world: World, begins_s: float) -> float:
    """Half of the leak over the spread of the floor, in five equal parts of the second half, of all that is no leak."""
    if not world.leaked:
        return 0.0
    from_s = (begins_s + world.span_s) / 2
    half = rest[int(from_s / world.step_s) :]
    part = len(half) // 5
    floors = [min(half[n * part : (n + 1) * part]) for n in range(5)]
    return world.leaked / 2 / max(max(floors) - min(floors), 1.0)


def _recorded(
    world: World, resident: Iterable[float], page: int, noise: float, rest: array[float]
) -> tuple[array[int], array[int], int]:
    """Times (ms) and bytes in whole pages, only where they changed; and how many samples there were.

    ``rest`` takes what would be resident without the leak, as far as the two just add up.
    """
    chance = world.chance
    times, values = array("q"), array("q")
    busy = 0.0 if not noise else chance.choice([0.05, 0.5, 1.0])  # how often a sample meets a passing buffer
    before = -1
    number = 0
    for number, size in enumerate(resident):
        passing = abs(chance.gauss(0, noise * world.base)) if busy and chance.random() < busy else 0.0
        rest.append(size - world.leaked)
        value = max(0, math.ceil((size + passing) / page)) * page
        if value != before:
            times.append(round(number * world.step_s * 1000))
            values.append(value)
            before = value
    return times, values, number + 1
