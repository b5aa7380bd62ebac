"""What became of each program from one firmware to the next: level, peak, leak, threads, open files, mappings."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from lastgasp.analysis.compare.levels import Level, Levels
from lastgasp.analysis.compare.match import matched
from lastgasp.analysis.compare.noise import COUNT, MEMORY, PEAK, Change, compare
from lastgasp.analysis.compare.places import PlaceChange, places
from lastgasp.analysis.compare.sides import Runs, Side
from lastgasp.analysis.compare.slopes import Evidence, Slope, Turn, appeared, slope
from lastgasp.analysis.shape.trend import QUIET_BYTES

LASTING = 0.5  # of the recorded time: who ran for less comes and goes


class Presence(StrEnum):
    """On which side a program ran."""

    BOTH = "both"
    NEW = "new"
    GONE = "gone"


@dataclass(slots=True)
class ProgramDiff:
    """One program on two sides. A measure is None where a side was seen too briefly to have it."""

    name: bytes  # raw; as on the newer side it ran on
    old_name: bytes | None  # where it was called otherwise
    presence: Presence
    lasting: bool  # it ran for most of the time, in every recording of the side(s) that it ran on
    bytes: float | None  # its level on the side that has it, where the other has not
    steady: Change | None
    peak: Change | None  # None too where it leaks: that depends on how long was recorded
    largest: Change | None  # the peak of its largest process, where it has several
    processes: Change | None  # how many at a time
    threads: Change | None
    files: Change | None
    slope: Slope | None
    places: list[PlaceChange] | None = None  # None: not asked, or not read on both sides

    @property
    def memory(self) -> list[Change]:
        """Its measures of memory that changed beyond noise."""
        return [change for change in (self.steady, self.peak) if change is not None and change.confidence is not None]

    @property
    def changed(self) -> bool:
        """Is there anything to tell, be it a suspicion?"""
        counts = (self.processes, self.threads, self.files)
        moved = any(change is not None and change.confidence is not None for change in counts)
        turned = self.slope is not None and self.slope.turn is not Turn.SAME
        return self.presence is not Presence.BOTH or bool(self.memory) or moved or turned

    @property
    def too_brief(self) -> bool:
        """Did it run on both sides, but on one of them too briefly to be compared at all?"""
        measured = (self.steady, self.peak, self.slope)
        return self.presence is Presence.BOTH and all(one is None for one in measured)

    @property
    def suspect(self) -> bool:
        """May it need or leak more than before, but not beyond suspicion?"""
        leaks = self.slope is not None and self.slope.turn in (Turn.BEGAN, Turn.FASTER)
        return not self.worse and (leaks or any(change.by > 0 for change in self.memory))

    @property
    def worse(self) -> bool:
        """Does it need more than before, or leak more, beyond suspicion? A new one: does it leak?"""
        leaks = self.slope is not None and self.slope.sure and self.slope.turn in (Turn.BEGAN, Turn.FASTER)
        return leaks or any(change.sure and change.by > 0 for change in self.memory)

    @property
    def better(self) -> bool:
        """Does it need less than before, or leak less, and nothing more?"""
        leaks = self.slope is not None and self.slope.sure and self.slope.turn in (Turn.ENDED, Turn.SLOWER)
        return not self.worse and (leaks or any(change.sure and change.by < 0 for change in self.memory))

    @property
    def weight(self) -> float:
        """What matters most is heaviest: what it leaks in an hour, and by how much it changed."""
        moved = max((abs(change.by) for change in self.memory), default=0.0)
        per_s = 0.0
        if self.slope is not None and self.slope.turn is not Turn.SAME:
            per_s = abs((self.slope.new_per_s or 0.0) - (self.slope.old_per_s or 0.0))
        return moved + per_s * 3600 + (self.bytes or 0.0)


def program_diffs(old: Side, new: Side, doubts: int) -> list[ProgramDiff]:
    """Every program of either side, the heaviest change first."""
    found = [
        _both(old, new, before, after, doubts)
        if before is not None and after is not None
        else _one(old, new, before, after)
        for before, after in matched(old.programs.values(), new.programs.values())
    ]
    return sorted(found, key=lambda one: (not one.worse, not one.better, not one.changed, -one.weight, one.name))


def _both(old: Side, new: Side, before: Runs, after: Runs, doubts: int) -> ProgramDiff:
    leak = slope(_evidence(before), _evidence(after), QUIET_BYTES, doubts)
    peaks = None if leak is not None else compare(_peaks(before), _peaks(after), PEAK, doubts)
    processes = compare(_count(before, "processes"), _count(after, "processes"), COUNT, doubts)
    several = any(run.use.lives > 1 for runs in (before, after) for run in runs.runs)
    largest = None
    if several and leak is None:
        largest = compare(_largest(before), _largest(after), PEAK, doubts)
    diff = ProgramDiff(
        after.name,
        before.name if before.name != after.name else None,
        Presence.BOTH,
        _lasting(old, before) and _lasting(new, after),
        None,
        compare(before.steady(), after.steady(), MEMORY, doubts),
        peaks,
        largest,
        processes,
        compare(_count(before, "threads"), _count(after, "threads"), COUNT, doubts),
        compare(_count(before, "files"), _count(after, "files"), COUNT, doubts),
        leak,
    )
    if diff.worse or diff.better:
        diff.places = places(old, new, before, after)
    return diff


def _one(old: Side, new: Side, before: Runs | None, after: Runs | None) -> ProgramDiff:
    """A program that only one side has."""
    runs, side = (after, new) if after is not None else (before, old)
    assert runs is not None  # one of the two
    levels = runs.steady()
    size = max(level.value for level in levels) if levels else max(run.use.memory.peak.value for run in runs.runs)
    leak = appeared(_evidence(runs)) if after is not None else None
    presence = Presence.NEW if after is not None else Presence.GONE
    lasting = _lasting(side, runs)
    return ProgramDiff(runs.name, None, presence, lasting, size, None, None, None, None, None, None, leak)


def _evidence(runs: Runs) -> Evidence:
    unrest = [max(run.use.memory.floor_scatter or 0.0, run.use.memory.walk or 0.0) for run in runs.runs]
    return Evidence(runs.leaks, runs.recordings, runs.suspected, runs.longest_ms, max(unrest))


def _peaks(runs: Runs) -> list[Level]:
    return runs.levels(lambda use: use.memory, _peak)


def _largest(runs: Runs) -> list[Level]:
    return runs.levels(lambda use: use.largest, _peak)


def _peak(levels: Levels) -> Level | None:
    """Of what was seen for long enough: how far peaks scatter is not known of anything else."""
    return levels.peak if levels.steady is not None else None


def _count(runs: Runs, what: str) -> list[Level]:
    """The usual number of processes, threads or open files."""
    return runs.levels(lambda use: getattr(use, what), lambda levels: levels.steady)


def _lasting(side: Side, runs: Runs) -> bool:
    """Did it run for most of the time, in every recording?"""
    seen = sum(run.use.memory.seen_ms for run in runs.runs)
    return runs.recordings == len(side.recordings) and seen >= LASTING * side.recorded_ms
