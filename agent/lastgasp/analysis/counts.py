"""What is counted and not weighed: threads, open files and processes of each program, sockets of the machine.

A program that never closes what it opens fails with EMFILE long before its memory is gone, and what it holds lies in
the kernel, where no RSS shows it. So these counts are judged by the same trend as memory (``shape``), each in its own
unit, one of them taken for UNIT_BYTES so that the same limits hold.

Threads are recorded at every tick; open files come round slowly, and only where the agent may read /proc/PID/fd (as
root). What was not recorded is no count of 0: ``unrecorded`` names it. Sockets of the machine (/proc/net/sockstat)
are told only where no program's open sockets explain them. The kernel's count of all open files and of all threads is
not judged: on a machine with other work in it neither stands still for long, and who holds them is what is asked.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import accumulate

from lastgasp.analysis.identity import program
from lastgasp.analysis.presence import Presence, presences
from lastgasp.analysis.shape import curve
from lastgasp.analysis.shape.trend import Confidence, Shape, Verdict, judge
from lastgasp.analysis.times import Moment, moment
from lastgasp.timeline.model import Boot, Recording

UNIT_BYTES = 8192  # what one of them is worth to the judge: fewer than 8 more are no growth
QUIET = 8
LIKELY = 32  # fewer have to be growth beyond doubt
CELLS = 24
RANK = {Confidence.LOW: 1, Confidence.MEDIUM: 2, Confidence.HIGH: 3}
SOCKETS_SHARE = 0.5  # of what a program opened: then it explains sockets of the machine
KINDS = ("fd_files", "fd_sockets", "fd_pipes", "fd_anon", "fd_shared", "fd_devices")


class Counted(StrEnum):
    """What is counted; of the machine only sockets."""

    FILES = "open files"
    THREADS = "threads"
    PROCESSES = "processes"
    SOCKETS = "sockets"


@dataclass(frozen=True, slots=True)
class CountGrowth:
    """A count that grows like a leak. ``verdict`` is in units of what is counted, not in bytes."""

    what: Counted
    name: bytes | None  # of the program; raw. None: the machine
    pid: int | None  # None: the machine, or all processes of the program
    lives: int  # processes of that name of which this was judged
    leaking: int  # of them
    verdict: Verdict
    since: Moment
    first: int
    last: int
    kinds: list[tuple[str, int]]  # of open files that became more, by how many; the most first
    cells: list[int]  # at the ends of CELLS equal stretches

    @property
    def leaks(self) -> bool:
        """Is it a leak, and more than a suspicion? A few have to be beyond doubt."""
        likely = self.verdict.confidence is Confidence.MEDIUM and self.verdict.grown >= LIKELY
        return self.verdict.shape is Shape.LEAK and (likely or self.verdict.confidence is Confidence.HIGH)

    @property
    def rank(self) -> tuple[bool, int, int]:
        """The worst is the greatest."""
        return self.leaks, RANK[self.verdict.confidence], self.verdict.grown


def count_growths(recording: Recording) -> list[CountGrowth]:
    """What leaks beyond doubt, the worst first: of each program and what is counted, the life that tells most."""
    found: dict[tuple[Counted, bytes | None], CountGrowth] = {}
    for index in range(len(recording.boots)):
        for one in [*_programs(recording.boots, index), *_machine(recording.boots, index)]:
            known = found.get((one.what, one.name))
            if known is None:
                found[one.what, one.name] = one
                continue
            worst = max(known, one, key=lambda growth: growth.rank)
            lives, leaking = known.lives + one.lives, known.leaking + one.leaking
            found[one.what, one.name] = replace(worst, lives=lives, leaking=leaking)
    leaks = [one for one in found.values() if one.leaks]
    explained = any(of.what is Counted.FILES and _mostly_sockets(of) for of in leaks)
    leaks = [one for one in leaks if not (one.what is Counted.SOCKETS and explained)]
    return sorted(leaks, key=lambda one: (one.what is Counted.SOCKETS, [-part for part in one.rank]))


def unrecorded(recording: Recording) -> list[Counted]:
    """What was not counted in this recording, or not for most of those whose details were read."""
    found = []
    tables = {
        Counted.THREADS: ("process", "threads"),
        Counted.FILES: ("process.details", "fds"),
        Counted.SOCKETS: ("sockstat", "sockets"),
    }
    for what, (table, column) in tables.items():
        known = rows = 0
        for boot in recording.boots:
            for key in boot.rows(table):
                process = boot.processes.get(key)
                if process is None or not process.kernel:
                    rows += 1
                    known += boot.latest(table, key, column) is not None
        if known * 2 <= rows:
            found.append(what)
    return found


def _programs(boots: list[Boot], index: int) -> Iterator[CountGrowth]:
    boot = boots[index]
    members: dict[bytes, list[Presence]] = {}
    for one in presences(boot):
        if one.process.kernel:
            continue
        members.setdefault(program(one.process), []).append(one)
        for what, table, column in (
            (Counted.THREADS, "process", "threads"),
            (Counted.FILES, "process.details", "fds"),
        ):
            times, values = boot.points(table, one.key, column)
            known = len(times) if one.until_ms is None else bisect_left(times, one.until_ms)
            growth = _judged(boots, index, what, times[:known], values[:known], one.until_ms)
            if growth is not None:
                kinds = _kinds(boot, one.key, growth) if what is Counted.FILES else []
                yield replace(growth, name=program(one.process), pid=one.process.pid, kinds=kinds)
    for name, lives in members.items():
        growth = _judged(boots, index, Counted.PROCESSES, *_alive(lives), None) if len(lives) > QUIET else None
        if growth is not None:
            yield replace(growth, name=name)


def _machine(boots: list[Boot], index: int) -> Iterator[CountGrowth]:
    growth = _judged(boots, index, Counted.SOCKETS, *boots[index].points("sockstat", b"", "sockets"), None)
    if growth is not None:
        yield growth


def _judged(
    boots: list[Boot], index: int, what: Counted, times: Sequence[int], values: Sequence[int], until_ms: int | None
) -> CountGrowth | None:
    """None: it hardly changed, or is not known."""
    if not values or max(values) - min(values) < QUIET:
        return None
    boot = boots[index]
    until = max(boot.sample_at[-1] if until_ms is None else until_ms, times[-1])
    # Each time that a slow count is written is one that it was looked at; those of no news are not known.
    slow = what in (Counted.FILES, Counted.SOCKETS)
    samples = len(times) if slow else boot.samples_between(times[0], until)
    worth = [value * UNIT_BYTES for value in values]
    verdict = judge(times, worth, until, samples, QUIET * UNIT_BYTES)
    verdict = replace(verdict, grown=round(verdict.grown / UNIT_BYTES), per_s=verdict.per_s / UNIT_BYTES)
    return CountGrowth(
        what,
        None,
        None,
        1,
        int(verdict.shape is Shape.LEAK),
        verdict,
        moment(boots, index, verdict.since_ms),
        values[0],
        values[-1],
        [],
        curve.sampled(times, values, until, CELLS),
    )


def _alive(lives: Iterable[Presence]) -> tuple[list[int], list[int]]:
    """How many of these processes there were, whenever that changed."""
    changes: dict[int, int] = {}
    for one in lives:
        changes[one.from_ms] = changes.get(one.from_ms, 0) + 1
        if one.until_ms is not None:
            changes[one.until_ms] = changes.get(one.until_ms, 0) - 1
    times = sorted(changes)
    return times, list(accumulate(changes[at] for at in times))


def _kinds(boot: Boot, key: bytes, growth: CountGrowth) -> list[tuple[str, int]]:
    """Which of its open files became more since the growth began; of very many only the number is recorded."""
    found = []
    for column in KINDS:
        times, values = boot.points("process.details", key, column)
        rose = values[-1] - curve.value_at(times, values, growth.verdict.since_ms) if values else 0
        if rose > 0:
            found.append((column.removeprefix("fd_"), rose))
    return sorted(found, key=lambda kind: kind[1], reverse=True)


def _mostly_sockets(growth: CountGrowth) -> bool:
    return sum(number for kind, number in growth.kinds if kind == "sockets") >= SOCKETS_SHARE * growth.verdict.grown
