"""Where the memory was when an OOM report was written: parts that add up to all RAM, and the zones' watermarks.

Pure, over a ``Report``. The kernel's counts overlap (shared memory is on the anonymous lists and in the page cache);
here every page is in one part. What no counter tells, such as vmalloc and the pages of drivers, is the remainder.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from lastgasp.oom.choice import PAGE_KB
from lastgasp.oom.report import Report, Zone

UPPER = (b"HighMem", b"Movable")  # zones that the kernel can't use for itself
HIGH_FLAGS = (b"GFP_HIGHUSER", b"__GFP_HIGHMEM", b"GFP_TRANSHUGE")
LOW_ZONES = ((b"__GFP_DMA", b"DMA"), (b"__GFP_DMA32", b"DMA32"))
CMA_TYPE = b"C"
MOST_ORDER = 30  # of any kernel's request; more is a damaged line


class Part(StrEnum):
    """One kind of memory."""

    ANON = "processes (anonymous)"
    SHMEM = "shared memory, tmpfs"
    FILE = "file cache"
    SLAB_HARD = "slab, unreclaimable"
    SLAB_SOFT = "slab, reclaimable"
    STACKS = "kernel stacks"
    TABLES = "page tables"
    MISC = "other counted kernel memory"
    HUGE = "huge pages set aside"
    REMAINDER = "unexplained remainder"
    FREE = "free"
    FREE_CMA = "free, CMA only"
    RESERVED = "reserved at boot"


KERNEL = (Part.SLAB_HARD, Part.SLAB_SOFT, Part.STACKS, Part.TABLES, Part.MISC, Part.REMAINDER)


@dataclass(frozen=True, slots=True)
class Memory:
    """All RAM in kB. ``over_kb``: by how much the parts exceed it, as counters are read while others move."""

    ram_kb: int
    parts: dict[Part, int]
    over_kb: int
    page_kb: int
    swap_total_kb: int | None
    swap_free_kb: int | None

    @property
    def usable_kb(self) -> int:
        """RAM without what was reserved at boot."""
        return max(self.ram_kb - self.parts.get(Part.RESERVED, 0), 1)

    @property
    def kernel_kb(self) -> int:
        """What the kernel holds for itself; the remainder is most likely its, too."""
        return sum(self.parts.get(part, 0) for part in KERNEL)

    def share(self, kb: int) -> float:
        """The part of usable RAM."""
        return kb / self.usable_kb


@dataclass(frozen=True, slots=True)
class ZoneState:
    """One zone against what it must keep free. ``usable_kb`` leaves out CMA where the request may not have it."""

    name: bytes
    node: int | None
    free_kb: int
    free_cma_kb: int
    usable_kb: int
    min_kb: int | None
    low_kb: int | None
    boost_kb: int
    managed_kb: int | None
    allowed: bool  # the request may take from it
    reserve_kb: int  # what the zone keeps from requests that could do with a higher one
    large_blocks: int | None  # free blocks of the wanted order or above that the request may have

    @property
    def short(self) -> bool:
        """Whether it was below its minimum."""
        return self.min_kb is not None and self.usable_kb <= self.min_kb + self.reserve_kb


def memory(report: Report) -> Memory | None:
    """None where the report has no Mem-Info, only a part of it, or doesn't say how much RAM there is."""
    if not report.ram_pages or not {b"free", b"active_anon", b"slab_unreclaimable"} <= report.counts.keys():
        return None
    size = report.page_kb or PAGE_KB
    count = _Counts(report)
    lru = sum(count(f"{state}_{kind}") for state in ("active", "inactive", "isolated") for kind in ("anon", "file"))
    lru += count("unevictable")
    shmem = count("shmem")
    if report.pagecache_pages is not None:
        cache = max(report.pagecache_pages - (report.swapcache_pages or 0), 0)
        file, anon = max(cache - shmem, 0), max(lru - cache, 0)
    else:
        file = count("active_file") + count("inactive_file") + count("isolated_file")
        anon = max(lru - file - shmem, 0)
    cma = min(count("free_cma"), count("free"))
    huge_kb = sum(pool.get(b"total", 0) * pool.get(b"size_kb", 0) for pool in report.hugepages)
    parts = {
        Part.ANON: anon * size,
        Part.SHMEM: shmem * size,
        Part.FILE: file * size,
        Part.SLAB_HARD: count("slab_unreclaimable") * size,
        Part.SLAB_SOFT: count("slab_reclaimable") * size,
        Part.STACKS: _stacks_kb(report),
        Part.TABLES: (count("pagetables") + count("sec_pagetables")) * size,
        Part.MISC: (count("bounce") + count("kernel_misc_reclaimable")) * size,
        Part.HUGE: huge_kb,
        Part.FREE: (count("free") - cma + count("free_pcp")) * size,
        Part.FREE_CMA: cma * size,
        Part.RESERVED: (report.reserved_pages or 0) * size,
    }
    ram_kb = report.ram_pages * size
    remainder = ram_kb - sum(parts.values())
    parts[Part.REMAINDER] = max(remainder, 0)
    ordered = {part: parts[part] for part in Part}
    return Memory(ram_kb, ordered, max(-remainder, 0), size, report.swap_total_kb, report.swap_free_kb)


class _Counts:
    def __init__(self, report: Report) -> None:
        self.counts = report.counts

    def __call__(self, name: str) -> int:
        return max(self.counts.get(name.encode(), 0), 0)


