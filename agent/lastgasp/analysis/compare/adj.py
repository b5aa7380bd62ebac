"""Whose oom_score_adj is another one than before: it decides whom the kernel kills, and changes no memory by itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from lastgasp.analysis.compare.programs import Presence, ProgramDiff
from lastgasp.analysis.compare.sides import Side
from lastgasp.analysis.identity import program, user_processes


@dataclass(frozen=True, slots=True)
class Adjusted:
    """A program that both sides have, with another oom_score_adj on each."""

    name: bytes  # raw; as on the newer side
    old: int
    new: int


def adjusted(old: Side, new: Side, programs: Iterable[ProgramDiff]) -> list[Adjusted]:
    """In the order of the programs. One whose oom_score_adj a side did not record is not known to differ."""
    before, after = _usual(old), _usual(new)
    found = []
    for one in programs:
        was, now = before.get(one.old_name or one.name), after.get(one.name)
        if one.presence is Presence.BOTH and was is not None and now is not None and was != now:
            found.append(Adjusted(one.name, was, now))
    return found


def _usual(side: Side) -> dict[bytes, int]:
    """By program, what its processes ended with, the longest-lived counting most: many start with their parent's."""
    weights: defaultdict[bytes, defaultdict[int, int]] = defaultdict(lambda: defaultdict(int))
    for recording in side.recordings:
        for boot in recording.boots:
            for process in user_processes(boot):
                times, values = boot.points("process.details", process.key, "oom_score_adj")
                if times:
                    end = process.gone_ms if process.gone_ms is not None else boot.last_ms
                    weights[program(process)][values[-1]] += max(end - times[0], 1)
    return {name: max(sorted(of), key=of.__getitem__) for name, of in weights.items()}
