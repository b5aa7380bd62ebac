"""What the charts of the machine show: memory by its parts, free memory against the watermarks, stalls, swap."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from lastgasp.analysis.parts import ORDER, Parts, columns, held, parts
from lastgasp.report.html.axis import Axis
from lastgasp.report.html.frame import Column, Frame
from lastgasp.timeline.model import Boot

NAMES = {
    "anonymous": "anonymous (processes' own)",
    "shared": "shared memory, tmpfs",
    "slab_hard": "slab, unreclaimable",
    "page_tables": "page tables",
    "stacks": "kernel stacks",
    "percpu": "per-CPU",
    "hugetlb": "huge pages (reserved)",
    "zswap": "zswap pool",
    "zram": "zram pool",
    "dmabuf": "dma-buf",
    "unexplained": "unexplained",
    "slab_soft": "slab, reclaimable",
    "cache": "file cache",
    "free_cma": "free, for CMA only",
    "free": "free",
}
MEMORY_POINTS = 6_000
STALL_POINTS = 4_000
SHARE = 10_000  # stalls are told in ten thousandths of the time
RESOURCES = (b"memory", b"io", b"cpu")
KINDS = ("some", "full")


def memory(axis: Axis, most: int = MEMORY_POINTS) -> dict[str, object] | None:
    """Parts of RAM (kB) with available memory, used swap and the watermarks; None where no boot has meminfo."""
    frame = Frame()
    absent: set[str] = set()
    over: list[int] = []
    found = [parts(boot) for boot in axis.boots]
    for index, of in enumerate(found):
        if of is None:
            continue
        absent.update(of.absent)
        over += [value for value in of.over if value]
        frame.add(axis, index, of.times, {**of.columns, **_beside(axis.boots[index], of)})
    if not frame.times:
        return None
    for name in ORDER:  # a part that only some boots have is nothing in the others
        if name in frame.columns:
            frame.columns[name] = [value or 0 for value in frame.columns[name]]
    return {
        **frame.encoded(most),
        "parts": [[name, NAMES[name]] for name in ORDER if name in frame.columns],
        "absent": sorted(absent),
        "over": {"moments": len(over), "most": max(over, default=0)},
    }


def _beside(boot: Boot, of: Parts) -> dict[str, Column]:
    """What stands beside the parts, at the same times."""
    found: dict[str, Column] = {"total": of.total, "over": of.over}
    _, (available, swap_free) = columns(boot, "meminfo", b"", ("MemAvailable", "SwapFree"))
    if any(value is not None for value in available):
        found["available"] = available
    swap = held(boot, of.times, "meminfo.slow", b"", "SwapTotal", at_once=True)
    if swap is not None and any(swap):
        found["swap"] = [
            None if all_ is None or free is None else max(all_ - free, 0)
            for all_, free in zip(swap, swap_free, strict=True)
        ]
        found["swap_total"] = swap
    for level in ("min", "low", "high"):
        zones = [held(boot, of.times, "zoneinfo", zone, level, at_once=True) for zone in boot.rows("zoneinfo")]
        known = [zone for zone in zones if zone is not None]
        if known:
            kb = boot.page_size // 1024 or 1
            found[level] = [sum(value or 0 for value in row) * kb for row in zip(*known, strict=True)]
    return found


def stalls(axis: Axis, most: int = STALL_POINTS) -> dict[str, object] | None:
    """How much of the time tasks waited (PSI), in ten thousandths; None where the kernel has no PSI."""
    frame = Frame()
    for index, boot in enumerate(axis.boots):
        times = list(boot.sample_at)
        found: dict[str, Column] = {}
        for resource in RESOURCES:
            for kind in KINDS:
                if resource == b"cpu" and kind == "full":
                    continue  # means nothing for the machine as a whole
                counter = held(boot, times, "pressure", resource, f"{kind}_us")
                if counter is not None:
                    found[f"{resource.decode()} {kind}"] = _shares(boot, times, counter)
        if found and len(times) > 1:
            frame.add(axis, index, times[:-1], found, times[-1])
    return frame.encoded(most) if frame.times else None


def _shares(boot: Boot, times: Sequence[int], counter: Sequence[int | None]) -> list[int | None]:
    """Between each two samples."""
    found: list[int | None] = []
    for (from_ms, before), (to_ms, after) in pairwise(zip(times, counter, strict=True)):
        if before is None or after is None or to_ms <= from_ms or boot.gap_between(from_ms, to_ms):
            found.append(None)
        else:
            share = round((after - before) * SHARE / (1000 * (to_ms - from_ms)))
            found.append(min(max(share, 0), SHARE))
    return found
