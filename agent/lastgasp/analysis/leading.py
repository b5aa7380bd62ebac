"""Which kill a report, a fleet and a page of several kills begin with, and whether that kill goes before the leaks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from lastgasp.analysis.facts import Facts
from lastgasp.analysis.oom.before import Before
from lastgasp.analysis.oom.culprit import By
from lastgasp.analysis.oom.kills import Explanation


class Preceded(Protocol):
    """A kill, and what was recorded before it."""

    @property
    def before(self) -> Before | None:
        """None: a log without a recording."""


OneKill = TypeVar("OneKill", bound=Preceded)


def leading(kills: Sequence[OneKill]) -> OneKill | None:
    """The first for which somebody is to blame beyond doubt, or else the first; None: there is none."""
    blaming = [one for one in kills if one.before is not None and one.before.blamed]
    return next(iter(blaming or kills), None)


def unlike(facts: Facts) -> Explanation | None:
    """The kill that is not explained by the leak that is told first, or by any; None: there is none of the kind.

    A small leak explains no kill for which another most likely filled the memory, and with more than what leaked.
    """
    first = leading(facts.explained)
    if first is None:
        return None
    before = first.before
    if before is None or not before.blamed:
        return first if not (facts.leaks or facts.machine_leaks) or _outweighs(first, facts) else None
    if not facts.leaks:
        return None if facts.machine_leaks and before.program is None else first
    if before.program is not None:
        return None if before.program.name in [growth.name for growth in facts.leaks] else first
    return first if before.grown[0] > facts.leaks[0].worst.verdict.grown else None


def _outweighs(kill: Explanation, facts: Facts) -> bool:
    """Did somebody who is not seen to leak take more of the last than leaked by the leak that is told first?"""
    culprit, before = kill.culprit, kill.before
    if before is None or culprit is None or culprit.by is not By.TAKEN:
        return False
    told = facts.leaks[0].worst.verdict.grown if facts.leaks else facts.machine_leaks[0].verdict.grown
    names = {growth.name for growth in facts.leaks} | {growth.name.encode() for growth in facts.machine_leaks}
    late = max(one.late for one in before.taken if (one.name, one.pid) == (culprit.name, culprit.pid))
    return culprit.name not in names and late > told
