"""Runs of a made-up firmware: the same programs each time, with other noise. Recordings in memory, for many seeds.

A firmware is a seed: it decides which programs there are, how large each is and how it moves. A run is another seed:
it decides when, and how the heap happens to lie. What a test changes (a larger program, a leak) is given by name.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterator
from random import Random

from lastgasp.ring.payload import Series
from lastgasp.timeline.model import Boot, Event, Process, Recording

KB, PAGE = 1024, 4096
STEP_MS = 5000
STEP_S = STEP_MS / 1000
COLUMNS = (b"rss", b"shared", b"vsize", b"threads", b"state")
MEMINFO = (b"MemFree", b"MemAvailable", b"Buffers", b"Cached", b"AnonPages", b"Shmem", b"SReclaimable", b"SUnreclaim",
           b"KernelStack", b"PageTables")  # fmt: skip
TOTAL_KB = 262_144
Sizes = Iterator[float]  # bytes at each sample


def still(plan: Random, run: Random, base: float) -> Sizes:
    """Never moves."""
    while True:
        yield base


def jitters(plan: Random, run: Random, base: float) -> Sizes:
    """White noise: passing buffers."""
    share = plan.uniform(0.005, 0.03)
    while True:
        yield base * (1 + run.gauss(0, share))


def wanders(plan: Random, run: Random, base: float) -> Sizes:
    """Noise that remembers itself for minutes."""
    share, memory_s = plan.uniform(0.01, 0.04), math.exp(plan.uniform(math.log(20), math.log(600)))
    keep = math.exp(-STEP_S / memory_s)
    now = run.gauss(0, share)
    while True:
        now = keep * now + run.gauss(0, share) * math.sqrt(1 - keep * keep)
        yield base * (1 + now)


def sawtooth(plan: Random, run: Random, base: float) -> Sizes:
    """Collects garbage and gives it back."""
    height, period_s = plan.uniform(0.1, 0.8), plan.uniform(20, 500)
    at = run.random()
    while True:
        at += STEP_S / period_s * run.uniform(0.8, 1.2)
        yield base * (1 + height * (at % 1))


def bursts(plan: Random, run: Random, base: float) -> Sizes:
    """Takes much for a moment, now and then."""
    height, every_s = plan.uniform(0.2, 1.5), plan.uniform(60, 900)
    left, size = 0, 0.0
    while True:
        if not left and run.random() < STEP_S / every_s:
            left, size = run.randrange(1, 5), height * run.uniform(0.7, 1.0)
        left = max(left - 1, 0)
        yield base * (1 + (size if left else 0.0))


def fills(plan: Random, run: Random, base: float) -> Sizes:
    """A cache with a limit."""
    limit, pace_s = plan.uniform(0.5, 3), plan.uniform(30, 300)
    filled = 0.0
    while True:
        filled += (limit - filled) * STEP_S / pace_s * run.uniform(0.5, 1.5)
        yield base * (1 + filled)


def sessions(plan: Random, run: Random, base: float) -> Sizes:
    """As many buffers as there are clients, who come and go."""
    usual, stay_s, size = plan.uniform(3, 40), plan.uniform(30, 400), base * plan.uniform(0.005, 0.05)
    here = sum(run.random() < 0.5 for _ in range(round(2 * usual)))
    while True:
        here += sum(run.random() < usual / 60 * STEP_S / stay_s for _ in range(60))
        here -= sum(run.random() < STEP_S / stay_s for _ in range(here))
        yield base + here * size


KINDS: tuple[Callable[[Random, Random, float], Sizes], ...] = (
    still, jitters, wanders, sawtooth, bursts, fills, sessions
)  # fmt: skip


def name_of(number: int) -> bytes:
    """Of a firmware's program: what it does, and a number."""
    return b"%s%d" % (KINDS[number % len(KINDS)].__name__.encode(), number)


def recording(
    firmware: int,
    run: int,
    minutes: float = 60,
    programs: int = 14,
    times: dict[bytes, float] | None = None,
    leaks: dict[bytes, float] | None = None,
) -> Recording:
    """One run. ``times``: so many times as large a program; ``leaks``: so many bytes an hour from the start."""
    chance = Random(f"{firmware} {run}")
    boot = Boot(bytes([run % 256]) * 16)
    count = round(minutes * 60 / STEP_S)
    boot.first_ms = 30_000
    boot.sample_at = array("q", (boot.first_ms + n * STEP_MS for n in range(count)))
    boot.sample_flags = bytearray(count)
    boot.last_ms = boot.sample_at[-1]
    machine = {"page_size": b"4096", "clock_ticks": b"100", "total_kb": b"%d" % TOTAL_KB, "kernel": b"6.1.0"}
    boot.events.append(Event(boot.first_ms, "machine", machine))
    total = [0.0] * count
    boot.tables[b"process"] = {}
    for number in range(programs):
        plan = Random(f"{firmware} {number}")
        name = name_of(number)
        base = math.exp(plan.uniform(math.log(300), math.log(20_000))) * KB * (times or {}).get(name, 1.0)
        # Where the heap lies and how it is broken up: some pages, and half a percent.
        base = base * (1 + chance.gauss(0, 0.004)) + chance.gauss(0, 2) * PAGE
        sizes = KINDS[number % len(KINDS)](plan, chance, base)
        key = b"%d@%d" % (100 + number, 1000 + number)
        series = Series(COLUMNS)
        last = -1
        for n, at in enumerate(boot.sample_at):
            size = max(next(sizes) + (leaks or {}).get(name, 0.0) * n * STEP_S / 3600, PAGE)
            total[n] += size
            pages = round(size / PAGE)
            if pages != last:
                series.append(at, (pages + 100, 100, 5000, 1, ord("S")))
                last = pages
        boot.tables[b"process"][key] = [series]
        boot.processes[key] = Process(key, [name])
    _machine(boot, total, chance)
    found = Recording(f"{firmware}-{run}.lgr", firmware * 1000 + run, [boot])
    found.slots, found.block_size, found.blocks, found.writes = 1024, 4096, 100, 100
    return found


def _machine(boot: Boot, anonymous: list[float], chance: Random) -> None:
    series = Series(MEMINFO)
    cached = 40_000.0
    for at, size in zip(boot.sample_at, anonymous, strict=True):
        cached += chance.gauss(0, 30) + (42_000 - cached) * 0.01
        anon = round(size / KB)
        slab = 6000 + round(chance.gauss(0, 20))
        rest = 1000 + round(cached) + anon + 3000 + slab + 700 + 900
        free = TOTAL_KB - 9000 - rest
        series.append(at, (free, free + round(cached) - 500, 1000, round(cached), anon, 500, 3000, slab, 700, 900))
    slow = Series((b"MemTotal", b"SwapTotal"))
    slow.append(boot.sample_at[0], (TOTAL_KB, 0))
    boot.tables[b"meminfo"] = {b"": [series]}
    boot.tables[b"meminfo.slow"] = {b"": [slow]}
