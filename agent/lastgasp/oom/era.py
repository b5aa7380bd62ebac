"""Which era's arithmetic a report is of, and the total that its points are measured against.

From what the report shows: the columns of its table and the shapes of its kill lines. The kernel's version decides only
among the eras that these leave, since vendors carry patches to and fro. What stays open is said: ``Found.possible``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lastgasp.oom.badness import ERAS, Era, era_of
from lastgasp.oom.report import Constraint, Killer, Report, Task

VERSION = re.compile(rb"(\d{1,3})\.(\d{1,3})(?:\.(\d{1,3}))?")
# PAGE_COUNTER_MAX, and what v1 kernels before it printed: no limit. Also with larger pages, and on 32 bit in pages.
NO_LIMIT_KB = 1 << 52
NO_LIMIT_32_KB = (1 << 31) * 4 - 64


@dataclass(frozen=True, slots=True)
class Found:
    """The era taken, those that would fit as well, and what said so."""

    era: Era
    possible: tuple[Era, ...]
    evidence: tuple[str, ...]

    @property
    def ambiguous(self) -> bool:
        """Whether more than one fits; ``choice`` says whether that matters."""
        return len(self.possible) > 1


@dataclass(frozen=True, slots=True)
class Total:
    """``pages`` None: the report doesn't say enough. ``doubts``: why it may be another; adj counts per 1/1000 of it."""

    pages: int | None
    how: str
    doubts: tuple[str, ...] = ()


def version_of(kernel: bytes | None) -> tuple[int, ...] | None:
    """The numbers of ``uname -r``; None without any."""
    match = VERSION.match(kernel or b"")
    return tuple(int(part or 0) for part in match.groups()) if match else None


def find(report: Report) -> Found:
    """The era by the report's own evidence, then by its version; the newest that fits where neither decides."""
    low: tuple[int, ...] = (0,)
    high: tuple[int, ...] = (1000,)
    evidence = []

    def within(since: tuple[int, ...], until: tuple[int, ...], text: str) -> None:
        nonlocal low, high
        low, high = max(low, since), min(high, until)
        evidence.append(text)

    columns = set(report.columns or ())
    if b"rss_anon" in columns:
        within((6, 8), (1000,), "column rss_anon: 6.8 or later")
    elif b"pgtables_bytes" in columns:
        within((4, 15), (6, 8), "column pgtables_bytes, no rss_anon: 4.15 to 6.7")
    elif b"nr_pmds" in columns:
        within((4, 0), (4, 15), "column nr_pmds: 4.0 to 4.14")
    elif b"nr_ptes" in columns:
        within((3, 6), (4, 0), "columns nr_ptes and swapents, no nr_pmds: 3.6 to 3.19")
    elif b"oom_adj" in columns:
        within((2, 6, 36), (3, 6), "column oom_adj: 2.6.36 to 3.5")
    kernel_kills = report.victims if report.killer == Killer.KERNEL else []
    if any(victim.score is not None for victim in kernel_kills):
        within((2, 6, 36), (5, 1), "“score … or sacrifice child”: before 5.1")
    elif any(victim.pgtables_kb is not None for victim in kernel_kills):
        within((5, 4), (1000,), "page tables in the kill line: 5.4 or later")
    if report.chosen_pid is not None:
        within((5, 0), (1000,), "“oom-kill:” line: 5.0 or later")
    if any(b"boost" in zone.kb for zone in report.zones):
        within((5, 16), (1000,), "“boost:” in a zone's line: 5.16 or later")
    possible = _overlapping(low, high)
    if not possible:
        evidence.append("which do not fit together: a vendor's kernel, or lines of several reports")
        possible = ERAS
    version = version_of(report.kernel)
    named = era_of(version) if version else None
    if named is not None and version is not None:
        text = ".".join(map(str, version))
        if named in possible:
            evidence.append(f"version {text}")
            return Found(named, _stable_doubt(named, version, possible), tuple(evidence))
        evidence.append(f"version {text} does not fit the report: what the report shows is believed")
    # Of the old columns' eras the newest was a single release, 3.5, and that before it ten of them.
    likely = possible[-2] if b"oom_adj" in columns and len(possible) == 3 else possible[-1]
    return Found(likely, possible, tuple(evidence))


def _overlapping(low: tuple[int, ...], high: tuple[int, ...]) -> tuple[Era, ...]:
    ends = [*(era.since for era in ERAS[1:]), (1000,)]
    return tuple(era for era, end in zip(ERAS, ends, strict=True) if era.since < high and low < end)


