"""Programs that lose nothing, however much they look like it. Each yields its anonymous bytes at every tick."""

from __future__ import annotations

import math
from collections.abc import Iterator

from corpus.heaps import Arena
from corpus.loads import poisson
from corpus.world import World


def steady(world: World) -> Iterator[float]:
    """Does the same all the time."""
    for _ in world.ticks():
        yield world.base


def wanders(world: World) -> Iterator[float]:
    """Keeps more or less free memory about it, drawn back to the middle by its allocator."""
    swing, pull_s = world.base * world.between(0.01, 0.15), world.span_s / world.between(15, 200)
    away, decay = 0.0, math.exp(-world.step_s / pull_s)
    kick = swing * math.sqrt(1 - decay * decay)
    for _ in world.ticks():
        away = away * decay + world.chance.gauss(0, kick)
        yield world.base + max(away, -0.5 * world.base)


def warms_up(world: World) -> Iterator[float]:
    """Loads what it needs when it first needs it: fast at first, ever more rarely later."""
    extra = world.base * world.between(0.1, 2)
    pace_s = world.span_s * math.exp(world.between(math.log(0.01), math.log(0.25)))
    parts = world.chance.choice([20, 100, 1000])
    loaded = 0
    for _ in world.ticks():
        missing = parts - loaded
        loaded += min(missing, poisson(world.chance, missing * (1 - math.exp(-world.step_s / pace_s))))
        yield world.base + extra * loaded / parts


def starts_in_stages(world: World) -> Iterator[float]:
    """Starts one part after the other, and is ready then."""
    ready_s = world.span_s * world.between(0.02, 0.3)
    stages = [(world.between(0, ready_s), world.base * world.between(0.02, 0.3)) for _ in range(6)]
    for at_s, _ in world.ticks():
        yield world.base + sum(size for begin, size in stages if begin <= at_s)


def _cache(world: World, full_s: float) -> Iterator[float]:
    """Least recently used goes out once it is full; keys are asked for with a long tail of rare ones."""
    limit = world.base * world.between(0.2, 3)
    tail = world.between(0, 0.7)  # how much harder it is to meet a key that is not there yet, as it fills
    filled = 0.0
    pace = 1 / full_s if tail < 0.01 else -math.log(1 - tail) / tail / full_s
    mean = max(world.load.usual * world.step_s, 1e-9)
    for _, requests in world.ticks():
        filled = min(1.0, filled + pace * world.step_s * (requests / mean) * (1 - tail * filled))
        yield world.base + limit * filled


def cache(world: World) -> Iterator[float]:
    """A cache that is full well before the recording ends."""
    yield from _cache(world, world.span_s * world.between(0.1, 0.75))


def cache_not_full(world: World) -> Iterator[float]:
    """A cache that has not been filled when the recording ends: nobody can know that it will be."""
    yield from _cache(world, world.span_s * world.between(1.3, 4))


def collects(world: World, least: float = 2.5, most: float = 400) -> Iterator[float]:
    """A collected heap: garbage piles up, a small collection takes most of it, a full one all."""
    full_s = world.span_s / math.exp(world.between(math.log(least), math.log(most)))
    young = world.base * world.between(0.05, 0.5)
    rest = world.between(0, 0.5)  # of the garbage: what a small collection leaves
    small = world.chance.choice([1, 4, 10])
    garbage = left = 0.0
    due = full_s * world.between(0, 1)
    number = 0
    jitter = world.between(0, 0.3)
    for at_s, _ in world.ticks():
        garbage += young * world.step_s * small / full_s
        if at_s >= due:
            number += 1
            due += full_s / small * (1 + world.chance.uniform(-jitter, jitter))
            left = 0.0 if number % small == 0 else left + garbage * rest
            garbage = 0.0
        yield world.base + garbage + left


def collects_rarely(world: World) -> Iterator[float]:
    """Not one full collection before the recording ends."""
    yield from collects(world, 0.2, 0.7)


