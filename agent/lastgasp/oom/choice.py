"""Whom the kernel should have killed by its own arithmetic, whom it killed, and if these differ, why.

From a report alone. The ranking is exact to the page where the table holds every column that counts; what a report does
not hold (capabilities, who is whose child, who shares memory with whom) is guessed from what it does, and said so.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from lastgasp.oom import era as eras
from lastgasp.oom.badness import ADJ_MIN, Era, Usage, toward_zero
from lastgasp.oom.era import Found, Total
from lastgasp.oom.ranking import Needs, Process, Ranked, first, needs, rank
from lastgasp.oom.report import Killer, Report, Task, Victim
from lastgasp.oom.vfork import in_vfork, twin

PAGE_KB = 4
# Between the choice and the printing of the table, other CPUs go on: so many pages, or 1 in so many, may have changed.
DRIFT_PAGES = 256
DRIFT_PART = 50


class Cause(StrEnum):
    """Why the victim is who it is."""

    MODEL = "it had the most points"
    NONE_KILLED = "nobody was killed"
    NO_TABLE = "the report has no task table"
    CUT = "the log ends in the task table: whom the kernel chose is not told"
    CUT_TABLE = "the victim is not in the table: it is cut, or the victim came later"
    NO_TOTAL = "the report does not say what the points are measured against"
    NOT_KERNEL = "it was not the kernel that chose"
    ALLOCATING = "vm.oom_kill_allocating_task: the kernel kills whoever asks for memory"
    CHILD = "a child with an mm of its own is killed in its parent's place (before 5.1)"
    ORIGIN = "swapoff marks itself as the first to be killed"
    EQUALS = "it had as many points as the first: the place in the kernel's list decides"
    VFORK = "those with more points look like children between vfork and exec, which the kernel skips"
    IN_FLIGHT = "those with more points were being killed already"
    NON_NEGATIVE = "a vendor's kernel that prefers processes with an adj of 0 or more"
    ERA = "it had the most points by the arithmetic of another era that fits the report as well"
    DRIFT = "the difference is so small that it may come from between the choice and the table"
    UNEXPLAINED = "none of the known causes explains it"


EXPECTED = frozenset({Cause.MODEL, Cause.ALLOCATING, Cause.CHILD, Cause.ORIGIN})


@dataclass(frozen=True, slots=True)
class Choice:
    """The kernel's choice and the model's."""

    cause: Cause
    found: Found
    total: Total
    page_kb: int
    page_kb_told: bool
    ranking: list[Ranked]  # empty without a table
    kernel_pid: int | None  # whom the kernel chose: for a child's sake, its parent
    victim: Victim | None  # whom it killed
    skipped: tuple[int, ...] = ()  # pids that the model puts before the kernel's choice
    group: tuple[int, ...] = ()  # killed along with it by memory.oom.group
    era_matters: bool = False  # another era that fits would have ranked another first
    score_fits: bool | None = None  # the score printed before 5.1 against the model's; None where there is none
    caveats: tuple[str, ...] = ()

    @property
    def model(self) -> Ranked | None:
        """The model's choice."""
        return first(self.ranking)

    @property
    def agrees(self) -> bool | None:
        """Whether the model names the kernel's choice; None where there is nothing to compare."""
        if not self.ranking or self.kernel_pid is None or self.cause in (Cause.ALLOCATING, Cause.NOT_KERNEL):
            return None
        if self.cause == Cause.CUT_TABLE:
            return None
        return self.model is not None and self.model.pid == self.kernel_pid

    def needs(self, pid: int) -> Needs | None:
        """What would have changed the choice for this process, and so whether it died."""
        if self.total.pages is None or self.cause == Cause.CUT:
            return None
        found = needs(self.ranking, pid, self.found.era, self.total.pages)
        if self.cause == Cause.ALLOCATING:  # points don't count, only whether the asking task may be killed
            spared = Needs(pid, True, ADJ_MIN, None, found.other) if found is not None else None
            return spared if pid == self.kernel_pid else None
        together = {self.victim.pid, *self.group} if self.victim is not None and self.group else set()
        if pid in together and found is not None and (not found.chosen or found.other in together):
            return Needs(pid, True, ADJ_MIN, None, None)  # whoever of the group comes first, all of it dies
        return found