def _stable_doubt(named: Era, version: tuple[int, ...], possible: tuple[Era, ...]) -> tuple[Era, ...]:
    """Root's bonus of 3.14 is in later stable releases of 3.10 to 3.13, and page tables in those of 2.6.36 to 38."""
    follower = {"3.5": "3.14", "2.6.36": "2.6.39"}.get(named.name)
    doubtful = named.name == "2.6.36" or (named.name == "3.5" and version >= (3, 10))
    if not doubtful:
        return (named,)
    return tuple(era for era in possible if era is named or era.name == follower)


def page_kb(report: Report) -> int | None:
    """kB in a page; where the report has no memory info (a memcg's), by a victim that is in the table, too."""
    if report.page_kb:
        return report.page_kb
    tasks = {task.pid: task for task in report.tasks or ()}
    for victim in report.victims:
        task = tasks.get(victim.pid)
        if task and task.total_vm and victim.total_vm_kb and victim.total_vm_kb % task.total_vm == 0:
            return victim.total_vm_kb // task.total_vm
    return None


def page_tables(task: Task, size_kb: int) -> int:
    """Pages of page tables, as the task's kernel counts them; 0 where its table has no such column."""
    if task.pgtables_bytes is not None:
        return task.pgtables_bytes // (size_kb * 1024)
    return (task.nr_ptes or 0) + (task.nr_pmds or 0)


def total_of(report: Report, size_kb: int, swap_kb: int | None = None) -> Total:
    """What the points are measured against (constrained_alloc(), mem_cgroup_get_max()).

    ``swap_kb``: all swap of the machine, where it is known from elsewhere: a memcg's report doesn't tell it.
    """
    if report.swap_total_kb is not None:
        swap_kb = report.swap_total_kb
    if report.constraint == Constraint.MEMCG or (report.constraint is None and report.memcg is not None):
        return _of_memcg(report, size_kb, swap_kb)
    if report.constraint in (Constraint.CPUSET, Constraint.MEMORY_POLICY):
        # total_swap_pages + node_present_pages() of the nodes allowed (node_spanned_pages() before 5.4).
        present = sum(zone.kb.get(b"present", 0) for zone in report.zones) // size_kb
        how = "RAM of the nodes allowed, and swap"
        if not present:
            return Total(None, how)
        unsure = "which nodes were allowed is not told: taken as all"
        return Total(max(present + (swap_kb or 0) // size_kb, 1), how, (unsure,))
    if report.ram_pages is None:
        return Total(None, "RAM less reserved pages, and swap")
    # The sums of present and of present less managed over all zones: their difference is totalram_pages(), which
    # holds HighMem and CMA, too (lib/show_mem.c).
    doubts: list[str] = []
    if report.reserved_pages is None:
        doubts.append("reserved pages are not told")
    if swap_kb is None:
        doubts.append("swap is not told: taken as none")
    if report.zones and not any(b"managed" in zone.kb for zone in report.zones):
        # Up to 3.10 show_mem() counts pages that are marked as reserved at that moment (lib/, arch/arm/mm/init.c).
        doubts.append("an old kernel's count of reserved pages can be a few off what it reckons with")
    ram = report.ram_pages - (report.reserved_pages or 0)
    return Total(max(ram + (swap_kb or 0) // size_kb, 1), "RAM less reserved pages, and swap", tuple(doubts))


def _of_memcg(report: Report, size_kb: int, swap_kb: int | None) -> Total:
    """The group's limit, and what it may swap: v1 limits both together, v2 swap alone; with swappiness 0 no swap."""
    group = report.memcg
    how = "the group's limit, and what it may swap"
    if group is None or group.limit_kb is None:
        return Total(None, how)
    limit = group.limit_kb
    doubts: tuple[str, ...] = ()
    swapped = any(task.swapents for task in report.tasks or ())
    bound = group.swap_limit_kb
    unlimited = bound is None or bound >= NO_LIMIT_KB or bound >= NO_LIMIT_32_KB
    if is_v1(report):
        room = None if unlimited or bound is None else max(bound - limit, 0)
    else:
        room = None if unlimited else bound
    if swap_kb is not None:
        swap = swap_kb if room is None else min(room, swap_kb)
    elif room == 0:
        swap = 0
    else:
        swap = 0
        if swapped or (not is_v1(report) and group.swap_usage_kb):
            swap = room or 0
            doubts = ("how much swap the machine has is not told",)
        else:
            doubts = ("whether the machine has swap is not told: taken as none, as nobody has swapped",)
    if swap:
        doubts = (*doubts, "with swappiness 0 swap would not count")
    return Total(max((limit + swap) // size_kb, 1), how, doubts)


def is_v1(report: Report) -> bool:
    """Whether a memcg's report is of cgroup v1: only that accounts kmem apart, and calls the page cache “cache”."""
    group = report.memcg
    if group is None:
        return False
    return group.kmem_usage_kb is not None or (b"cache" in group.stats and b"anon" not in group.stats)
