"""Who grew: the anonymous memory of every process over its life, and what shape that has.

Anonymous memory is resident memory without files and shared memory, plus what of it lies in swap: what a process
asked for and only the process can give back. A life is one pid with one start time; lives of the same program are
kept together, for a daemon that is restarted leaks on.
"""

from __future__ import annotations

import signal
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lastgasp.analysis.anonymous import anonymous
from lastgasp.analysis.demand import demands
from lastgasp.analysis.forks import forked
from lastgasp.analysis.identity import KEY, clock_ticks, process_at, program, started_ms, user_processes
from lastgasp.analysis.onset import onset
from lastgasp.analysis.oom.events import oom_events
from lastgasp.analysis.shape.curve import Series, sampled
from lastgasp.analysis.shape.trend import CELLS as TREND_CELLS
from lastgasp.analysis.shape.under_load import judge_under_load
from lastgasp.analysis.shape.verdict import Confidence, Shape, Verdict, average, young
from lastgasp.analysis.times import Moment, moment
from lastgasp.timeline.model import Boot, Process, Recording

if TYPE_CHECKING:
    from lastgasp.analysis.where import Where
    from lastgasp.analysis.workload.drivers import Drivers

STARVED = 0.5  # of the time that some task waited for memory
WEIGHT = {Confidence.LOW: 0.0, Confidence.MEDIUM: 0.25, Confidence.HIGH: 1.0}  # of growth, in the question of guilt
DWARFED = 50  # times less than the greatest leak: a bystander that is no more than likely to leak
AFTERMATH = 0.25  # of a life, behind an OOM kill
SIGNAL = 0x7F  # of an exit code as wait(2) gives it
YOUNG_MS = 600_000  # of a life that the recording saw begin
CELLS = 24


@dataclass(slots=True)
class Life:
    """One life of a process, as far as it was recorded. Memory is anonymous memory with swap, in bytes."""

    boot: int
    key: bytes
    pid: int
    name: bytes  # its program; raw
    command_line: bytes | None
    group: bytes | None  # memory control group
    first: Moment  # of what was recorded
    last: Moment
    started: bool  # the recording saw it begin
    ended: bool  # and end
    exit_code: int | None  # as wait(2) gives it; None: alive, or not known
    from_bytes: int
    to_bytes: int
    judged_bytes: int  # at the end of what was judged: to the kill, where most of the life lies before one
    peak_bytes: int
    verdict: Verdict
    since: Moment  # the growth's beginning, as closely as the curve tells
    cells: list[int]  # at the ends of CELLS equal stretches of this life
    where: Where | None = None  # filled in for those who are shown
    follows: Drivers | None = None  # what its growth was held against; filled in for those who leak or may leak

    @property
    def rank(self) -> tuple[bool, float, int]:
        """The guiltiest is the greatest: first who leaks, by how much and how surely; then everybody by what moved."""
        if self.leaks:
            return True, self.verdict.grown * WEIGHT[self.verdict.confidence], self.verdict.grown
        return False, 0.0, self.moved

    @property
    def moved(self) -> int:
        """Bytes between the first value and the one farthest from it, as far as that is known."""
        return max(abs(self.change), self.peak_bytes - self.from_bytes)

    @property
    def leaks(self) -> bool:
        """Is it a leak, and more than a suspicion?"""
        return self.verdict.claims

    @property
    def passed(self) -> bool:
        """Did it end within minutes, as far as is known by itself, and give back whatever it took?"""
        killed = (self.exit_code or 0) & SIGNAL == signal.SIGKILL
        return self.ended and not killed and self.last.uptime_ms - self.first.uptime_ms < YOUNG_MS

    @property
    def change(self) -> int:
        """Bytes from the first value to the last."""
        return self.to_bytes - self.from_bytes


@dataclass(frozen=True, slots=True)
class Kill:
    """When the OOM killer struck, and in which memory group; None: the whole machine was short."""

    at_ms: int
    group: bytes | None

    def concerns(self, group: bytes | None) -> bool:
        """Whether it ended the growth of a process in this group."""
        inner = self.group is None or group is None or group == self.group
        return inner or (group or b"").startswith((self.group or b"").rstrip(b"/") + b"/")


@dataclass(slots=True)
class Growth:
    """One program: how many lives it had, and the one that tells most of a leak."""

    name: bytes
    lives: int
    leaking: int  # of them
    worst: Life


def growths(recording: Recording) -> list[Growth]:
    """Every program that had memory of its own, the guiltiest first."""
    found: dict[bytes, Growth] = {}
    kills = kills_of(recording)
    for index, boot in enumerate(recording.boots):
        of = _of(boot)
        children = forked(boot, program)
        for process in user_processes(boot):
            life = _life(recording.boots, index, process, of, kills=kills[index])
            if life is None:
                continue
            if life.key in children and (life.passed or not life.leaks):
                life.verdict = replace(life.verdict, shape=Shape.FORK_SERVER)
            growth = found.get(life.name)
            if growth is None:
                growth = found[life.name] = Growth(life.name, 0, 0, life)
            growth.lives += 1
            growth.leaking += life.verdict.shape is Shape.LEAK
            if life.rank > growth.worst.rank:
                growth.worst = life
    _acquit(found.values())
    return sorted(found.values(), key=lambda growth: growth.worst.rank, reverse=True)


def _acquit(every: Iterable[Growth]) -> None:
    """Next to a leak many times as large, what only likely leaks is a suspicion: who does anything grows a little."""
    leaks = [growth.worst for growth in every if growth.worst.leaks]
    most = max((life.verdict.grown for life in leaks), default=0)
    for life in leaks:
        if life.verdict.confidence is Confidence.MEDIUM and life.verdict.grown * DWARFED < most:
            life.verdict = replace(life.verdict, confidence=Confidence.LOW)


