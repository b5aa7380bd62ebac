"""Everything that a report says, gathered once: what is shown in a terminal and what is exported cannot differ.

Names are raw bytes throughout; unknown is None. ``report/JSON.md`` explains every field to its reader.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from itertools import islice

from lastgasp.analysis.anonymous import anonymous
from lastgasp.analysis.cost import Cost, cost
from lastgasp.analysis.counts import Counted, CountGrowth, count_growths, unrecorded
from lastgasp.analysis.endings import Refusal, Squeeze, refusals, squeezes
from lastgasp.analysis.fields import whole
from lastgasp.analysis.forecast import Forecast, forecast
from lastgasp.analysis.groups import Group, limited_groups
from lastgasp.analysis.growth import Growth, growths, life_of
from lastgasp.analysis.losses import Losses, losses
from lastgasp.analysis.memory import ANONYMOUS, Curves, KernelGrowth, every_curve, kernel_growth
from lastgasp.analysis.oom.events import OomEvent, kills_counted, oom_events
from lastgasp.analysis.oom.kills import Explanation, explanations
from lastgasp.analysis.pace import Reason
from lastgasp.analysis.runs import Happening, Run, happenings, runs
from lastgasp.analysis.shape.trend import Shape
from lastgasp.analysis.times import BootSpan, ClockStep, Span, boot_spans, clock_steps, span
from lastgasp.analysis.tracks import Stall, Track, stall, tracks
from lastgasp.analysis.victim.next_victim import Outlook, in_brief
from lastgasp.analysis.where import Mappings
from lastgasp.analysis.workload.drivers import Workload
from lastgasp.timeline.model import Recording

GROWING = (Shape.LEAK, Shape.STEP)
SHOWN = 50  # programs whose growth is told one by one
FOLLOWED = 8  # of those who leak, who may leak, and who grew by a step: held against the work done
EXPLAINED = 8  # OOM reports
SHORT_BYTES = 1 << 20  # growth of a life too short to judge is told from here on


@dataclass(frozen=True, slots=True)
class Machine:
    """What was recorded on, by its latest "machine" event."""

    host: bytes | None
    kernel: bytes | None
    architecture: bytes | None
    system: bytes | None
    cpus: int | None
    total_bytes: int | None
    page_size: int | None
    agent: bytes | None  # version of lastgasp there


@dataclass(frozen=True, slots=True)
class Programs:
    """How many programs (lives of one name count once) there were, by what became of their memory."""

    total: int
    changed: int  # of which ``growth`` tells
    too_short: int
    steady: int


@dataclass(frozen=True, slots=True)
class Facts:
    """One recording, understood."""

    file: str
    ring_id: int
    machine: Machine
    span: Span
    boots: list[BootSpan]
    clock_steps: list[ClockStep]
    memory: list[Track]
    stall: Stall | None
    growth: list[Growth]  # the guiltiest first, at most SHOWN, and who was asked for
    programs: Programs
    kernel_growth: list[KernelGrowth]
    counts: list[CountGrowth]  # open files, threads, processes, sockets that leak beyond doubt, the worst first
    uncounted: list[Counted]  # which of them were not recorded
    ooms: list[OomEvent]
    kills_counted: int | None
    groups: list[Group]
    next_victim: Outlook | None  # at the last sample before the first kill, or the last one
    runs: list[Run]
    happenings: list[Happening]
    losses: Losses
    cost: Cost
    forecasts: list[Forecast]  # at the end of the last boot: of the machine, and of each group with a limit
    squeezes: list[Squeeze]  # boots that ended with hardly anything left, and no report
    refusals: list[Refusal]
    explained: list[Explanation] = field(default_factory=list, metadata={"json": False})  # the first kills

    @property
    def leaks(self) -> list[Growth]:
        """Programs that leak beyond doubt, the guiltiest first."""
        return [growth for growth in self.growth if growth.worst.leaks]

    @property
    def machine_leaks(self) -> list[KernelGrowth]:
        """Growth that no leaking process explains, the largest first."""
        return [growth for growth in self.kernel_growth if not (self.leaks and growth.name == ANONYMOUS)]

    @property
    def bad(self) -> bool:
        """Is there anything to mend: a leak of whatever kind, a kill, or memory that ran out without one?"""
        return bool(self.leaks or self.machine_leaks or self.counts or self.ooms or self.squeezes or self.refusals)

    @property
    def suspicions(self) -> list[Growth]:
        """Programs that may leak, those that grew most first."""
        return [growth for growth in self.growth if growth.worst.verdict.shape is Shape.LEAK and not growth.worst.leaks]


def gather(recording: Recording, asked: Collection[bytes] = ()) -> Facts:
    """All facts of a recording. Never raises on what a recording holds.

    ``asked``: programs that are told of whatever became of them, and held against the work done.
    """
    every = growths(recording)
    changed = [growth for growth in every if _worth_telling(growth)]
    told = changed[:SHOWN]
    besides = set(asked) - {growth.name for growth in told}
    told += [growth for growth in every if growth.name in besides]
    readings = [Mappings(recording.boots, index) for index in range(len(recording.boots))]
    for growth in told:
        life = growth.worst
        life.where = readings[life.boot - 1].of(life.key)
    works = _Works(recording)
    _follow(works, told, asked)
    ooms, runs_, refused = _ooms(recording), runs(recording), refusals(recording)
    return Facts(
        recording.name,
        recording.ring_id,
        _machine(recording),
        span(recording),
        boot_spans(recording),
        clock_steps(recording),
        tracks(recording),
        stall(recording),
        told,
        _programs(every, changed),
        _kernel_growth(recording, works),
        count_growths(recording),
        unrecorded(recording),
        ooms,
        kills_counted(recording),
        limited_groups(recording),
        in_brief(recording, ooms),
        runs_,
        happenings(recording),
        losses(recording),
        cost(recording),
        _forecasts(recording, refused),
        squeezes(recording, runs_, ooms),
        refused,
        list(islice((one for one in explanations(recording) if one.recorded), EXPLAINED)),
    )


def _forecasts(recording: Recording, refused: list[Refusal]) -> list[Forecast]:
    """Where the kernel promises no more in the last boot, what is left of RAM will not be taken."""
    found = forecast(recording)
    if not refused or refused[-1].first.boot != len(recording.boots):
        return found
    return [
        replace(one, in_ms=None, low_ms=None, high_ms=None, reason=Reason.REFUSED)
        if one.group is None and one.in_ms is not None
        else one
        for one in found
    ]


class _Works:
    """The work done in each boot, read when it is first asked for."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.known: dict[int, Workload] = {}

    def of(self, boot: int) -> Workload:
        """Of a boot, counted from 1."""
        if boot not in self.known:
            self.known[boot] = Workload(self.recording.boots[boot - 1])
        return self.known[boot]


