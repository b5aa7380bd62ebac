"""Two firmware versions compared: conditions first, then programs, then the machine. Pure; ``report`` has the words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lastgasp.analysis.compare.adj import Adjusted, adjusted
from lastgasp.analysis.compare.conditions import Conditions, conditions
from lastgasp.analysis.compare.machine import ItemDiff, item_diffs
from lastgasp.analysis.compare.programs import ProgramDiff, program_diffs
from lastgasp.analysis.compare.sides import Side, side
from lastgasp.analysis.facts import Facts
from lastgasp.timeline.model import Recording


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that differs, and what does not."""

    old: Side
    new: Side
    conditions: Conditions
    programs: list[ProgramDiff]  # the heaviest change first
    machine: list[ItemDiff]
    adjusted: list[Adjusted]

    @property
    def worse(self) -> list[ProgramDiff]:
        """Programs that need or leak more, or are new and leak, beyond suspicion."""
        return [one for one in self.programs if one.worse]

    @property
    def better(self) -> list[ProgramDiff]:
        """Programs that need or leak less."""
        return [one for one in self.programs if one.better]

    @property
    def more_kills(self) -> bool:
        """Did the OOM killer kill more often, be it in more time?"""
        return self.new.kills > self.old.kills

    @property
    def bad(self) -> bool:
        """Is there anything to mend in NEW that was not so in OLD?"""
        return bool(self.worse) or self.more_kills or any(item.worse for item in self.machine)


def diff(old: Iterable[tuple[Recording, Facts]], new: Iterable[tuple[Recording, Facts]]) -> Comparison:
    """Compare. Never raises on what the recordings hold; each side must have one at least."""
    before, after = side(old), side(new)
    known = conditions(before, after)
    # Another machine, other work and another length often come together: one grade for all.
    doubts = 1 if known.doubts else 0
    programs = program_diffs(before, after, doubts)
    items = item_diffs(before, after, doubts)
    return Comparison(before, after, known, programs, items, adjusted(before, after, programs))