def _stacks_kb(report: Report) -> int:
    of_nodes = sum(line.get(b"kernel_stack", 0) for line in report.nodes.values())
    return of_nodes or sum(zone.kb.get(b"kernel_stack", 0) for zone in report.zones)


def zones(report: Report) -> list[ZoneState]:
    """The zones that the report lists; from 6.1 or so these are only those that the request may take from."""
    found = list(_zones(report))
    if any(zone.allowed for zone in found):
        return found
    return [replace(zone, allowed=True) for zone in found]


def elsewhere_kb(report: Report) -> int:
    """Free memory in zones that the report doesn't list, as the request may not take from them."""
    size = report.page_kb or PAGE_KB
    if not report.zones:
        return 0
    listed = sum(zone.kb.get(b"free", 0) for zone in report.zones)
    return max(report.counts.get(b"free", 0) * size - listed, 0)


def may_use_cma(report: Report) -> bool | None:
    """Whether the request may have pages of CMA areas: only what can be moved. None where the flags are not told."""
    if report.gfp_flags is None:
        return None
    return b"GFP_HIGHUSER_MOVABLE" in report.gfp_flags or b"__GFP_MOVABLE" in report.gfp_flags


def _zones(report: Report) -> Iterator[ZoneState]:
    top = _top_zone(report)
    cma_allowed = may_use_cma(report) is not False
    index = {b"DMA": 0, b"DMA32": 1, b"Normal": 2, b"HighMem": 3, b"Movable": 4}
    wanted = index.get(top, 4)
    names = [zone.name for zone in report.zones]
    if top not in names and wanted < 2:  # a request for DMA where the only low zone is called otherwise
        wanted = 2
    for zone in report.zones:
        free, cma = zone.kb.get(b"free", 0), zone.kb.get(b"free_cma", 0)
        yield ZoneState(
            name=zone.name,
            node=zone.node,
            free_kb=free,
            free_cma_kb=cma,
            usable_kb=free if cma_allowed else max(free - cma, 0),
            min_kb=zone.kb.get(b"min"),
            low_kb=zone.kb.get(b"low"),
            boost_kb=zone.kb.get(b"boost", 0),
            managed_kb=zone.kb.get(b"managed", zone.kb.get(b"present")),
            allowed=index.get(zone.name, 0) <= wanted,
            reserve_kb=_reserve_kb(report, zone, wanted, index.get(zone.name, 0)),
            large_blocks=_large_blocks(zone, max(report.order or 0, 0), cma_allowed),
        )


def _top_zone(report: Report) -> bytes:
    """The highest zone that the request may take from."""
    flags = report.gfp_flags or ()
    for flag, zone in LOW_ZONES:
        if flag in flags:
            return zone
    if not flags or any(flag.startswith(HIGH_FLAGS) for flag in flags):
        return b"Movable"
    return b"Normal"


def _reserve_kb(report: Report, zone: Zone, wanted: int, own: int) -> int:
    """lowmem_reserve of the zone against the request's; its columns are the zones that the kernel was built with."""
    reserve = zone.lowmem_reserve_pages
    if not reserve or wanted <= own or zone.name in UPPER:
        return 0
    size = report.page_kb or PAGE_KB
    if wanted >= 3:
        return reserve[-1] * size
    return 0


def _large_blocks(zone: Zone, order: int, cma_allowed: bool) -> int | None:
    if zone.free_blocks is None:
        return None
    total = 0
    for at, count in enumerate(zone.free_blocks):
        types = zone.free_block_types[at] if zone.free_block_types and at < len(zone.free_block_types) else b""
        if at >= order and (cma_allowed or types != CMA_TYPE):
            total += count
    return total


def group_memory(report: Report) -> Memory | None:
    """Where the memory of a control group was, in parts that add up to its usage; None where it isn't told."""
    group = report.memcg
    if group is None or not group.usage_kb or not group.stats:
        return None
    stats = group.stats

    def kb(name: bytes) -> int:
        return max(stats.get(b"total_" + name, stats.get(name, 0)), 0) // 1024

    shmem = kb(b"shmem")
    parts = dict.fromkeys(Part, 0)
    if b"anon" in stats:
        parts[Part.ANON], parts[Part.FILE] = kb(b"anon"), max(kb(b"file") - shmem, 0)
    else:
        parts[Part.ANON], parts[Part.FILE] = kb(b"rss"), max(kb(b"cache") - shmem, 0)
        parts[Part.MISC] = group.kmem_usage_kb or 0
    parts[Part.SHMEM] = shmem
    parts[Part.SLAB_HARD], parts[Part.SLAB_SOFT] = kb(b"slab_unreclaimable"), kb(b"slab_reclaimable")
    parts[Part.STACKS], parts[Part.TABLES] = kb(b"kernel_stack"), kb(b"pagetables")
    known = parts[Part.SLAB_HARD] + parts[Part.SLAB_SOFT] + parts[Part.STACKS] + parts[Part.TABLES]
    parts[Part.MISC] += max(kb(b"kernel") - known, 0) + kb(b"sock")
    remainder = group.usage_kb - sum(parts.values())
    parts[Part.REMAINDER] = max(remainder, 0)
    return Memory(group.usage_kb, parts, max(-remainder, 0), report.page_kb or PAGE_KB, None, None)
