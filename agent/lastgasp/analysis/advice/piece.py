"""What advice on the kernel's settings is made of, and what it consists of.

What the arithmetic of ``what_if`` or ``overcommit`` gives is exact for that instant; all else is a judgement, and
marked so. No setting is recommended as a leak's cure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lastgasp.analysis.oom.cause import Case, OomCause, inner
from lastgasp.analysis.oom.culprit import By, Culprit
from lastgasp.oom.choice import Choice
from lastgasp.oom.report import Report

HALF = 0.5
# Cautions that go with a setting whether a report or a recording gives reason to change it.
FAILING = "Allocations then fail in vital processes, too, also while memory is free; few programs bear that."
VITAL = "If it is vital, its end has to be handled: a supervisor that starts it again, or a watchdog."
STALLING = "What is in use all the time comes back at once: it stalls."
DELAYING = "It costs CPU, and delays a leak's end by the time that it takes to fill the swap, no more."


@dataclass(frozen=True, slots=True)
class Leak:
    """What leaks beyond doubt, by the recording: a program, or the kernel's memory, or tmpfs."""

    name: bytes
    per_s: float  # bytes
    program: bool = True


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that advice on one report is made of."""

    report: Report
    choice: Choice
    cause: OomCause
    settings: Mapping[str, bytes]  # "vm.swappiness" …, as recorded; empty for a text log
    leaks: Sequence[Leak]
    recorded: bool  # there is a recording, which tells of promises by itself
    culprit: Culprit | None = None  # whom the report names; None: nobody can be named

    def blames(self, name: bytes) -> bool:
        """Does the recording blame that program, be it as the most likely one only?"""
        one = self.culprit
        named = one is not None and one.program and one.by is not By.HELD and one.name == name
        return named or any(leak.program and leak.name == name for leak in self.leaks)

    @property
    def blames_another(self) -> bool:
        """Is whoever held most not who is to blame?"""
        one, holder = self.culprit, self.cause.holder
        return one is not None and holder is not None and not (one.program and one.name == holder.name)


@dataclass(frozen=True, slots=True)
class Advice:
    """One setting. In ``setting`` and then in ``here`` each {} stands for one of ``names``, which are raw."""

    setting: str
    current: bytes | None  # None: not recorded
    here: str
    names: tuple[bytes, ...]
    exact: bool  # by the kernel's own arithmetic, else a judgement
    caution: str
    events: tuple[int, ...] = ()  # from 1: of which reports it is about; empty: of the recording as a whole

    @property
    def spares(self) -> bool:
        """Does it make a process less likely to be killed?"""
        return self.setting.startswith("oom_score_adj of {} to ") and not self.setting.endswith(" to 0")

    @property
    def key(self) -> tuple[str, tuple[bytes, ...]]:
        """What makes it the same advice on another report."""
        return self.setting, self.names[: self.setting.count("{}")]


def percent(share: float) -> str:
    """As a reader wants it: 12 %."""
    return f"{share * 100:.0f} %"


def cured_by_settings(evidence: Evidence) -> bool | None:
    """False: no setting cures this, or nothing is to be cured. None: one report doesn't tell."""
    case = inner(evidence.cause)
    if evidence.cause.case == Case.BY_HAND:
        return False
    if evidence.leaks or case in (Case.KERNEL, Case.SHMEM):
        return False
    if evidence.culprit is not None and not evidence.culprit.program:
        return False
    return None if case in (Case.ONE_PROCESS, Case.PROTECTED) else True
