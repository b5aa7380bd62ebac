"""Where the memory was when a report was written, on a screen: a bar of all RAM, and free memory against watermarks."""

from __future__ import annotations

from lastgasp.analysis.oom.cause import Case, OomCause
from lastgasp.analysis.oom.memory import Memory, Part, group_memory
from lastgasp.oom.report import Report
from lastgasp.report import units
from lastgasp.report.oom.words import kb
from lastgasp.report.screen import Screen

BAR = 24
_LAST = (Part.REMAINDER, Part.FREE, Part.FREE_CMA, Part.RESERVED)


def memory(screen: Screen, report: Report, cause: OomCause) -> None:
    """All RAM, and all of the group where its limit was reached."""
    where = cause.memory
    group = group_memory(report) if cause.case == Case.GROUP else None
    if group is not None:
        screen.heading("WHERE THE MEMORY OF THE GROUP WAS")
        _parts(screen, group, "all that the group used")
    if where is not None:
        screen.heading("WHERE THE MEMORY WAS")
        _parts(screen, where, "all RAM")
        if where.swap_total_kb:
            screen.line(f"  swap: {kb(where.swap_free_kb)} of {kb(where.swap_total_kb)} free")
            if (where.swap_free_kb or 0) < where.swap_total_kb:
                screen.line("  where swap is zram, what it has packed is in the unexplained remainder", "dim")
        elif where.swap_total_kb == 0:
            screen.line("  no swap", "dim")
        if cause.caches and cause.caches[0].kb > 0.05 * where.usable_kb:
            caches = ", ".join(f"{screen.text(cache.name)} {kb(cache.kb)}" for cache in cause.caches[:4])
            screen.wrap(f"largest unreclaimable slab caches: {caches}", "  ", "    ")
    elif group is None:
        screen.heading("WHERE THE MEMORY WAS")
        screen.line("  the report has no memory info (Mem-Info) in this log")


def _parts(screen: Screen, where: Memory, total: str) -> None:
    mark = "█" if screen.unicode else "#"
    for part, size in sorted(where.parts.items(), key=lambda item: (item[0] in _LAST, -item[1])):
        if not size and part != Part.REMAINDER:
            continue
        share = size / where.ram_kb
        bar = mark * round(min(share, 1.0) * BAR) or ("▏" if screen.unicode and size else "")
        screen.line(f"  {part:<30} {kb(size):>9} {units.percent(share):>6}  {bar}")
    screen.line(f"  {total:<30} {kb(where.ram_kb):>9}  100 %", "head")
    if where.over_kb:
        screen.line(f"  the parts exceed it by {kb(where.over_kb)}: counters moved while they were read", "dim")


def zones(screen: Screen, cause: OomCause) -> None:
    """Each zone that the report lists."""
    if not cause.zones:
        return
    screen.heading("FREE AGAINST THE WATERMARKS")
    screen.line(f"  {'zone':<14}{'free':>9}  {'of it CMA':>9}  {'minimum':>9}  {'low':>9}", "dim")
    for zone in cause.zones:
        name = screen.text(zone.name) if zone.node is None else f"node {zone.node} {screen.text(zone.name)}"
        row = f"  {screen.fit(name, 13)} {kb(zone.free_kb):>9}  {kb(zone.free_cma_kb):>9}"
        row += f"  {kb(zone.min_kb):>9}  {kb(zone.low_kb):>9}"
        said = "not for this request" if not zone.allowed else "below minimum" if zone.short else ""
        screen.line(f"{row}  {said}")
        if zone.boost_kb:
            screen.wrap(
                f"{kb(zone.boost_kb)} of the minimum are a passing boost (vm.watermark_boost_factor): without it the"
                f" minimum is {kb((zone.min_kb or 0) - zone.boost_kb)}",
                "    ",
            )
        if zone.reserve_kb:
            screen.line(f"    {kb(zone.reserve_kb)} more are kept from requests that may use a higher zone")
    if cause.elsewhere_kb and all(zone.allowed for zone in cause.zones):
        screen.line(f"  {kb(cause.elsewhere_kb)} were free in zones that this request may not use")
