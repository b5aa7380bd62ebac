"""The kernel's choice again with other inputs: who would have been killed then, and in which order.

Pure: a ``Choice`` and a ``Change`` in, an ``Outcome`` out, the same arithmetic as ``choice``. A snapshot answers whom
the kernel would have taken at that instant, no more: what it cannot say comes along as caveats.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from fnmatch import fnmatchcase

from lastgasp.oom.badness import ADJ_MAX, ADJ_MIN
from lastgasp.oom.choice import Cause, Choice
from lastgasp.oom.ranking import Process, Ranked, rank
from lastgasp.oom.report import Constraint, Report

COMM = 15  # the kernel keeps so many bytes of a name
MOST_KILLS = 20


@dataclass(frozen=True, slots=True)
class Rule:
    """A value of oom_score_adj for the processes whose name matches (``*``, ``?``, ``[…]``), or for one pid."""

    adj: int
    name: bytes | None = None
    pid: int | None = None

    def matches(self, process: Process) -> bool:
        """Whether it is for this process."""
        return self.fits(process.pid, process.name)

    def fits(self, pid: int, name: bytes) -> bool:
        """Whether it is for a process. A longer name than the kernel keeps matches what is left of it."""
        if self.pid is not None:
            return pid == self.pid
        if self.name is None:
            return False
        return fnmatchcase(name, self.name) or (len(self.name) > COMM and name == self.name[:COMM])


def rule(text: str) -> Rule:
    """``sensord=-900``, ``web*=200`` or ``1234=-1000``; ValueError says what is wrong."""
    who, equals, value = text.rpartition("=")
    if not equals or not who:
        raise ValueError(f"{text}: wants NAME=ADJ or PID=ADJ")
    try:
        adj = int(value)
    except ValueError:
        raise ValueError(f"{text}: {value!r} is no number") from None
    if not ADJ_MIN <= adj <= ADJ_MAX:
        raise ValueError(f"{text}: oom_score_adj goes from {ADJ_MIN} to {ADJ_MAX}")
    if who.isascii() and who.isdigit():
        return Rule(adj, pid=int(who))
    return Rule(adj, name=who.encode(errors="surrogateescape"))


@dataclass(frozen=True, slots=True)
class Change:
    """Other inputs. Of several rules for one process the last counts, as if written to /proc one after another."""

    rules: tuple[Rule, ...] = ()
    ram_kb: int = 0  # more, or less
    swap_kb: int = 0
    limit_kb: int = 0  # of the memcg, where the report is of one
    kill_allocating_task: bool | None = None  # None: as it was


class Caveat(StrEnum):
    """What a snapshot can't say."""

    ONE_INSTANT = "the table is one instant: those spared would have gone on, grown, or been started again"
    LATER = "with more memory the kill comes later, when sizes are others: only the ranking at this instant is meant"
    EARLIER = "with less memory the kill comes earlier, when sizes are others: only the ranking is meant"
    SWAPPED = "what would have been swapped out is not known"
    HOW_MANY = "how much memory had to come free is not told, so neither is how many of these would have been killed"
    SHARED = "RSS counts shared pages in each process: sums are upper bounds, and a kill may free less"
    CHILDREN = "before 5.1 a child may be killed in its parent's place: who is whose child is not told"
    GROUP_ONLY = "the limit of a group was reached: RAM does not come into it"
    NO_GROUP = "the machine was short of memory, no group was at its limit: a higher limit changes nothing"
    NEXT_INVOKER = "who would have asked for memory next is not known: only the first kill is of the asking task"
    INVOKER = "the asking task is not in the table, or may not be killed: the ranking decides"
    WHOLE_GROUP = "memory.oom.group kills all of the group together"
    TABLE = "the table is cut: who is missing in it is missing here"
    MODEL = "here the model does not explain the kernel's own choice: take its answers with care"
    ARITHMETIC = "the arithmetic of several kernels fits the report, and they would rank another first"


@dataclass(frozen=True, slots=True)
class Kill:
    """One of the kills that would follow one another if nothing else happened."""

    pid: int
    name: bytes
    points: int | None  # None: it is a child between vfork and exec, which only dies for asking
    adj: int
    frees_pages: int  # at most: its RSS and page tables
    freed_pages: int  # with those before it


@dataclass(frozen=True, slots=True)
class Outcome:
    """``kills`` is empty where nobody may be killed: the kernel panics then (a memcg's OOM doesn't)."""

    kills: tuple[Kill, ...]
    ranking: tuple[Ranked, ...]
    total_pages: int
    other: bool  # whether another than the kernel's choice comes first
    unmatched: tuple[Rule, ...]  # rules for nobody in the table
    protected: tuple[int, ...]  # pids with -1000
    protected_kb: int  # their RSS
    total_kb: int  # what there is: RAM and swap, or the group's limit
    caveats: tuple[Caveat, ...]
    together: tuple[int, ...] = ()  # pids that memory.oom.group has die with the first, whoever of them that is

    @property
    def protected_share(self) -> float:
        """The part of all that is held by those who may not be killed."""
        return self.protected_kb / self.total_kb if self.total_kb else 0.0


