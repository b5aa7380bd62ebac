"""One side of a comparison: the runs of one firmware version, merged by program.

A run is one boot of one recording. Runs that are much shorter than the longest do not count for levels: they would
compare a warm-up with a steady level.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from lastgasp.analysis.compare.levels import Level, Levels
from lastgasp.analysis.compare.usage import Use, programs
from lastgasp.analysis.facts import Facts
from lastgasp.analysis.growth import Growth
from lastgasp.analysis.shape.trend import Shape, Verdict
from lastgasp.timeline.model import Recording

LONG = 0.25  # of the longest run: what is shorter does not count


@dataclass(slots=True)
class Run:
    """One boot of one recording, for one program."""

    recording: int  # which of the side's
    use: Use
    leaking: bool  # its level is taken from where it began


@dataclass(slots=True)
class Runs:
    """One program on one side."""

    name: bytes  # raw
    exe: bytes | None
    runs: list[Run] = field(default_factory=list)
    growth: list[Growth] = field(default_factory=list)  # of the recordings in which it changed

    def levels(self, of: Callable[[Use], Levels | None], which: Callable[[Levels], Level | None]) -> list[Level]:
        """One level of each run that is long enough."""
        longest = max(run.use.memory.seen_ms for run in self.runs)
        found = []
        for run in self.runs:
            levels = of(run.use) if run.use.memory.seen_ms >= LONG * longest else None
            level = which(levels) if levels is not None else None
            if level is not None:
                found.append(level)
        return found

    def steady(self) -> list[Level]:
        """Memory: where it settles, or began to leak."""
        longest = max(run.use.memory.seen_ms for run in self.runs)
        levels = [
            run.use.memory.first if run.leaking else run.use.memory.steady
            for run in self.runs
            if run.use.memory.seen_ms >= LONG * longest
        ]
        return [level for level in levels if level is not None]

    @property
    def recordings(self) -> int:
        """In how many of the side's recordings it ran."""
        return len({run.recording for run in self.runs})

    @property
    def longest_ms(self) -> int:
        """Of its processes' lives."""
        return max(run.use.longest_ms for run in self.runs)

    @property
    def leaks(self) -> list[Verdict]:
        """The verdicts of those recordings in which it leaks beyond doubt."""
        return [growth.worst.verdict for growth in self.growth if growth.worst.leaks]

    @property
    def suspected(self) -> bool:
        """Might it leak in one of the recordings?"""
        return any(growth.worst.verdict.shape is Shape.LEAK for growth in self.growth)


@dataclass(slots=True)
class Side:
    """All recordings of one firmware version."""

    recordings: list[Recording]
    facts: list[Facts]
    programs: dict[bytes, Runs]

    @property
    def recorded_ms(self) -> int:
        """All of it."""
        return sum(facts.span.recorded_ms for facts in self.facts)

    @property
    def longest_ms(self) -> int:
        """The longest recording."""
        return max(facts.span.recorded_ms for facts in self.facts)

    @property
    def boots(self) -> int:
        """Of all recordings."""
        return sum(len(recording.boots) for recording in self.recordings)

    @property
    def kills(self) -> int:
        """OOM kills while it was recorded, by the kernel's log and its counter, whichever knows more."""
        total = 0
        for facts in self.facts:
            told = sum(not event.before_recording and event.victim is not None for event in facts.ooms)
            total += max(told, facts.kills_counted or 0)
        return total

    @property
    def reboots(self) -> int:
        """Boots after the first one of each recording."""
        return self.boots - len(self.recordings)


def side(found: Iterable[tuple[Recording, Facts]]) -> Side:
    """Gather one side."""
    pairs = list(found)
    merged: dict[bytes, Runs] = {}
    for number, (recording, facts) in enumerate(pairs):
        growth = {growth.name: growth for growth in facts.growth}
        for program in programs(recording):
            runs = merged.setdefault(program.name, Runs(program.name, program.exe))
            runs.exe = runs.exe or program.exe
            grown = growth.get(program.name)
            if grown is not None:
                runs.growth.append(grown)
            for use in program.uses:
                leaking = grown is not None and grown.worst.leaks and grown.worst.boot == use.boot
                runs.runs.append(Run(number, use, leaking))
    return Side([recording for recording, _ in pairs], [facts for _, facts in pairs], merged)