def choose(report: Report, killed_before: Collection[int] = (), swap_kb: int | None = None) -> Choice:
    """Rank the report's tasks and hold the kernel's choice against it.

    ``killed_before``: pids that earlier reports of the same log killed shortly before. ``swap_kb``: all swap, where
    known from elsewhere.
    """
    found = eras.find(report)
    told = eras.page_kb(report)
    size_kb = told or PAGE_KB
    total = eras.total_of(report, size_kb, swap_kb)
    rows = _rows(report.tasks or [])
    vfork = in_vfork(report, rows)
    processes = [_process(task, size_kb, vfork is not None and task is vfork[0]) for task in rows]
    victim = next((killed for killed in report.victims if killed.pid), None)
    kernel_pid = _kernels(report, victim, rows)
    if not report.allocating_task and b"swapents" in (report.columns or ()):
        found = _by_score(found, victim, next((one for one in processes if one.pid == kernel_pid), None), total)
    ranking = rank(processes, found.era, total.pages) if total.pages else []
    others = tuple(dict.fromkeys(killed.pid for killed in report.victims if victim and killed.pid != victim.pid))
    matters = bool(total.pages) and _era_matters(processes, found, total.pages or 1)
    choice = Choice(
        cause=Cause.MODEL,
        found=found,
        total=total,
        page_kb=size_kb,
        page_kb_told=told is not None,
        ranking=ranking,
        kernel_pid=kernel_pid,
        victim=victim,
        group=others if report.group_kill is not None else (),
        era_matters=matters,
        score_fits=_score_fits(report, victim, ranking, kernel_pid, found.era, total),
        caveats=_caveats(report, found, told, matters, vfork, _may_be_vfork(ranking, rows)),
    )
    cause, skipped = _cause(report, choice, rows, processes, killed_before)
    return replace(choice, cause=cause, skipped=skipped)


def _rows(tasks: Sequence[Task]) -> list[Task]:
    """One row per process: a table can hold a line twice (a log that overlaps), never a process."""
    return list({task.tgid or task.pid: task for task in tasks}.values())


def _process(task: Task, size_kb: int, in_vfork: bool) -> Process:
    usage = Usage(
        rss=task.rss or 0,
        swap=task.swapents or 0,
        page_tables=eras.page_tables(task, size_kb),
        adj=_adj(task),
        privileged=task.uid == 0,
    )
    # The kernel's table never holds pid 1 or threads of the kernel; a container's first process is like any other.
    return Process(task.tgid or task.pid, task.name, usage, passed_over=in_vfork or task.pid == 1)


def _adj(task: Task) -> int:
    """The adj that counts; of the old scale alone (a vendor's table), as the kernel converts it (fs/proc/base.c)."""
    if task.oom_score_adj is not None:
        return task.oom_score_adj
    if task.oom_adj is None:
        return 0
    return 1000 if task.oom_adj == 15 else toward_zero(task.oom_adj * 1000, 17)


def _kernels(report: Report, victim: Victim | None, rows: Sequence[Task]) -> int | None:
    """The process that the kernel chose. Its table and kill line may name another thread of it."""
    pid = report.chosen_pid
    if pid is None and victim is not None:
        pid = victim.sacrificed_for or victim.tgid or victim.pid
    row = next((task for task in rows if task.pid == pid), None)
    return row.tgid if row and row.tgid else pid


