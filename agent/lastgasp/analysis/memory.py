"""The machine's memory over time, as curves of a few cells, and growth that belongs to no process.

All boots follow one another on one axis; a cell of which nothing is known (gaps, absent sources) is None.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from lastgasp.analysis.growth import average
from lastgasp.analysis.shape.trend import Confidence, Shape, Verdict, judge
from lastgasp.analysis.times import Moment, moment
from lastgasp.timeline.model import Boot, Recording

if TYPE_CHECKING:
    from lastgasp.analysis.workload.drivers import Drivers

KB = 1024
CELLS = 40
ANONYMOUS = "anonymous memory"
QUIET_LEAST = 1 << 20
QUIET_SHARE = 256  # of RAM: the machine as a whole is never quite quiet
CALM_SHARE = 4096  # the same for what moves only if somebody moves it
SHARED, STACKS, TABLES = "shared memory and tmpfs files", "kernel stacks", "page tables"
SLAB, UNACCOUNTED = "unreclaimable slab", "memory that nobody accounts for"
CALM = (SHARED, STACKS, TABLES)

Points = list[tuple[int, int | None]]  # (ms on the axis, value that holds from then on; None: unknown)


@dataclass(frozen=True, slots=True)
class Track:
    """One kind of memory over time, in bytes."""

    name: str
    cells: list[int | None]  # the lowest value where little is bad, else the highest
    first: int
    last: int
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Stall:
    """How much of the time some task waited for memory (PSI)."""

    cells: list[float | None]  # share of the time, 0 to 1
    total_ms: int
    highest: float  # of the cells


@dataclass(frozen=True, slots=True)
class KernelGrowth:
    """Memory that grows like a leak and belongs to no process."""

    name: str
    verdict: Verdict
    since: Moment
    from_bytes: int
    to_bytes: int
    caches: list[tuple[bytes, int]]  # slab caches that grew, with bytes
    follows: Drivers | None = None  # what the growth was held against; filled in by facts.gather

    @property
    def leaks(self) -> bool:
        """Is it a leak, and more than a suspicion?"""
        return self.verdict.shape is Shape.LEAK and self.verdict.confidence is not Confidence.LOW


# name, how to compute it from which columns of meminfo (kB), and whether little of it is what hurts
Formula = tuple[str, tuple[str, ...], Callable[..., int], bool]
TRACKS: tuple[Formula, ...] = (
    ("available", ("MemAvailable",), lambda available: available, True),
    ("free", ("MemFree",), lambda free: free, True),
    ("anonymous", ("AnonPages",), lambda anon: anon, False),
    ("file cache", ("Buffers", "Cached", "Shmem"), lambda buffers, cached, shmem: buffers + cached - shmem, False),
    ("shared, tmpfs", ("Shmem",), lambda shmem: shmem, False),
    ("slab", ("SReclaimable", "SUnreclaim"), lambda soft, hard: soft + hard, False),
)
# What nobody can free but its owner. "unaccounted" is found in memory(): it needs MemTotal.
OWNED: tuple[Formula, ...] = (
    (ANONYMOUS, ("AnonPages",), lambda anon: anon, False),
    (SHARED, ("Shmem",), lambda shmem: shmem, False),
    (SLAB, ("SUnreclaim",), lambda hard: hard, False),
    (STACKS, ("KernelStack",), lambda stack: stack, False),
    (TABLES, ("PageTables",), lambda tables: tables, False),
)
ACCOUNTED = (
    "MemFree",
    "Buffers",
    "Cached",
    "AnonPages",
    "SReclaimable",
    "SUnreclaim",
    "KernelStack",
    "PageTables",
)


def tracks(recording: Recording) -> list[Track]:
    """The kinds of memory that the recording knows; "free" only where the kernel has no MemAvailable, swap if any."""
    found: list[Track] = []
    for name, columns, formula, low in TRACKS:
        track = _track(recording, name, low, partial(_series, columns=columns, formula=formula))
        if track is not None and not (name == "free" and found):
            found.append(track)
    swap = _track(recording, "swap used", False, _swap_used)
    return [*found, swap] if swap is not None else found


def _track(recording: Recording, name: str, low: bool, series: Callable[[Boot], list[tuple[int, int]]]) -> Track | None:
    points = _axis(recording, series)
    values = [value for _, value in points if value is not None]
    if not values:
        return None
    cells = _cells(points, _length(recording), min if low else max)
    return Track(name, cells, values[0], values[-1], min(values), max(values))


def _swap_used(boot: Boot) -> list[tuple[int, int]]:
    total = boot.latest("meminfo.slow", b"", "SwapTotal")
    return _series(boot, ("SwapFree",), lambda free: total - free) if total else []


def stall(recording: Recording) -> Stall | None:
    """Waiting for memory; None where the kernel has no PSI."""
    points = _axis(recording, lambda boot: list(zip(*boot.points("pressure", b"memory", "some_us"), strict=True)))
    if not any(value is not None for _, value in points):
        return None
    length = _length(recording)
    waited = [0] * CELLS
    known = [0] * CELLS
    total = 0
    ends = [at for at, _ in points[1:]] + [length]
    before: int | None = None
    for (at, value), end in zip(points, ends, strict=True):
        first, last = (min(t * CELLS // max(length, 1), CELLS - 1) for t in (at, max(end - 1, at)))
        if value is not None:
            for cell in range(first, last + 1):
                known[cell] += 1
            if before is not None and value > before:
                waited[first] += value - before
                total += value - before
        before = value
    width_us = max(length, 1) * 1000 / CELLS
    cells = [min(waited[i] / width_us, 1.0) if known[i] else None for i in range(CELLS)]
    return Stall(cells, total // 1000, max(cell for cell in cells if cell is not None))


def kernel_growth(recording: Recording) -> list[KernelGrowth]:
    """What leaks in the machine as a whole, the largest first; of several boots the one where it grew most.

    A leaking process shows here too, as anonymous memory.
    """
    found: dict[str, KernelGrowth] = {}
    for index in range(len(recording.boots)):
        for growth in owned_until(recording.boots, index):
            known = found.get(growth.name)
            if growth.leaks and (known is None or known.verdict.grown < growth.verdict.grown):
                found[growth.name] = growth
    return sorted(found.values(), key=lambda growth: growth.verdict.grown, reverse=True)


Curves = dict[str, tuple[list[int], list[int]]]  # by name: times (ms) and bytes


def owned_until(
    boots: list[Boot], index: int, until_ms: int | None = None, curves: Curves | None = None
) -> list[KernelGrowth]:
    """What nobody can free but its owner, of whatever shape it is in one boot, as if that had ended at a moment.

    ``curves``: what ``owned`` gives for the boot, for those who ask for many moments.
    """
    boot = boots[index]
    total = boot.latest("meminfo.slow", b"", "MemTotal")
    found = []
    samples = len(boot.sample_at) if until_ms is None else bisect_right(boot.sample_at, until_ms)
    for name, (times, sizes) in (owned(boot) if curves is None else curves).items():
        known = len(times) if until_ms is None else bisect_right(times, until_ms)
        times, sizes = times[:known], sizes[:known]
        if not times:
            continue
        quiet = max(QUIET_LEAST, (total or 0) * KB // (CALM_SHARE if name in CALM else QUIET_SHARE))
        verdict = average(judge(times, sizes, boot.sample_at[samples - 1], samples, quiet))
        leaks = name == SLAB and verdict.shape is Shape.LEAK and verdict.confidence is not Confidence.LOW
        caches = _grown_caches(boot, verdict.since_ms, until_ms) if leaks else []
        since = moment(boots, index, verdict.since_ms)
        found.append(KernelGrowth(name, verdict, since, sizes[0], sizes[-1], caches))
    return found


def owned(boot: Boot) -> Curves:
    """The curves of what nobody can free but its owner."""
    total = boot.latest("meminfo.slow", b"", "MemTotal")
    formulas = list(OWNED)
    if total is not None:
        formulas.append((UNACCOUNTED, ACCOUNTED, lambda *kb, all_=total: all_ - sum(kb), False))
    found: Curves = {}
    for name, columns, formula, _ in formulas:
        series = _series(boot, columns, formula)
        found[name] = [at for at, _ in series], [size for _, size in series]
    return found


def _grown_caches(boot: Boot, since_ms: int, until_ms: int | None) -> list[tuple[bytes, int]]:
    """Slab caches by how much they grew since a moment, as far as they were among the largest."""
    grown = []
    for cache in boot.rows("slabinfo"):
        times, values = boot.together("slabinfo", cache, ("slabs", "pages_per_slab"))
        if until_ms is not None:
            known = bisect_right(times, until_ms)
            times, values = times[:known], values[:known]
        sizes = [slabs * pages * boot.page_size for slabs, pages in values]
        before = [size for at, size in zip(times, sizes, strict=True) if at <= since_ms][-1:] or sizes[:1]
        if sizes and sizes[-1] > before[0]:
            grown.append((cache, sizes[-1] - before[0]))
    return sorted(grown, key=lambda item: item[1], reverse=True)[:3]


def _series(boot: Boot, columns: tuple[str, ...], formula: Callable[..., int]) -> list[tuple[int, int]]:
    times, values = boot.together("meminfo", b"", columns)
    return [(at, max(formula(*value), 0) * KB) for at, value in zip(times, values, strict=True)]


def _axis(recording: Recording, series: Callable[[Boot], list[tuple[int, int]]]) -> Points:
    """The values of all boots on one axis, with None from where a boot or a gap begins to the next value."""
    points: Points = []
    passed = 0
    for boot in recording.boots:
        points.append((passed, None))
        of_boot: Points = [*series(boot), *((gap.from_ms, None) for gap in boot.gaps)]
        of_boot.sort(key=lambda point: (point[0], point[1] is None))
        points += [(passed + max(at - boot.first_ms, 0), value) for at, value in of_boot]
        passed += boot.last_ms - boot.first_ms
    return points


def _length(recording: Recording) -> int:
    return sum(boot.last_ms - boot.first_ms for boot in recording.boots)


def _cells(points: Points, length: int, choose: Callable[[int, int], int]) -> list[int | None]:
    """One value for each of CELLS equal stretches of the axis."""
    cells: list[int | None] = [None] * CELLS
    ends = [at for at, _ in points[1:]] + [length]
    for (at, value), end in zip(points, ends, strict=True):
        if value is None:
            continue
        first, last = (min(t * CELLS // max(length, 1), CELLS - 1) for t in (at, max(end - 1, at)))
        for cell in range(first, last + 1):
            known = cells[cell]
            cells[cell] = value if known is None else choose(known, value)
    return cells
