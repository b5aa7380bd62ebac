"""Committed_AS over a boot against what vm.overcommit_memory=2 allows, with the ratio or size that was recorded."""

from __future__ import annotations

from lastgasp.analysis.fields import whole
from lastgasp.oom.overcommit import (
    DEFAULT_RATIO,
    MOST_ADMIN_KB,
    Answer,
    Sample,
    Settings,
    default_reserve_kb,
    would_refuse,
)
from lastgasp.timeline.model import Boot


def promised(boot: Boot, other_ratio: int | None = None) -> Answer | None:
    """For a process without privileges; None: not recorded. ``other_ratio``: in place of the recorded settings.

    Its reserve, where that is not recorded, is as the kernel sets it.
    """
    times, values = boot.points("meminfo", b"", "Committed_AS")
    total = boot.latest("meminfo.slow", b"", "MemTotal")
    if not values or not total:
        return None
    machine = boot.machine()
    reserve = whole(machine.get("vm.admin_reserve_kbytes"))
    ratio = whole(machine.get("vm.overcommit_ratio")) if other_ratio is None else other_ratio
    settings = Settings(
        ram_kb=total,
        swap_kb=boot.latest("meminfo.slow", b"", "SwapTotal") or 0,
        hugetlb_kb=boot.latest("meminfo.slow", b"", "Hugetlb") or 0,
        ratio=DEFAULT_RATIO if ratio is None else ratio,
        kbytes=(whole(machine.get("vm.overcommit_kbytes")) or 0) if other_ratio is None else 0,
        admin_reserve_kb=default_reserve_kb(total, MOST_ADMIN_KB) if reserve is None else reserve,
        page_kb=max(boot.page_size // 1024, 1),
    )
    return would_refuse(settings, [Sample(at, kb) for at, kb in zip(times, values, strict=True)], privileged=False)