def _cause(
    report: Report, choice: Choice, rows: Sequence[Task], processes: Sequence[Process], before: Collection[int]
) -> tuple[Cause, tuple[int, ...]]:
    """The first cause that explains the kernel's choice, and who was passed over for it."""
    if report.killer != Killer.KERNEL:
        return Cause.NOT_KERNEL, ()
    pid = choice.kernel_pid
    if pid is None:
        return Cause.CUT if report.cut_table else Cause.NONE_KILLED, ()
    if report.allocating_task:
        return Cause.ALLOCATING, ()
    if not rows:
        return Cause.NO_TABLE, ()
    total = choice.total.pages
    if total is None:
        return Cause.NO_TOTAL, ()
    chosen = next((entry for entry in choice.ranking if entry.pid == pid), None)
    if chosen is None:
        return Cause.CUT_TABLE, ()
    if choice.model is chosen:
        killed = choice.victim
        child = killed is not None and killed.sacrificed_for is not None and killed.pid != killed.sacrificed_for
        return Cause.CHILD if child else Cause.MODEL, ()
    if chosen.process.name.startswith(b"swapoff"):
        return Cause.ORIGIN, ()
    above = [entry for entry in choice.ranking if entry.rank and (not chosen.rank or entry.rank < chosen.rank)]
    skipped = tuple(entry.pid for entry in above)
    if chosen.points is None:
        return Cause.UNEXPLAINED, skipped
    by_pid = {task.tgid or task.pid: task for task in rows}
    odd = [entry for entry in above if entry.pid not in before]
    if not odd:
        return Cause.IN_FLIGHT, skipped
    # After IN_FLIGHT and before EQUALS: a child that shares its parent's memory has as many points as it.
    if all(twin(by_pid[entry.pid], rows) for entry in odd):
        return Cause.VFORK, skipped
    if all(entry.points == chosen.points for entry in odd):
        return Cause.EQUALS, skipped
    if chosen.process.usage.adj >= 0 and all(entry.process.usage.adj < 0 for entry in odd):
        return Cause.NON_NEGATIVE, skipped
    for era in choice.found.possible:
        other = first(rank(processes, era, total))
        if other is not None and other.pid == pid:
            return Cause.ERA, skipped
    most = max(entry.points or 0 for entry in odd)
    held = max(chosen.process.usage.rss, 1)
    if most - chosen.points <= max(DRIFT_PAGES, held // DRIFT_PART):
        return Cause.DRIFT, skipped
    return Cause.UNEXPLAINED, skipped


def _era_matters(processes: Sequence[Process], found: Found, total: int) -> bool:
    if not found.ambiguous:
        return False
    firsts = {winner.pid if winner else None for winner in (first(rank(processes, e, total)) for e in found.possible)}
    return len(firsts) > 1


def _score(era: Era, process: Process, total: int) -> int | None:
    """The score in the kill line, before 5.1: points in thousandths of the total."""
    points = era.points(process.usage, total)
    if points is None:
        return None
    return points if era.since < (3, 5) else points * 1000 // total


def _by_score(found: Found, victim: Victim | None, chosen: Process | None, total: Total) -> Found:
    """The one era of those possible that gives the score printed, if it is one."""
    if not found.ambiguous or victim is None or victim.score is None or chosen is None or not total.pages:
        return found
    fitting = [era for era in found.possible if _score(era, chosen, total.pages) == victim.score]
    if len(fitting) != 1:
        return found
    return Found(fitting[0], (fitting[0],), (*found.evidence, f"score {victim.score} fits only {fitting[0].name}"))


def _score_fits(
    report: Report, victim: Victim | None, ranking: Sequence[Ranked], pid: int | None, era: Era, total: Total
) -> bool | None:
    """Whether the score printed is the model's. That of a task taken for asking is always 0 and says nothing, and
    a table without swap and page tables (before 3.6) tells less than the score counts.
    """
    if victim is None or victim.score is None or report.allocating_task or not total.pages:
        return None
    if b"swapents" not in (report.columns or ()):
        return None
    chosen = next((entry for entry in ranking if entry.pid == pid), None)
    return None if chosen is None else victim.score == _score(era, chosen.process, total.pages)


def _may_be_vfork(ranking: Sequence[Ranked], rows: Sequence[Task]) -> bool:
    winner = first(ranking)
    return any(winner and winner.pid == (row.tgid or row.pid) and twin(row, rows) for row in rows)


def _caveats(
    report: Report, found: Found, told: int | None, matters: bool, vfork: tuple[Task, Task] | None, twins: bool
) -> tuple[str, ...]:
    """What a reader must know of this ranking."""
    caveats = []
    if vfork is not None:
        child, parent = vfork
        why = (
            f"{child.pid} asked for memory and has the very same as {parent.pid}"
            if child.pid == report.invoker_pid
            else f"{child.pid} and {parent.pid} show the very same memory, more than there is twice"
        )
        caveats.append(f"{why}: {child.pid} is taken for a child before its exec, which the kernel passes over")
    elif twins:
        caveats.append("the first has a twin with the very same memory: the kernel passes over a child before its exec")
    columns = report.columns or ()
    if columns and b"swapents" not in columns:
        caveats.append("the table tells neither swap nor page tables of a task: points are less than the kernel's")
    if found.era.root_bonus and any(task.uid == 0 for task in report.tasks or ()):
        caveats.append("who has CAP_SYS_ADMIN is not told: uid 0 is taken for it")
    if told is None and b"pgtables_bytes" in columns:
        caveats.append(f"the page size is not told: taken as {PAGE_KB} kB")
    if matters:
        names = ", ".join(era.name for era in found.possible)
        caveats.append(f"the arithmetic of several kernels fits ({names}), and they would rank another first")
    return tuple(caveats)
