"""Who filled the memory that ran out, in one name: what everything else said of a kill has to agree with.

By the best that is known: a leak that is seen beyond doubt; else whoever took most in the time that was recorded; else,
as one report is one instant, whoever held most in it. Nobody is named where many small ones did it together, where
memory was not short but in pieces, or where the kernel did not decide.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from lastgasp.analysis.memory import SHARED, UNACCOUNTED
from lastgasp.analysis.oom.before import Before
from lastgasp.analysis.oom.cause import Case, OomCause, inner
from lastgasp.analysis.oom.memory import Part
from lastgasp.oom.choice import Choice

KB = 1024
LATE_COUNTS = 0.25  # of what the greatest took, or held
MOST = 0.5  # of what was taken by all
KERNEL_MEMORY = "memory of the kernel"


class By(StrEnum):
    """How it is known."""

    GROWTH = "it grew"  # beyond doubt
    TAKEN = "it took most in the time that was recorded"
    HELD = "it held most"


@dataclass(frozen=True, slots=True)
class Culprit:
    """A process, or a kind of memory that is no process'."""

    name: bytes
    pid: int | None  # None: no process, or several of the name
    program: bool
    by: By
    bytes: int  # that it grew by, took, or held
    over_ms: int | None  # in how long; None: held at that moment
    killed: bool  # it is the victim, too

    @property
    def sure(self) -> bool:
        """Beyond doubt?"""
        return self.by is By.GROWTH


def culprit(cause: OomCause, choice: Choice, before: Before | None) -> Culprit | None:
    """None: nobody can be named."""
    if cause.case in (Case.REFUSED, Case.USER_SPACE, Case.BY_HAND, Case.FRAGMENTED, Case.FILE):
        return None
    victim = choice.victim.pid if choice.victim is not None else None
    if before is not None and before.blamed:
        bytes_, ms = before.grown
        if before.program is not None:
            life = before.program
            return Culprit(life.name, life.pid, True, By.GROWTH, bytes_, ms, life.pid == victim)
        if before.machine is not None:
            return Culprit(before.machine.name.encode(), None, False, By.GROWTH, bytes_, ms, False)
    return (_by_taken(before, victim) if before is not None else None) or _by_held(cause, choice, victim)


def _by_taken(before: Before, victim: int | None) -> Culprit | None:
    """Who used up most of the last of it, if that is much of what somebody took; else who took most in all."""
    most = max(before.taken, key=lambda one: one.bytes, default=None)
    if most is None:
        return None
    # What nobody accounts for may be the swap of others, kept in compressed RAM.
    last = next((one for one in before.taken if one.name != UNACCOUNTED.encode()), most)
    one = last if last.late >= LATE_COUNTS * most.bytes else most
    if one.late <= 0:
        return None  # it had its room, and took nothing of the last
    # One who was large before it was recorded, and hardly grew since, is not told by what others took.
    held = before.program.to_bytes if before.program is not None else 0
    if one.bytes < held / 2 and one.late < LATE_COUNTS * held:
        return None
    # Where many took it together nobody is named who took less than all the others.
    if before.taken_bytes is not None and one.bytes < MOST * before.taken_bytes:
        return None
    program = one.pid is not None
    return Culprit(one.name, one.pid, program, By.TAKEN, one.bytes, one.over_ms, program and one.pid == victim)


def _by_held(cause: OomCause, choice: Choice, victim: int | None) -> Culprit | None:
    case, where = inner(cause), cause.memory
    if case is Case.SHMEM:
        size = where.parts[Part.SHMEM] * KB if where is not None else 0
        return Culprit(SHARED.encode(), None, False, By.HELD, size, None, False)
    if case is Case.KERNEL:
        size = where.kernel_kb * KB if where is not None else 0
        return Culprit(KERNEL_MEMORY.encode(), None, False, By.HELD, size, None, False)
    if case in (Case.ONE_PROCESS, Case.PROTECTED) and cause.holder is not None:
        holder = cause.holder
        pid = holder.pids[0] if len(holder.pids) == 1 else None
        return Culprit(holder.name, pid, True, By.HELD, holder.kb * KB, None, victim in holder.pids)
    return None
