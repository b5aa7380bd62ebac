"""Growth of memory that nobody can free but its owner, and that is no single process's: kernel, shared memory, files.

The kinds are the parts that RAM is made of (``parts``), which overlap nowhere: a byte that leaks is told once. Two
counters overlap with others and speak only where those are silent: socket buffers (they lie in slab and in what nobody
accounts for) and zram (it holds anonymous memory that was swapped out, which is a process's; so only that part of its
pool counts which is no swap). Free CMA pages, vmalloc and socket buffers are told as what growth of another kind may
consist of (``within``).

Reclaimable slab is a cache: it grows in any machine that reads directories, until the kernel wants the memory back. It
leaks only if it grows on while the kernel takes pages back elsewhere.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from lastgasp.analysis.parts import held, parts
from lastgasp.analysis.shape import curve
from lastgasp.analysis.shape.trend import Confidence, Shape, Verdict, judge
from lastgasp.analysis.shape.verdict import average
from lastgasp.analysis.times import Moment, moment
from lastgasp.timeline.model import Boot, Recording

if TYPE_CHECKING:
    from lastgasp.analysis.workload.drivers import Drivers

KB = 1024
QUIET_LEAST = 1 << 20
QUIET_SHARE = 256  # of RAM: the machine as a whole is never quite quiet
CALM_SHARE = 4096  # the same for what moves only if somebody moves it

ANONYMOUS = "anonymous memory"
SHARED, STACKS, TABLES = "shared memory and tmpfs files", "kernel stacks", "page tables"
SLAB, UNACCOUNTED = "unreclaimable slab", "memory that nobody accounts for"
PERCPU, DMABUF, ZRAM = "per-CPU memory", "dma-buf", "zram that is no swap"
SOCKETS, SOFT_SLAB = "socket buffers", "reclaimable slab that does not give way"
CALM = (SHARED, STACKS, TABLES, PERCPU, DMABUF, ZRAM, SOCKETS)
PARTS = {
    ANONYMOUS: "anonymous",
    SHARED: "shared",
    SLAB: "slab_hard",
    STACKS: "stacks",
    TABLES: "page_tables",
    PERCPU: "percpu",
    DMABUF: "dmabuf",
    UNACCOUNTED: "unexplained",
}
# Where MemTotal or MemFree were not recorded.
PLAIN = {ANONYMOUS: "AnonPages", SHARED: "Shmem", SLAB: "SUnreclaim", STACKS: "KernelStack", TABLES: "PageTables"}
WITHIN_SHARE = 0.2  # of growth: what may be in it is worth a word from there on
RECLAIMED = 0.5  # of the cells of a growth in which the kernel took pages back: it wanted this memory, too
RECLAIM_CELLS = 8
SWAP_SLACK = 1.1  # of what is in swap: zram counts whole pages, and later than meminfo does

Curves = dict[str, tuple[list[int], list[int]]]  # by name: times (ms) and bytes


@dataclass(frozen=True, slots=True)
class KernelGrowth:
    """Memory that grows like a leak and belongs to no process."""

    name: str
    verdict: Verdict
    since: Moment
    from_bytes: int
    to_bytes: int
    caches: list[tuple[bytes, int]]  # slab caches that grew, with bytes
    within: list[tuple[str, int]] = field(default_factory=list)  # what of it other counters may know, with bytes
    follows: Drivers | None = None  # what the growth was held against; filled in by facts.gather

    @property
    def leaks(self) -> bool:
        """Is it a leak, and more than a suspicion?"""
        return self.verdict.shape is Shape.LEAK and self.verdict.confidence is not Confidence.LOW


def kernel_growth(recording: Recording) -> list[KernelGrowth]:
    """What leaks in the machine as a whole, the largest first; of several boots the one where it grew most.

    A leaking process shows here too, as anonymous memory.
    """
    found: dict[str, KernelGrowth] = {}
    for index in range(len(recording.boots)):
        for growth in [*owned_until(recording.boots, index), *_overlapping(recording.boots, index)]:
            known = found.get(growth.name)
            if growth.leaks and (known is None or known.verdict.grown < growth.verdict.grown):
                found[growth.name] = growth
    if SLAB in found or UNACCOUNTED in found:
        found.pop(SOCKETS, None)  # told there
    return sorted(found.values(), key=lambda growth: growth.verdict.grown, reverse=True)


def owned_until(
    boots: list[Boot], index: int, until_ms: int | None = None, curves: Curves | None = None
) -> list[KernelGrowth]:
    """What nobody can free but its owner, of whatever shape it is in one boot, as if that had ended at a moment.

    ``curves``: what ``owned`` gives for the boot, for those who ask for many moments.
    """
    boot = boots[index]
    found = []
    for name, (times, sizes) in (owned(boot) if curves is None else curves).items():
        growth = _judged(boots, index, name, times, sizes, until_ms)
        if growth is not None:
            found.append(growth)
    return found


def owned(boot: Boot) -> Curves:
    """The curves of what nobody can free but its owner; none of them overlap."""
    of = parts(boot)
    found: Curves = {}
    if of is None:
        for name, column in PLAIN.items():
            times, kb = boot.points("meminfo", b"", column)
            found[name] = list(times), [value * KB for value in kb]
        return found
    times = of.times
    at = list(times)
    for name, column in PARTS.items():
        if column in of.columns:
            found[name] = at, [value * KB for value in of.columns[column]]
    if "zram" in of.columns:
        files = _zram_files(boot, at, of.columns["zram"])
        if files:
            found[ZRAM] = at, files
    return found


def every_curve(boot: Boot) -> Curves:
    """The curves of all that ``kernel_growth`` can tell of: the last two lie within others."""
    return {**owned(boot), SOCKETS: _sockets(boot), SOFT_SLAB: _soft_slab(boot)}


def _judged(
    boots: list[Boot],
    index: int,
    name: str,
    times: Sequence[int],
    sizes: Sequence[int],
    until_ms: int | None = None,
    samples: int | None = None,
) -> KernelGrowth | None:
    """None: it was not recorded by then. ``samples``: how often it was looked at, if not at every sample."""
    boot = boots[index]
    looked = len(boot.sample_at) if until_ms is None else bisect_right(boot.sample_at, until_ms)
    known = len(times) if until_ms is None else bisect_right(times, until_ms)
    times, sizes = times[:known], sizes[:known]
    if not times:
        return None
    total = boot.latest("meminfo.slow", b"", "MemTotal") or 0
    quiet = max(QUIET_LEAST, total * KB // (CALM_SHARE if name in CALM else QUIET_SHARE))
    end_ms = max(boot.sample_at[looked - 1], times[-1])
    verdict = average(judge(times, sizes, end_ms, looked if samples is None else samples, quiet))
    growth = KernelGrowth(name, verdict, moment(boots, index, verdict.since_ms), sizes[0], sizes[-1], [])
    if not growth.leaks:
        return growth
    caches = _grown_caches(boot, verdict.since_ms, until_ms) if name in (SLAB, SOFT_SLAB) else []
    return replace(growth, caches=caches, within=list(_within(boot, name, verdict)))


# -- what overlaps -----------------------------------------------------------------------------------------


def _overlapping(boots: list[Boot], index: int) -> Iterator[KernelGrowth]:
    """Kinds of memory that lie within others, where they leak by themselves."""
    boot = boots[index]
    times, sizes = _sockets(boot)
    growth = _judged(boots, index, SOCKETS, times, sizes, samples=len(times))
    if growth is not None:
        yield growth
    growth = _judged(boots, index, SOFT_SLAB, *_soft_slab(boot))
    if growth is not None and growth.leaks and _wanted(boot, growth.verdict):
        yield growth


def _sockets(boot: Boot) -> tuple[list[int], list[int]]:
    times, rows = boot.together("sockstat", b"", ("tcp_memory_pages", "udp_memory_pages"))
    return list(times), [(tcp + udp) * boot.page_size for tcp, udp in rows]


def _soft_slab(boot: Boot) -> tuple[list[int], list[int]]:
    times, kb = boot.points("meminfo", b"", "SReclaimable")
    return list(times), [value * KB for value in kb]


def _wanted(boot: Boot, verdict: Verdict) -> bool:
    """Did the kernel take pages back through most of this growth? Then a cache would have given way."""
    counters = [boot.points("vmstat", b"", name) for name in ("pgsteal_kswapd", "pgsteal_direct")]
    busy = 0
    for cell in range(RECLAIM_CELLS):
        ends = [
            verdict.since_ms + (verdict.until_ms - verdict.since_ms) * (cell + more) // RECLAIM_CELLS for more in (0, 1)
        ]
        for times, values in counters:
            before, after = (bisect_right(times, at) - 1 for at in ends)
            if before >= 0 and values[after] > values[before]:
                busy += 1
                break
    return busy >= RECLAIMED * RECLAIM_CELLS


def _zram_files(boot: Boot, times: Sequence[int], pool_kb: Sequence[int]) -> list[int]:
    """Bytes of zram's pool that are no swap: by what lies in it beyond what is in swap at that moment.

    Empty: what lies in it (orig_data_size) was not recorded of every device, so that it cannot be told.
    """
    total = boot.latest("meminfo.slow", b"", "SwapTotal") or 0
    free = held(boot, times, "meminfo", b"", "SwapFree")
    stored = [held(boot, times, "zram", device, "orig_data_size") for device in boot.rows("zram")]
    known = [column for column in stored if column is not None]
    if len(known) < len(stored):
        return []
    held_bytes = [sum(value or 0 for value in row) for row in zip(*known, strict=True)]
    found = []
    for i, (pool, all_) in enumerate(zip(pool_kb, held_bytes, strict=True)):
        left = free[i] if free is not None else None
        swap = max(total - left, 0) * KB if left is not None else 0
        share = 1 - swap / all_ if all_ > swap * SWAP_SLACK else 0.0
        found.append(round(pool * KB * share))
    return found


def _within(boot: Boot, name: str, verdict: Verdict) -> Iterator[tuple[str, int]]:
    """Counters that rose along, by a good part of the growth: it may consist of what they count."""

    def rose(table: str, *columns: str) -> int:
        times, rows = boot.together(table, b"", columns)
        first = max(bisect_left(times, verdict.since_ms) - 1, 0)
        last = bisect_right(times, verdict.until_ms) - 1
        return sum(rows[last]) - sum(rows[first]) if 0 <= first < last else 0

    found = []
    if name == UNACCOUNTED:
        # Stacks of threads are vmalloc, too, and are accounted for.
        found.append(("vmalloc", (rose("meminfo.slow", "VmallocUsed") - max(rose("meminfo", "KernelStack"), 0)) * KB))
        found.append(("CMA", -rose("meminfo", "CmaFree") * KB))
    if name in (SLAB, UNACCOUNTED):
        found.append((SOCKETS, rose("sockstat", "tcp_memory_pages", "udp_memory_pages") * boot.page_size))
    for what, grown in found:
        if grown >= WITHIN_SHARE * verdict.grown:
            yield what, grown


def _grown_caches(boot: Boot, since_ms: int, until_ms: int | None) -> list[tuple[bytes, int]]:
    """Slab caches by how much they grew since a moment, as far as they were among the largest."""
    grown = []
    for cache in boot.rows("slabinfo"):
        times, values = boot.together("slabinfo", cache, ("slabs", "pages_per_slab"))
        if until_ms is not None:
            known = bisect_right(times, until_ms)
            times, values = times[:known], values[:known]
        sizes = [slabs * pages * boot.page_size for slabs, pages in values]
        rose = sizes[-1] - curve.value_at(times, sizes, since_ms) if sizes else 0
        if rose > 0:
            grown.append((cache, rose))
    return sorted(grown, key=lambda item: item[1], reverse=True)[:3]
