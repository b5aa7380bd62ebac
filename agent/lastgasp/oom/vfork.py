"""Children between vfork and exec, which the kernel passes over when it chooses, guessed from a task table.

Such a child has its parent's memory, so both show the same. The table does not say who is whose child.
"""

from __future__ import annotations

from collections.abc import Sequence

from lastgasp.oom.report import Report, Task


def in_vfork(report: Report, rows: Sequence[Task]) -> tuple[Task, Task] | None:
    """A child that is most surely between vfork and exec, and its parent (in_vfork(), include/linux/sched/mm.h).

    Both have one name and show the very same memory; more than two of that kind are workers. Either the child asks for
    memory: the parent waits, and a forked copy would differ by what it asked for before. Or the memory cannot be
    there twice: two workers with as much each would have more than there is.
    """
    pairs: dict[tuple[object, ...], list[Task]] = {}
    for task in rows:
        if task.total_vm:
            pairs.setdefault((task.name, *_memory(task)), []).append(task)
    for parent, child in (alike for alike in pairs.values() if len(alike) == 2):
        if child.pid == report.invoker_pid or _more_than_all(report, child, rows):
            return child, parent
    return None


def _more_than_all(report: Report, task: Task, rows: Sequence[Task]) -> bool:
    """Whether two with this one's memory would hold more than all pages of processes and caches (Mem-Info's lists)."""
    if not report.counts or not task.rss:
        return False
    anon = sum(report.counts.get(name, 0) for name in (b"active_anon", b"inactive_anon", b"isolated_anon"))
    if task.rss_anon and all(row.rss_anon is not None for row in rows):
        # What forked copies share is counted for each of them, too: most of the surplus has to be of this one.
        surplus = sum(row.rss_anon or 0 for row in rows) - anon - report.counts.get(b"unevictable", 0)
        return surplus * 2 > task.rss_anon
    others = (b"active_file", b"inactive_file", b"isolated_file", b"unevictable")
    return task.rss * 2 > anon + sum(report.counts.get(name, 0) for name in others)


def twin(task: Task, rows: Sequence[Task]) -> bool:
    """Whether another process shows the very same memory: so does a vfork child, until it calls exec.

    Forked copies that never touched theirs look the same; the kernel would not skip these.
    """
    return any(row is not task and row.total_vm and _memory(row) == _memory(task) for row in rows)


def _memory(row: Task) -> tuple[int | None, ...]:
    return (row.total_vm, row.rss, row.rss_anon, row.rss_file, row.nr_ptes, row.pgtables_bytes, row.swapents)