def reloads(world: World) -> Iterator[float]:
    """A larger configuration, model or database is loaded, once or twice."""
    steps = [
        (world.span_s * world.between(0.05, 0.95), world.base * world.between(-0.1, 0.8))
        for _ in range(world.chance.choice([1, 1, 2]))
    ]
    for at_s, _ in world.ticks():
        yield world.base + sum(size for begin, size in steps if begin <= at_s)


def holds_sessions(world: World) -> Iterator[float]:
    """Each request opens a session that is held for a while: memory follows the load."""
    held_s = math.exp(world.between(math.log(2), math.log(world.span_s / 10)))
    share = world.base * world.between(0.05, 1.5)
    size = share / max(world.load.usual * held_s, 0.05)
    sessions, heap = poisson(world.chance, world.load.rate(0.0) * held_s), world.heap()
    for _, requests in world.ticks():
        gone = poisson(world.chance, sessions * (1 - math.exp(-world.step_s / held_s)))
        sessions = max(0, sessions - gone) + requests
        yield heap(world.base + size * sessions, world.step_s)


def keeps_the_peak(world: World) -> Iterator[float]:
    """Each request needs a buffer of another size at the same time as others; the heap never shrinks."""
    size, top = world.base * world.between(0.02, 0.3), 0.0
    for _, requests in world.ticks():
        if requests:
            top = max(top, size * world.chance.paretovariate(3) ** 0.5)
        yield world.base + min(top, world.base)


def breaks_to_pieces(world: World) -> Iterator[float]:
    """Blocks of many sizes come and go: holes make the heap grow, ever more rarely."""
    places, steps = world.chance.choice([40, 120]), world.chance.choice([400, 2000, 6000])
    arena = Arena(world.chance, world.between(0, 0.3))
    blocks: dict[int, tuple[int, int]] = {}
    cell = world.base / places / 6
    done = 0.0
    for _ in world.ticks():
        done += steps * world.step_s / world.span_s
        while done >= 1:
            done -= 1
            place = world.chance.randrange(places)
            if place in blocks:
                arena.free(blocks.pop(place))
            else:
                blocks[place] = arena.allocate(world.chance.choice([1, 2, 3, 5, 8, 16, 24]))
        yield world.base * 0.5 + arena.top * cell


def rotates(world: World) -> Iterator[float]:
    """A log in memory that is written out and begun anew whenever it is full."""
    full_s = world.span_s / world.between(1.6, 12)
    size, filled = world.base * world.between(0.1, 1), world.between(0, 1)
    mean = max(world.load.usual * world.step_s, 1e-9)
    for _, requests in world.ticks():
        filled += world.step_s / full_s * requests / mean
        if filled >= 1:
            filled -= int(filled)
        yield world.base + size * filled


def has_jobs(world: World) -> Iterator[float]:
    """Every hour or so a job runs for a while and needs memory."""
    every_s = world.span_s / world.between(3, 30)
    runs_s, size = every_s * world.between(0.02, 0.3), world.base * world.between(0.1, 1)
    heap, phase = world.heap(), world.between(0, every_s)
    larger = 1.0
    for at_s, _ in world.ticks():
        into = (at_s + phase) % every_s
        if into < world.step_s:
            larger = world.between(0.8, 1.2)
        yield heap(world.base + (size * larger * min(1, 2 * into / runs_s) if into < runs_s else 0.0), world.step_s)


def shrinks(world: World) -> Iterator[float]:
    """Frees what it needed to start, at once or little by little."""
    until_s, size = world.span_s * world.between(0.02, 0.9), world.base * world.between(0.1, 1)
    sudden = world.chance.random() < 0.4
    for at_s, _ in world.ticks():
        yield world.base + size * (float(at_s < until_s) if sudden else max(0.0, 1 - at_s / until_s))


SOUND = (
    steady, wanders, warms_up, starts_in_stages, cache, collects, reloads, holds_sessions, keeps_the_peak,
    breaks_to_pieces, rotates, has_jobs, shrinks,
)  # fmt: skip
# What a recording cannot tell from a leak, for its end comes too soon. Counted apart.
OPEN = (cache_not_full, collects_rarely)
