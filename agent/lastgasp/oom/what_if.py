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
    protect: tuple[bytes, ...] = ()  # patterns of names that get -1000
    ram_kb: int = 0  # more, or less
    swap_kb: int = 0
    limit_kb: int = 0  # of the memcg, where the report is of one
    kill_allocating_task: bool = False


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
    points: int
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
    rules = (*change.rules, *(Rule(ADJ_MIN, name=pattern) for pattern in change.protect))
    processes = [with_rules(entry.process, rules) for entry in as_listed]
    ranking = rank(processes, era, total)
    order = _order(report, ranking, change)
    row = {process.pid: process for process in processes}
    protected = tuple(process.pid for process in processes if process.usage.adj == ADJ_MIN)
    kernel = choice.kernel_pid if choice.kernel_pid is not None else (choice.model.pid if choice.model else None)
    return Outcome(
        kills=tuple(_kills(order[:kills])),
        ranking=tuple(ranking),
        total_pages=total,
        other=(order[0].pid if order else None) != kernel,
        unmatched=tuple(rule for rule in rules if not any(rule.matches(process) for process in row.values())),
        protected=protected,
        protected_kb=sum(row[pid].usage.rss for pid in protected) * size_kb,
        total_kb=total * size_kb,
        caveats=tuple(_caveats(report, choice, change, order, group)),
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


def _order(report: Report, ranking: Sequence[Ranked], change: Change) -> list[Ranked]:
    """The killable, one after another: taking one away changes nobody else's points."""
    order = [entry for entry in ranking if entry.rank is not None]
    asking = _invoker(report, order) if change.kill_allocating_task else None
    if asking is not None:
        order.remove(asking)
        order.insert(0, asking)
    return order


def _invoker(report: Report, order: Sequence[Ranked]) -> Ranked | None:
    """The task that asked for memory; by its name only where its pid is not told and one has that name."""
    if report.constraint == Constraint.MEMCG:
        return None  # a group's limit is not the asking task's matter
    if report.invoker_pid is not None:
        return next((entry for entry in order if entry.pid == report.invoker_pid), None)
    named = [entry for entry in order if entry.process.name == report.invoker]
    return named[0] if len(named) == 1 else None


def _kills(order: Iterable[Ranked]) -> Iterable[Kill]:
    freed = 0
    for entry in order:
        usage = entry.process.usage
        frees = usage.rss + usage.page_tables
        freed += frees
        assert entry.points is not None  # only the killable are here
        yield Kill(entry.pid, entry.process.name, entry.points, usage.adj, frees, freed)


def _caveats(report: Report, choice: Choice, change: Change, order: Sequence[Ranked], group: bool) -> Iterable[Caveat]:
    yield Caveat.ONE_INSTANT
    more = change.swap_kb + (change.limit_kb if group else change.ram_kb)
    if more:
        yield Caveat.LATER if more > 0 else Caveat.EARLIER
    if change.swap_kb:
        yield Caveat.SWAPPED
    if group and change.ram_kb:
        yield Caveat.GROUP_ONLY
    if len(order) > 1:
        yield Caveat.HOW_MANY
        yield Caveat.SHARED
    if choice.found.era.sacrifices_children:
        yield Caveat.CHILDREN
    if change.kill_allocating_task and not group:
        yield Caveat.NEXT_INVOKER if _invoker(report, order) else Caveat.INVOKER
    if report.group_kill is not None:
        yield Caveat.WHOLE_GROUP
    if choice.cause == Cause.CUT_TABLE or not report.complete:
        yield Caveat.TABLE
    if choice.cause == Cause.UNEXPLAINED:
        yield Caveat.MODEL
    if choice.era_matters:
        yield Caveat.ARITHMETIC
