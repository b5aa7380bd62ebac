"""Whom the model names, by the report and by /proc a moment before, and whom the kernel killed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kills.casts import Cast, Outcome, Seen
from lastgasp.oom.badness import Usage
from lastgasp.oom.choice import EXPECTED, Cause, Choice, choose
from lastgasp.oom.parser import parse
from lastgasp.oom.ranking import Process, Ranked, first, rank
from lastgasp.oom.report import Constraint, Report

PAGE_KB = 4
WAITING = "D"  # so a parent waits for its vfork child
NEAR = 8  # a sample is read one process after the other: between two, 1/8 may have been leaked


@dataclass(frozen=True, slots=True)
class Kill:
    """One kill. ``expected``: the model's from /proc; ``doubt``: what else than the prediction is wrong.

    ``before``: whom the same log's reports before it killed; who of these is still listed is dying.
    """

    report: Report
    choice: Choice
    victim: int | None  # by the kernel's log
    expected: int | None
    expected_points: int | None
    doubt: str = ""
    before: tuple[int, ...] = ()

    @property
    def has_table(self) -> bool:
        """Is there anything to predict from?"""
        return bool(self.report.tasks)

    @property
    def predicted(self) -> int | None:
        """The model's, from the report; with vm.oom_kill_allocating_task that is whoever asked."""
        if self.choice.cause == Cause.ALLOCATING:
            return self.report.invoker_pid
        ranked = (entry.pid for entry in self.choice.ranking if entry.rank and entry.pid not in self.before)
        return next(ranked, None)

    @property
    def right(self) -> bool:
        """Did the report alone name the victim?"""
        known = self.choice.cause in EXPECTED or self.choice.cause == Cause.IN_FLIGHT
        return self.predicted == self.victim and known and not self.doubt

    @property
    def foreseen(self) -> bool:
        """Did /proc a moment before name it?"""
        return self.expected == self.victim

    def unforeseen(self) -> str:
        """Why /proc named another: points change while memory runs out."""
        ranking = {entry.pid: entry for entry in self.choice.ranking}
        named, chosen = ranking.get(self.expected or 0), ranking.get(self.victim or 0)
        if self.choice.cause == Cause.ALLOCATING:
            return str(Cause.ALLOCATING.value)
        if named is None or chosen is None:
            return "one of the two was not there yet, or no longer"
        if named.points is not None and chosen.points is not None and named.points < chosen.points:
            return "by the report, the victim had come to have more"
        return "also by the report, the other had more"

    def why(self) -> str:
        """The miss in words."""
        if self.doubt:
            return self.doubt
        return str(self.choice.cause.value)


def kills(cast: Cast, found: Outcome) -> list[Kill]:
    """Every kill of an outcome, in its order."""
    reports = list(parse([record + b"\n" for record in found.log]))
    samples = iter(found.samples)
    told = {victim.pid for report in reports for victim in report.victims}
    untold = [pid for pid in found.killed if pid not in told]
    killed: list[int] = []
    judged = []
    for report in reports:
        sample = next(samples, None) if report.invoker is not None else None
        choice = choose(report, tuple(killed), found.swap_kb)
        victim = choice.victim.pid if choice.victim else None
        model = _from_proc(cast, found, sample, report, choice, killed)
        doubt = f"{untold} died by SIGKILL, and the log does not tell of it" if untold else _doubt(found, victim)
        pid, points = (model.pid, model.points) if model else (None, None)
        judged.append(Kill(report, choice, victim, pid, points, doubt, tuple(killed)))
        killed += [one.pid for one in report.victims]
    return judged


def _doubt(found: Outcome, victim: int | None) -> str:
    """What the director saw otherwise."""
    if victim in found.deaths and victim not in found.killed:
        return f"the log says that {victim} was killed, but it did not end by SIGKILL"
    return ""


def _from_proc(
    cast: Cast, found: Outcome, sample: Sequence[Seen] | None, report: Report, choice: Choice, killed: Sequence[int]
) -> Ranked | None:
    """The model's choice from /proc: among all, or among those of the group whose limit was reached."""
    if sample is None or choice.cause == Cause.ALLOCATING:
        return None
    total = (found.total_kb + found.swap_kb) // PAGE_KB
    candidates = list(sample)
    if report.constraint == Constraint.MEMCG and report.memcg and report.memcg.path:
        group = next((one for one in cast.groups if report.memcg.path == b"/" + one.name.encode()), None)
        if group is None:
            return None
        swap_kb = found.swap_kb if group.swap_kb is None else min(group.swap_kb, found.swap_kb)
        total = (group.limit_kb + swap_kb) // PAGE_KB
        members = _members(cast, found, sample, group.name)
        candidates = [one for one in sample if one.pid in members]
    by_pid = {one.pid: one for one in sample}
    processes = [
        Process(one.pid, one.name, _usage(one), one.pid == 1 or one.pid in killed or _vforked(one, by_pid))
        for one in sorted(candidates, key=lambda one: one.pid)
    ]
    return first(rank(processes, choice.found.era, total))


def _usage(one: Seen) -> Usage:
    return Usage(
        rss=one.rss_kb // PAGE_KB,
        swap=one.swap_kb // PAGE_KB,
        page_tables=one.page_tables_kb // PAGE_KB,
        adj=one.adj,
        privileged=one.uid == 0,
    )


def _vforked(one: Seen, by_pid: dict[int, Seen]) -> bool:
    """A child in its parent's memory, for which the parent waits: the kernel passes over it."""
    parent = by_pid.get(one.ppid)
    if parent is None or parent.state != WAITING:
        return False
    held, parents = one.rss_kb + one.swap_kb, parent.rss_kb + parent.swap_kb
    return abs(held - parents) * NEAR <= max(held, parents)


def _members(cast: Cast, found: Outcome, sample: Sequence[Seen], group: str) -> set[int]:
    """The actors of a group and their children."""
    members = {pid for pid, actor in zip(found.pids, cast.actors, strict=True) if actor.group == group}
    for one in sample:
        if one.ppid in members:
            members.add(one.pid)
    return members
