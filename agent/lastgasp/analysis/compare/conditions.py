"""Did both sides run under the same conditions: the same machine, settings and work, sampled as often and for as long?

A difference of firmware is what a comparison is for. One of RAM, of the work done or of the time recorded explains
differences of memory without any change of a program: such doubts make every finding less sure.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

from lastgasp.analysis.compare.sides import Side
from lastgasp.analysis.workload.counters import Work, counters

HOUR_MS = 3_600_000
OTHER_LENGTH = 3  # times as long
OTHER_INTERVAL = 1.5  # times as long from one sample to the next
OTHER_WORK = 2.0  # times as much work an hour
COMPARED = (
    "kernel",
    "build",
    "machine",
    "total_kb",
    "cpus",
    "page_size",
    "agent",
)  # of the "machine" event; os.*, vm.* too
HARD = ("total_kb", "page_size", "machine")  # with these another, memory is not comparable
ONE_SIDE = (*HARD, "kernel", "build")  # the same in all runs of a side, and os.* too: it is one firmware
# Work whose amount the outside decides, and how much of it an hour is worth a word. Reading from disk is none: a
# machine that is short of memory reads its files again and again.
Told = dict[str, set[bytes]]  # by name all that the machines of a side told
WORKS = {
    Work.PACKETS_IN: 3600,
    Work.BYTES_IN: 4 << 20,
    Work.BYTES_WRITTEN: 4 << 20,
    Work.STARTS: 360,
    Work.CPU: 72.0,  # 2 % of one CPU
}


class Doubt(StrEnum):
    """Why a difference may be none of the firmware's."""

    MACHINE = "another machine"
    MIXED = "a side of several machines or firmwares"
    WORK = "not the same work"
    LENGTH = "not recorded for as long"


@dataclass(frozen=True, slots=True)
class Setting:
    """Something that the agent told of the machine. Several values: the side's recordings disagree. Raw."""

    name: str
    old: list[bytes]
    new: list[bytes]


@dataclass(frozen=True, slots=True)
class WorkDone:
    """Work in an hour."""

    work: Work
    old_per_h: float
    new_per_h: float

    @property
    def times(self) -> float | None:
        """How many times as much NEW did; None: OLD did none."""
        return self.new_per_h / self.old_per_h if self.old_per_h else None


@dataclass(frozen=True, slots=True)
class Conditions:
    """What was not the same."""

    settings: list[Setting]
    work: list[WorkDone]
    doubts: list[Doubt]
    interval_ms: tuple[int, int] | None  # usual distance of samples, where it is another; peaks in between are not seen
    mixed: tuple[list[str], list[str]]  # what runs of OLD, and of NEW, disagree on


def conditions(old: Side, new: Side) -> Conditions:
    """Compare the conditions of two sides."""
    told = _told(old), _told(new)
    settings = _settings(told)
    work = _work(old, new)
    doubts = []
    mixed = _mixed(told[0]), _mixed(told[1])
    if any(setting.name in HARD for setting in settings):
        doubts.append(Doubt.MACHINE)
    if any(mixed):
        doubts.append(Doubt.MIXED)
    if work:
        doubts.append(Doubt.WORK)
    short, long = sorted((old.longest_ms, new.longest_ms))
    if long > OTHER_LENGTH * short:
        doubts.append(Doubt.LENGTH)
    return Conditions(settings, work, doubts, _interval(old, new), mixed)


def _interval(old: Side, new: Side) -> tuple[int, int] | None:
    known = [[facts.span.interval_ms for facts in side.facts if facts.span.interval_ms] for side in (old, new)]
    if not all(known):
        return None
    before, after = (round(median(side)) for side in known)
    return (before, after) if max(before, after) >= OTHER_INTERVAL * min(before, after) else None


def _mixed(told: Told) -> list[str]:
    return [name for name in told if len(told[name]) > 1 and (name in ONE_SIDE or name.startswith("os."))]


def _settings(told: tuple[Told, Told]) -> list[Setting]:
    names = [name for name in COMPARED if any(name in side for side in told)]
    names += sorted({name for side in told for name in side if name.startswith(("os.", "vm."))})
    found = []
    for name in names:
        values = [sorted(side.get(name, ())) for side in told]
        # What one side does not tell is not known to differ.
        if values[0] != values[1] and all(values):
            found.append(Setting(name, values[0], values[1]))
    return found


def _told(side: Side) -> Told:
    found: Told = {}
    for recording in side.recordings:
        for boot in recording.boots:
            for name, value in boot.machine().items():
                found.setdefault(name, set()).add(value)
    return found


def _work(old: Side, new: Side) -> list[WorkDone]:
    before, after = _per_hour(old), _per_hour(new)
    found = []
    for work, worth in WORKS.items():
        if work not in before or work not in after:  # of which nothing is known
            continue
        less, more = sorted((before[work], after[work]))
        if more >= worth and more >= OTHER_WORK * less:
            found.append(WorkDone(work, before[work], after[work]))
    return found


def _per_hour(side: Side) -> dict[Work, float]:
    """Of all interfaces, disks and CPUs; work of which no counter was recorded is left out."""
    done: dict[Work, float] = defaultdict(float)
    recorded = 0
    tables = {"net_dev": (Work.PACKETS_IN, Work.BYTES_IN), "diskstats": (Work.BYTES_WRITTEN,)}
    tables |= {"stat": (Work.STARTS, Work.CPU)}
    for recording in side.recordings:
        for boot in recording.boots:
            recorded += boot.last_ms - boot.first_ms
            for table, works in tables.items():
                for work in works if boot.rows(table) else ():
                    done[work] += 0.0
            for counter in counters(boot, WORKS.keys()):
                done[counter.work] += counter.total[-1]
    return {work: total * HOUR_MS / max(recorded, 1) for work, total in done.items()}
