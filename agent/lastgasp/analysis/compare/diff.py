"""Two firmware versions compared: conditions first, then programs, then the machine. Pure; ``report`` has the words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

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

    @property
    def worse(self) -> list[ProgramDiff]:
        """Programs that need or leak more, beyond suspicion."""
        return [one for one in self.programs if one.worse]

    @property
    def better(self) -> list[ProgramDiff]:
        """Programs that need or leak less."""
        return [one for one in self.programs if one.better]


def diff(old: Iterable[tuple[Recording, Facts]], new: Iterable[tuple[Recording, Facts]]) -> Comparison:
    """Compare. Never raises on what the recordings hold; each side must have one at least."""
    before, after = side(old), side(new)
    known = conditions(before, after)
    # Another machine, other work and another length often come together: one grade for all.
    doubts = 1 if known.doubts else 0
    return Comparison(before, after, known, program_diffs(before, after, doubts), item_diffs(before, after, doubts))