def life_of(recording: Recording, boot: int, pid: int, at_ms: int) -> Life | None:
    """The process that had this pid at a moment of a boot (from 1); None when the recording does not know it."""
    of = recording.boots[boot - 1]
    process = process_at(of, pid, at_ms)
    if process is None:
        return None
    kills = kills_of(recording)[boot - 1]
    return _life(recording.boots, boot - 1, process, _of(of), kills=kills)


def kills_of(recording: Recording) -> list[list[Kill]]:
    """The kernel's OOM kills in each boot.

    None is later than when its victim was seen to be gone: the kernel's clock can run ahead.
    """
    found: list[list[Kill]] = [[] for _ in recording.boots]
    for event in oom_events(recording):
        if event.before_recording or event.victim_pid is None:
            continue
        boot, at_ms = recording.boots[event.at.boot - 1], event.at.uptime_ms
        victim = process_at(boot, event.victim_pid, at_ms)
        if victim is not None and victim.gone_ms is not None and event.victim in victim.names:
            at_ms = min(at_ms, victim.gone_ms - 1)
        found[event.at.boot - 1].append(Kill(at_ms, event.group if event.limited_by_group else None))
    return found


def life_until(boots: list[Boot], index: int, process: Process, until_ms: int) -> Life | None:
    """A life as if the recording had ended at that moment; None when nothing of it was recorded by then."""
    boot = boots[index]
    if not KEY.fullmatch(process.key):
        return None
    return _life(boots, index, process, _of(boot), until_ms)


@dataclass(frozen=True, slots=True)
class _OfBoot:
    """What each life of a boot is judged with, read once."""

    page_size: int
    ticks: int
    stalled: Series  # times in ms, time that some task waited for memory in us


def _of(boot: Boot) -> _OfBoot:
    return _OfBoot(boot.page_size, clock_ticks(boot), boot.points("pressure", b"memory", "some_us"))


def _life(
    boots: list[Boot],
    index: int,
    process: Process,
    of: _OfBoot,
    until_ms: int | None = None,
    kills: Iterable[Kill] = (),
) -> Life | None:
    boot = boots[index]
    times, sizes, end_ms = anonymous(boot, process.key, of.page_size)
    if until_ms is not None:
        known = bisect_right(times, until_ms)
        times, sizes, end_ms = times[:known], sizes[:known], min(end_ms, until_ms)
    if not times:
        return None
    until = max(end_ms, times[-1])
    group = process.attributes.get("cgroup")
    last = _last_growth(times[0], until, [kill.at_ms for kill in kills if kill.concerns(group)])
    judged = max(_starved_since(boot, of.stalled, last, process.gone_ms is not None), times[0])
    grown = bisect_right(times, judged)
    samples = boot.samples_between(times[0], judged)
    verdict = average(judge_under_load(times[:grown], sizes[:grown], judged, samples, demands(boot, process.key)))
    begun = started_ms(process, of.ticks) >= boot.first_ms
    if begun and judged - times[0] < YOUNG_MS:
        verdict = young(verdict)
    return Life(
        index + 1,
        process.key,
        process.pid,
        program(process),
        process.attributes.get("cmdline"),
        process.attributes.get("cgroup"),
        moment(boots, index, times[0]),
        moment(boots, index, until),
        begun,
        process.gone_ms is not None,
        process.exit_code,
        sizes[0],
        sizes[-1],
        sizes[bisect_right(times, last) - 1],
        max(sizes),
        verdict,
        moment(boots, index, _began(times, sizes, verdict)),
        sampled(times, sizes, until, CELLS),
    )


def _last_growth(first_ms: int, until_ms: int, kills: Iterable[int]) -> int:
    """Up to when a life tells what it would do with memory enough: the kill that most of it lies before, if any.

    Behind such a kill there is a rest in which memory was short or just given back; and what is said of a leak here
    agrees with what is said of it in the explanation of that kill.
    """
    rest = (until_ms - first_ms) * AFTERMATH
    return min((at for at in kills if first_ms < at <= until_ms <= at + rest), default=until_ms)


def _began(times: list[int], sizes: list[int], verdict: Verdict) -> int:
    """Since when a leak grows: the change point in its curve, where it has a clear one near the trend's beginning."""
    if verdict.shape is not Shape.LEAK:
        return verdict.since_ms
    found = onset(times, sizes, verdict.since_ms, verdict.until_ms, TREND_CELLS)
    return found.at_ms if found is not None else verdict.since_ms


def _starved_since(boot: Boot, stalled: Series, until_ms: int, ended: bool) -> int:
    """Since when, up to ``until_ms``, tasks did little but wait for memory; ``until_ms`` itself if they did not.

    Nothing can grow in such a time, however much it would: whoever stopped growing then says nothing by it. The
    last sample of one that ``ended`` may tell of the relief after its kill.
    """
    times, stalled_us = stalled
    last = bisect_right(boot.sample_at, until_ms) - 1
    since = until_ms
    for i in range(last, 0, -1):
        from_ms, to_ms = boot.sample_at[i - 1], boot.sample_at[i]
        before, after = (bisect_right(times, at) - 1 for at in (from_ms, to_ms))
        if before >= 0 and stalled_us[after] - stalled_us[before] >= STARVED * 1000 * (to_ms - from_ms):
            since = from_ms
        elif i < last or not ended:
            break
    return since
