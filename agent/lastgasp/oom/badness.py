"""How many points the kernel gives a process when it looks for one to kill: one small pure function per era.

Each takes what one process holds, in pages, and ``total``, the pages that it is measured against, and gives the points
exactly as that kernel reckons them; None is a process that may not be killed. An ``Era`` says where the function holds
and what else of the choice changed there: how a tie ends, whether a child is killed in its parent's place, what
/proc/PID/oom_score shows. Versions were read off mm/oom_kill.c (oom_badness, select_bad_process, oom_kill_process) and
fs/proc/base.c (proc_oom_score) of releases on both sides of each change.

Not known from a report: capabilities. The bonus for root goes to CAP_SYS_ADMIN, for which uid 0 stands here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

ADJ_MIN = -1000  # OOM_SCORE_ADJ_MIN: never to be killed
ADJ_MAX = 1000


@dataclass(frozen=True, slots=True)
class Usage:
    """What one process holds, in pages, and how it is marked."""

    rss: int
    swap: int = 0
    page_tables: int = 0  # nr_ptes + nr_pmds before 4.15, whole pages of pgtables_bytes since
    adj: int = 0
    privileged: bool = False  # CAP_SYS_ADMIN, or uid 0 as far as a report tells


Points = Callable[[Usage, int], int | None]


def toward_zero(dividend: int, divisor: int) -> int:
    """C's division, which cuts where Python's rounds down."""
    quotient = abs(dividend) // abs(divisor)
    return quotient if (dividend < 0) == (divisor < 0) else -quotient


def of_2_6_36(usage: Usage, total: int) -> int | None:
    """2.6.36 to 2.6.38: RSS and swap in thousandths of the total, 30 off for root, adj added, then 1 … 1000.

    Commit a63d83f427fb (2.6.36). Page tables don't count yet.
    """
    return _in_thousandths(usage.rss + usage.swap, usage, total)


def of_2_6_39(usage: Usage, total: int) -> int | None:
    """2.6.39 to 3.4: page tables of the lowest level count, too (commit f755a04); the rest as in 2.6.36.

    Stable releases of 2.6.36 and later took it, too. Up to 3.1 the product of pages and 1000 overflows an int from
    8 GiB on (CVE-2011-4097), which is not modelled.
    """
    return _in_thousandths(usage.rss + usage.swap + usage.page_tables, usage, total)


def _in_thousandths(pages: int, usage: Usage, total: int) -> int | None:
    if usage.adj == ADJ_MIN:
        return None
    points = pages * 1000 // max(total, 1)
    if usage.privileged:
        points -= 30
    return min(max(points + usage.adj, 1), 1000)


def of_3_5(usage: Usage, total: int) -> int | None:
    """3.5 to 3.13: pages instead of thousandths; root has 30 off its adj; at least 1.

    "mm, oom: normalize oom scores to oom_score_adj scale only for userspace". Some vendors' 3.0 and 3.4 took it, too.
    """
    if usage.adj == ADJ_MIN:
        return None
    adj = usage.adj - 30 if usage.privileged else usage.adj
    return max(usage.rss + usage.swap + usage.page_tables + adj * (total // 1000), 1)


def of_3_14(usage: Usage, total: int) -> int | None:
    """3.14 to 4.16: root has 3 % of its own points off, before adj (commit 778c14affaf9); at least 1.

    Stable releases took it, too: 3.10.99 and 3.13.10 have it, 3.13.0 has not. Since 4.0 the second level of page tables
    counts (nr_pmds, commit dc6c9a35b66b), since 4.15 all levels (pgtables_bytes, commit af5b0f6a09e4).
    """
    if usage.adj == ADJ_MIN:
        return None
    points = usage.rss + usage.swap + usage.page_tables
    if usage.privileged:
        points -= points * 3 // 100
    return max(points + usage.adj * (total // 1000), 1)


def of_4_17(usage: Usage, total: int) -> int | None:
    """4.17 to 5.8: nothing off for root (commit d46078b28889); at least 1."""
    if usage.adj == ADJ_MIN:
        return None
    return max(usage.rss + usage.swap + usage.page_tables + usage.adj * (total // 1000), 1)


def of_5_9(usage: Usage, total: int) -> int | None:
    """5.9 and later: signed, so that a negative adj no longer makes all small processes equal (commit 9066e5cfb73c).

    Read up to 7.1; at least one distributor has it in an older kernel. RSS is what the kernel's counters say: since 6.2
    they are kept per CPU, and up to 6.19 neither the choice nor the table adds up what the CPUs have not handed in.
    """
    if usage.adj == ADJ_MIN:
        return None
    return usage.rss + usage.swap + usage.page_tables + usage.adj * (total // 1000)


@dataclass(frozen=True, slots=True)
class Era:
    """A range of kernels that choose alike."""

    name: str  # the first version
    since: tuple[int, ...]
    points: Points
    root_bonus: bool  # whether it matters who is privileged
    last_of_equals: bool  # of equal points, the later in the list is chosen; else the earlier
    sacrifices_children: bool  # a child with an mm of its own is killed in the chosen one's place


# Equals: up to 3.13 only more points win; from 3.14 on a leader keeps its place against equals; from 5.3 on
# ("mm: memcontrol: use CSS_TASK_ITER_PROCS at mem_cgroup_scan_tasks()") the later of two equals is taken.
# Children: until 5.0 (ended by commit bbbe48029720).
ERAS = (
    Era("2.6.36", (2, 6, 36), of_2_6_36, True, False, True),
    Era("2.6.39", (2, 6, 39), of_2_6_39, True, False, True),
    Era("3.5", (3, 5), of_3_5, True, False, True),
    Era("3.14", (3, 14), of_3_14, True, False, True),
    Era("4.17", (4, 17), of_4_17, False, False, True),
    Era("5.1", (5, 1), of_4_17, False, False, False),
    Era("5.3", (5, 3), of_4_17, False, True, False),
    Era("5.9", (5, 9), of_5_9, False, True, False),
)
NEWEST = ERAS[-1]


def era_of(version: tuple[int, ...]) -> Era | None:
    """The era of a mainline version; None before 2.6.36, where points were a matter of run time and forks."""
    found = None
    for era in ERAS:
        if version >= era.since:
            found = era
    return found


def oom_score(era: Era, usage: Usage, total: int) -> int:
    """What /proc/PID/oom_score shows: measured against all RAM and swap, whatever the group.

    Up to 3.4 the points themselves; up to 5.8 points in thousandths of the total, 0 for who may not be killed; since
    5.9 (1000 + that) * 2/3, so that a process that holds nothing and has no adj shows 666.
    """
    points = era.points(usage, total)
    if points is None:
        return 0
    total = max(total, 1)
    if era.since < (3, 5):
        return points
    if era.since < (5, 9):
        return points * 1000 // total
    return toward_zero((1000 + toward_zero(points * 1000, total)) * 2, 3)


def memory_points(era: Era, usage: Usage, total: int) -> int:
    """What the process would have with adj 0: the part of its points that is its memory."""
    points = era.points(replace(usage, adj=0), total)
    assert points is not None  # adj 0 may always be killed
    return points


def adj_points(era: Era, usage: Usage, total: int) -> int | None:
    """How much adj added or took away; what the clamp gave back is not counted as taken."""
    points = era.points(usage, total)
    return None if points is None else points - memory_points(era, usage, total)
