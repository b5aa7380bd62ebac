"""Programs that lose memory. Each yields its anonymous bytes at every tick, and tells ``world`` what it lost."""

from __future__ import annotations

import math
from collections.abc import Iterator

from corpus.heaps import Arena
from corpus.loads import poisson
from corpus.sound import cache, collects, has_jobs, holds_sessions, starts_in_stages, wanders, warms_up
from corpus.world import Program, World


def per_request(world: World) -> Iterator[float]:
    """Forgets a little at one request in some, and holds sessions besides."""
    one_in = world.chance.choice([1, 1, 3, 50])
    size = world.leak_per_s / world.load.usual * one_in
    rest = 0
    for at_s, requests in world.ticks():
        lost, rest = divmod(rest + requests, one_in)
        yield world.base + world.lose(at_s, lost * size)


def with_sessions(world: World) -> Iterator[float]:
    """Holds sessions as a sound server does, and forgets a little at each request."""
    size = world.leak_per_s / world.load.usual
    before = world.load.total
    for at_s, resident in _timed(world, holds_sessions):
        requests, before = world.load.total - before, world.load.total
        yield resident + world.lose(at_s, requests * size)


def per_timer(world: World) -> Iterator[float]:
    """Forgets the same at each run of a timer."""
    every_s = math.exp(world.between(math.log(1), math.log(world.span_s / 20)))
    due = world.between(0, every_s)
    for at_s, _ in world.ticks():
        runs = 0
        while due <= at_s:
            due += every_s
            runs += 1
        yield world.base + world.lose(at_s, runs * world.leak_per_s * every_s)


def whole_buffers(world: World) -> Iterator[float]:
    """Forgets a whole buffer now and then, by chance: stairs."""
    count = math.exp(world.between(math.log(8), math.log(200)))
    size = world.leak_per_s * world.span_s / count
    for at_s, _ in world.ticks():
        yield world.base + world.lose(at_s, size * poisson(world.chance, count * world.step_s / world.span_s))


def table_never_cleaned(world: World) -> Iterator[float]:
    """Keeps an entry for each key that it ever saw: entries in pools, and an index that doubles."""
    index_share = world.between(0.1, 0.4)
    pool = 2 ** world.chance.randint(12, 17)
    held = index = world.leak_per_s * world.span_s * world.between(0.05, 0.8)
    for at_s, requests in world.ticks():
        grown = world.leak_per_s * (1 - index_share) * requests / world.load.usual
        held += grown
        before = index
        while index < held:
            index *= 2
        world.lose(at_s, grown + (index - before) * index_share)
        yield world.base + math.ceil(held / pool) * pool + index * index_share


def among_pieces(world: World) -> Iterator[float]:
    """Blocks come and go in an arena, and some never go.

    What the leak costs is what a twin that does the same without it does not hold: as long as lost blocks fit into
    holes it is nothing.
    """
    places, steps = 40, world.chance.choice([400, 2000])
    trim = world.between(0, 0.3)
    arena, twin = Arena(world.chance, trim), Arena(world.chance, trim)
    blocks: dict[int, tuple[tuple[int, int], tuple[int, int]]] = {}
    cell = world.base / places / 6
    done = owed = 0.0
    for at_s, _ in world.ticks():
        done += steps * world.step_s / world.span_s
        while done >= 1:
            done -= 1
            place = world.chance.randrange(places)
            if place in blocks:
                mine, its = blocks.pop(place)
                arena.free(mine)
                twin.free(its)
            else:
                size = world.chance.choice([1, 2, 3, 5, 8, 16])
                blocks[place] = arena.allocate(size), twin.allocate(size)
        owed += world.leak_per_s * world.step_s
        if owed >= cell:
            lost = int(owed / cell)
            owed -= lost * cell
            for _ in range(min(lost, 50)):
                arena.allocate(math.ceil(lost / min(lost, 50)))
        world.lose(at_s, (arena.top - twin.top) * cell - world.leaked)
        yield world.base * 0.5 + arena.top * cell


def _timed(world: World, program: Program) -> Iterator[tuple[float, float]]:
    for number, resident in enumerate(program(world)):
        yield number * world.step_s, resident


def _below(world: World, program: Program) -> Iterator[float]:
    """Something sound on top, and a leak by time underneath."""
    for at_s, resident in _timed(world, program):
        yield resident + world.lose(at_s, world.leak_per_s * world.step_s)


def below_collections(world: World) -> Iterator[float]:
    """What is reachable and never used grows: the troughs of a collected heap rise."""
    yield from _below(world, lambda w: collects(w, 8))


def below_a_cache(world: World) -> Iterator[float]:
    """A cache fills on top of the leak, and hides its beginning."""
    yield from _below(world, cache)


def after_warm_up(world: World) -> Iterator[float]:
    """Starts as all do, and leaks as well."""
    yield from _below(world, world.chance.choice([warms_up, starts_in_stages]))


def below_jobs(world: World) -> Iterator[float]:
    """Jobs come and go, the leak stays."""
    yield from _below(world, lambda w: has_jobs(w))


def while_it_wanders(world: World) -> Iterator[float]:
    """A leak no steadier than the program."""
    yield from _below(world, wanders)


def late(world: World) -> Iterator[float]:
    """Leaks from when a feature is first used."""
    begins_s = max(min(world.span_s * world.between(0.1, 0.6), world.span_s - 3_700), 0)
    for at_s, _ in world.ticks():
        lost = world.lose(at_s, world.leak_per_s * world.step_s) if at_s >= begins_s else 0.0
        yield world.base + lost


LEAKY = (
    per_request, with_sessions, per_timer, whole_buffers, table_never_cleaned, among_pieces, below_collections,
    below_a_cache, after_warm_up, below_jobs, while_it_wanders, late,
)  # fmt: skip