def what_if(report: Report, choice: Choice, change: Change, kills: int = MOST_KILLS) -> Outcome | None:
    """None where the report has no table, or no total to measure against."""
    if choice.total.pages is None or not choice.ranking:
        return None
    group = report.constraint == Constraint.MEMCG
    size_kb = choice.page_kb
    more_kb = change.swap_kb + (change.limit_kb if group else change.ram_kb)
    total = max(choice.total.pages + whole_pages(more_kb, size_kb), 1)
    era = choice.found.era
    as_listed = sorted(choice.ranking, key=lambda entry: entry.place)
    processes = [with_rules(entry.process, change.rules) for entry in as_listed]
    ranking = rank(processes, era, total)
    asking = _invoker(report, ranking) if _takes_asking(report, change) else None
    order, together = _in_group(report, _order(ranking, asking))
    row = {process.pid: process for process in processes}
    protected = tuple(process.pid for process in processes if process.usage.adj == ADJ_MIN)
    kernel = choice.kernel_pid if choice.kernel_pid is not None else (choice.model.pid if choice.model else None)
    return Outcome(
        kills=tuple(_kills(order[:kills])),
        ranking=tuple(ranking),
        total_pages=total,
        other=(order[0].pid if order else None) != kernel,
        unmatched=tuple(rule for rule in change.rules if not any(rule.matches(process) for process in row.values())),
        protected=protected,
        protected_kb=sum(row[pid].usage.rss for pid in protected) * size_kb,
        total_kb=total * size_kb,
        caveats=tuple(_caveats(report, choice, change, len(order) > 1, asking is not None)),
        together=together,
    )


def whole_pages(kb: int, size_kb: int) -> int:
    """Pages in so many kB, more or less than none."""
    return kb // size_kb if kb >= 0 else -(-kb // size_kb)


def with_rules(process: Process, rules: Iterable[Rule]) -> Process:
    """The process with the adj that the rules give it."""
    for one in rules:
        if one.matches(process):
            process = replace(process, usage=replace(process.usage, adj=one.adj))
    return process


def _order(ranking: Sequence[Ranked], asking: Ranked | None) -> list[Ranked]:
    """The killable, one after another: taking one away changes nobody else's points."""
    order = [entry for entry in ranking if entry.rank is not None]
    if asking is not None:
        order = [asking, *(entry for entry in order if entry is not asking)]
    return order


def _takes_asking(report: Report, change: Change) -> bool:
    """Whether vm.oom_kill_allocating_task is on. A group's limit is not the asking task's matter."""
    on = report.allocating_task if change.kill_allocating_task is None else change.kill_allocating_task
    return bool(on) and report.constraint != Constraint.MEMCG


def _invoker(report: Report, ranking: Sequence[Ranked]) -> Ranked | None:
    """The task that asked for memory, if it may be killed; by its name only where its pid is not told.

    Points don't count, nor does it matter whether it is in vfork: only pid 1 and an adj of -1000 are spared
    (out_of_memory() in mm/oom_kill.c).
    """
    may = [entry for entry in ranking if entry.pid != 1 and entry.process.usage.adj != ADJ_MIN]
    killed = report.victims[0].pid if report.allocating_task and report.victims else None
    for pid in (report.invoker_pid, killed):
        if pid is not None:
            return next((entry for entry in may if entry.pid == pid), None)
    named = [entry for entry in may if entry.process.name == report.invoker]
    return named[0] if len(named) == 1 else None


def _in_group(report: Report, order: list[Ranked]) -> tuple[list[Ranked], tuple[int, ...]]:
    """With memory.oom.group, those that died together here die together again, if one of them comes first."""
    members = {killed.pid for killed in report.victims} if report.group_kill is not None else set()
    if not order or order[0].pid not in members:
        return order, ()
    first = [entry for entry in order if entry.pid in members]
    return first + [entry for entry in order if entry.pid not in members], tuple(entry.pid for entry in first)


def _kills(order: Iterable[Ranked]) -> Iterable[Kill]:
    freed = 0
    for entry in order:
        usage = entry.process.usage
        frees = usage.rss + usage.page_tables
        freed += frees
        yield Kill(entry.pid, entry.process.name, entry.points, usage.adj, frees, freed)


def _caveats(report: Report, choice: Choice, change: Change, several: bool, asking: bool) -> Iterable[Caveat]:
    group = report.constraint == Constraint.MEMCG
    yield Caveat.ONE_INSTANT
    more = change.swap_kb + (change.limit_kb if group else change.ram_kb)
    if more:
        yield Caveat.LATER if more > 0 else Caveat.EARLIER
    if change.swap_kb:
        yield Caveat.SWAPPED
    if group and change.ram_kb:
        yield Caveat.GROUP_ONLY
    if not group and change.limit_kb:
        yield Caveat.NO_GROUP
    if several:
        yield Caveat.HOW_MANY
        yield Caveat.SHARED
    if choice.found.era.sacrifices_children:
        yield Caveat.CHILDREN
    if _takes_asking(report, change):
        yield Caveat.NEXT_INVOKER if asking else Caveat.INVOKER
    if report.group_kill is not None:
        yield Caveat.WHOLE_GROUP
    if choice.cause == Cause.CUT_TABLE or not report.complete:
        yield Caveat.TABLE
    if choice.cause == Cause.UNEXPLAINED:
        yield Caveat.MODEL
    if choice.era_matters:
        yield Caveat.ARITHMETIC