def _follow(works: _Works, told: list[Growth], asked: Collection[bytes]) -> None:
    """Hold the growth of those who leak, or may leak, against the work that was done."""
    followed: Counter[tuple[Shape, bool]] = Counter()
    for growth in told:
        life = growth.worst
        kind = life.verdict.shape, life.leaks
        followed[kind] += 1
        if life.verdict.shape not in GROWING or (followed[kind] > FOLLOWED and growth.name not in asked):
            continue
        work = works.of(life.boot)
        times, sizes, _ = anonymous(work.boot, life.key, work.boot.page_size)
        life.follows = work.drivers(times, sizes, life.verdict.since_ms, life.verdict.until_ms, life.key)


def _kernel_growth(recording: Recording, works: _Works) -> list[KernelGrowth]:
    """What grows and is no process, held against the work that was done."""
    found = []
    curves: dict[int, Curves] = {}
    for growth in kernel_growth(recording):
        work = works.of(growth.since.boot)
        if growth.since.boot not in curves:
            curves[growth.since.boot] = every_curve(work.boot)
        times, sizes = curves[growth.since.boot][growth.name]
        follows = work.drivers(times, sizes, growth.verdict.since_ms, growth.verdict.until_ms)
        found.append(replace(growth, follows=follows))
    return found


def _worth_telling(growth: Growth) -> bool:
    life = growth.worst
    if life.verdict.shape is Shape.TOO_SHORT:
        return life.change >= SHORT_BYTES
    return life.verdict.shape is not Shape.STEADY


def _programs(every: list[Growth], changed: list[Growth]) -> Programs:
    told = {id(growth) for growth in changed}
    short = sum(growth.worst.verdict.shape is Shape.TOO_SHORT for growth in every if id(growth) not in told)
    return Programs(len(every), len(changed), short, len(every) - len(changed) - short)


def _ooms(recording: Recording) -> list[OomEvent]:
    """The kernel's kills, with what the recording knows of each victim."""
    events = oom_events(recording)
    for event in events:
        if event.victim_pid is not None:
            life = life_of(recording, event.at.boot, event.victim_pid, event.at.uptime_ms)
            if life is not None:
                event.victim_program, event.victim_shape = life.name, life.verdict.shape
    return events


def _machine(recording: Recording) -> Machine:
    known: dict[str, bytes] = {}
    for boot in recording.boots:
        known.update(boot.machine())
    total_kb = whole(known.get("total_kb"))
    return Machine(
        known.get("host"),
        known.get("kernel"),
        known.get("machine"),
        known.get("os.pretty_name"),
        whole(known.get("cpus")),
        total_kb * 1024 if total_kb is not None else None,
        whole(known.get("page_size")),
        known.get("agent"),
    )
