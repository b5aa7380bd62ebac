"""How much the machine can still take: available memory that really can be had, and free swap.

MemAvailable is the kernel's own guess, and it promises too much: reclaimable slab that is in use all the same (on ARM
guests of 109 MB, 6.7 of 7.0 MB of it were still there at the kill), and pages that boosted watermarks keep free.
"""

from __future__ import annotations

from dataclasses import dataclass

from lastgasp.analysis.fields import whole
from lastgasp.timeline.model import Boot

KB = 1024
COLUMNS = ("MemFree", "Buffers", "Cached", "Shmem", "SReclaimable")
SLAB_STAYS, SLAB_STAYS_SHARE = 6 << 20, 0.1  # of reclaimable slab, at a real OOM kill
ZRAM_COST = 0.4  # RAM for a byte in zram, where the recording cannot tell; 0.25 and 0.6 are usual
ZRAM_RANGE = (0.25, 0.6)


@dataclass(frozen=True, slots=True)
class Room:
    """How many bytes can still be taken: the best guess, and the range."""

    likely: int
    low: int
    high: int


def machine_room(boot: Boot, at_ms: int) -> Room | None:
    """Available memory that really can be had, and free swap."""
    slab = (_value(boot, "SReclaimable", at_ms) or 0) * KB
    available_kb = _value(boot, "MemAvailable", at_ms)
    if available_kb is None:  # before Linux 3.14
        rows = [_value(boot, name, at_ms) for name in COLUMNS]
        if None in rows:
            return None
        free, buffers, cached, shmem, soft = (kb or 0 for kb in rows)
        available_kb = free + (buffers + cached - shmem) // 2 + soft // 2
    available = available_kb * KB
    stays = min(slab, round(SLAB_STAYS + SLAB_STAYS_SHARE * slab))
    counted = max(slab // 2, slab - _watermark(boot, at_ms))  # of it in MemAvailable
    hidden = min(counted, stays)
    swap = (_value(boot, "SwapFree", at_ms) or 0) * KB
    cheap, usual, dear = _zram_costs(boot, at_ms)
    return Room(
        max(available - round(0.8 * hidden), 0) + round(swap * (1 - usual)),
        max(available - hidden - available // 20 - _boost(boot, at_ms), 0) + round(swap * (1 - dear)),
        available + round(swap * (1 - cheap)),
    )


def _watermark(boot: Boot, at_ms: int) -> int:
    """Bytes of the low watermarks together."""
    pages = [boot.value_at("zoneinfo", zone, "low", at_ms) for zone in boot.rows("zoneinfo")]
    return sum(page or 0 for page in pages) * boot.page_size


def _boost(boot: Boot, at_ms: int) -> int:
    """Bytes by which the kernel may raise the minimum watermarks, for a while, once memory is in pieces (Linux 5.0).

    On an ARM guest of 64 MB it kept 8 MB more free at the kill (mm/page_alloc.c, boost_watermark).
    """
    factor = whole(boot.machine().get("vm.watermark_boost_factor")) or 0
    pages = [boot.value_at("zoneinfo", zone, "high", at_ms) for zone in boot.rows("zoneinfo")]
    return sum(page or 0 for page in pages) * boot.page_size * factor // 10_000


def _zram_costs(boot: Boot, at_ms: int) -> tuple[float, float, float]:
    """RAM for a byte of swap: at least, likely, at most. Swap on a disk or flash costs none."""
    devices = boot.rows("zram")
    if not devices:
        return 0.0, 0.0, 0.0
    held = [boot.value_at("zram", device, "orig_data_size", at_ms) or 0 for device in devices]
    used = [boot.value_at("zram", device, "mem_used_total", at_ms) or 0 for device in devices]
    if sum(held) < 1 << 20:
        return ZRAM_RANGE[0], ZRAM_COST, ZRAM_RANGE[1]
    cost = min(sum(used) / sum(held), 1.0)
    return cost * 0.9, cost, min(cost * 1.1, 1.0)


def _value(boot: Boot, column: str, at_ms: int) -> int | None:
    return boot.value_at("meminfo", b"", column, at_ms)
