"""What RAM is made of at each moment: parts that add up to MemTotal, none of it counted twice.

Most parts are lines of /proc/meminfo. MemFree is split by what only movable pages may use (CmaFree); Cached holds
tmpfs and shared memory (Shmem), which are told apart. What meminfo does not count, but something else that was recorded
does (zram's pool, dma-buf), is taken out of what would be unexplained, and never more than that: a dma-buf can be
shared memory, too. The rest is unexplained: drivers, vmalloc, the kernel's own pages.

The kernel reads its counters one after another, so that their sum can be above MemTotal: that much is ``over``, and
nothing is unexplained then. At every moment ``sum(parts) == total + over``. All in kB.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lastgasp.timeline.model import Boot

MemoryColumn = list[int | None]

# Each with the columns of meminfo that it takes, the hardest to get back first.
COUNTED: tuple[tuple[str, tuple[str, ...], Callable[..., int]], ...] = (
    ("anonymous", ("AnonPages",), lambda anon: anon),
    ("shared", ("Shmem",), lambda shmem: shmem),
    ("slab_hard", ("SUnreclaim",), lambda slab: slab),
    ("page_tables", ("PageTables",), lambda tables: tables),
    ("stacks", ("KernelStack",), lambda stacks: stacks),
    ("slab_soft", ("SReclaimable",), lambda slab: slab),
    ("cache", ("Buffers", "Cached", "Shmem"), lambda buffers, cached, shmem: max(buffers + cached - shmem, 0)),
)
FREE = ("MemFree", "CmaFree")
SLOW = (("percpu", "Percpu"), ("hugetlb", "Hugetlb"), ("zswap", "Zswap"))  # in meminfo.slow, counted nowhere else
ORDER = (
    "anonymous", "shared", "slab_hard", "page_tables", "stacks", "percpu", "hugetlb", "zswap", "zram", "dmabuf",
    "unexplained", "slab_soft", "cache", "free_cma", "free",
)  # fmt: skip


@dataclass(slots=True)
class Parts:
    """One boot. Every column has a value for each of ``times`` (ms)."""

    times: array[int]
    columns: dict[str, list[int]]  # by the names of ORDER, in that order, those that were recorded
    total: list[int]
    over: list[int]
    absent: list[str]  # lines of meminfo that this kernel does not have: what they stand for is unexplained


def parts(boot: Boot) -> Parts | None:
    """What RAM is made of; None where MemTotal or MemFree were not recorded."""
    wanted = sorted({name for _, names, _ in COUNTED for name in names} | set(FREE))
    times, found = columns(boot, "meminfo", b"", wanted)
    totals = held(boot, times, "meminfo.slow", b"", "MemTotal", at_once=True)
    if totals is None or not times:
        return None
    known = {
        name: _counts(values) for name, values in zip(wanted, found, strict=True) if values.count(None) < len(times)
    }
    if "MemFree" not in known:
        return None
    made: dict[str, list[int]] = {}
    for part, names, formula in COUNTED:
        if part == "cache":
            made[part] = list(map(formula, *(known.get(name, [0] * len(times)) for name in names)))
        elif names[0] in known:
            made[part] = list(map(formula, *(known[name] for name in names)))
    free = known["MemFree"]
    cma = known.get("CmaFree")
    if cma is not None and any(cma):
        made["free_cma"] = list(map(min, cma, free))
        free = list(map(int.__sub__, free, made["free_cma"]))
    made["free"] = free
    total = _counts(totals)
    rest = [all_ - sum(row) for all_, row in zip(total, zip(*made.values(), strict=True), strict=True)]
    over = [max(-value, 0) for value in rest]
    rest = [max(value, 0) for value in rest]
    for name, sizes in _others(boot, times):
        if any(sizes):
            made[name] = [min(size, left) for size, left in zip(sizes, rest, strict=True)]
            rest = [left - size for left, size in zip(rest, made[name], strict=True)]
    made["unexplained"] = rest
    absent = [name for name in wanted if name not in known and name != "CmaFree"]
    return Parts(times, {name: made[name] for name in ORDER if name in made}, total, over, absent)


def _counts(column: MemoryColumn) -> list[int]:
    """Nothing where nothing is known."""
    return [value or 0 for value in column]


def _others(boot: Boot, times: Sequence[int]) -> list[tuple[str, list[int]]]:
    """What is recorded beside the fast lines of meminfo."""
    found: list[tuple[str, list[int]]] = []
    for part, name in SLOW:
        values = held(boot, times, "meminfo.slow", b"", name)
        if values is not None:
            found.append((part, [value or 0 for value in values]))
    pools = [held(boot, times, "zram", device, "mem_used_total") for device in boot.rows("zram")]
    known = [pool for pool in pools if pool is not None]
    if known:
        found.append(("zram", [sum(value or 0 for value in row) // 1024 for row in zip(*known, strict=True)]))
    buffers = held(boot, times, "dmabuf", b"", "bytes")
    if buffers is not None:
        found.append(("dmabuf", [(value or 0) // 1024 for value in buffers]))
    return found


def columns(boot: Boot, table: str, key: bytes, names: Sequence[str]) -> tuple[array[int], list[MemoryColumn]]:
    """Times (ms) and values of some columns of a row, whenever it was written; None: absent then."""
    times = array("q")
    for series in boot.rows(table).get(key, ()):
        times += series.at
    found: list[MemoryColumn] = []
    for name in names:
        at, values = boot.points(table, key, name)
        if len(at) == len(times):
            found.append(list(values))
        else:
            known = dict(zip(at, values, strict=True))
            found.append([known.get(moment) for moment in times])
    return times, found


def held(
    boot: Boot, times: Sequence[int], table: str, key: bytes, column: str, at_once: bool = False
) -> MemoryColumn | None:
    """The value that a column held at each of ``times``; None: it was never recorded.

    Before its first value it is None, or (``at_once``, of what does not change) the first one.
    """
    at, values = boot.points(table, key, column)
    if not values:
        return None
    found: MemoryColumn = []
    current: int | None = values[0] if at_once else None
    i = 0
    for moment in times:
        while i < len(at) and at[i] <= moment:
            current = values[i]
            i += 1
        found.append(current)
    return found
