"""What a recording knows of the time before one OOM report: did the one who held most grow, since when, how fast?

One report is an instant; here it is joined with the lives of processes (pid, start and name must fit) and with the
memory of the machine, all judged as if the recording had ended at the report. What was not recorded is None, and no
verdict is given on what was seen too briefly.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from lastgasp.analysis.anonymous import anonymous
from lastgasp.analysis.growth import Life, life_until
from lastgasp.analysis.identity import KEY, clock_ticks, process_at, started_ms
from lastgasp.analysis.memory import ANONYMOUS, KB, SHARED, UNACCOUNTED, KernelGrowth, owned, owned_until
from lastgasp.analysis.oom.cause import Case, OomCause, inner
from lastgasp.analysis.oom.holders import held_kb
from lastgasp.analysis.oom.minutes import Happened, Load, happened, loads
from lastgasp.analysis.oom.taken import Taken, ended, taken, taken_by, took
from lastgasp.analysis.shape.trend import Shape
from lastgasp.analysis.times import Moment, moment
from lastgasp.analysis.where import Mappings
from lastgasp.oom.choice import Choice
from lastgasp.oom.report import Report
from lastgasp.timeline.model import Boot, Process, Recording

AGO_MS = (3_600_000, 600_000, 60_000)
CELLS = 40
LOOKED_AT = 5  # of those who held most, besides the victim
WEIGHTY = 0.1  # of all memory: growth that can be to blame for its end
SLACK_MS = 5_000  # the kernel's log and the agent's clock: on a busy machine more than a second apart


class Finding(StrEnum):
    """What the recording adds to the report."""

    LEAKS = "a process leaks"
    MAY_LEAK = "a process may leak"
    SHARED = "shared memory or tmpfs grows"
    KERNEL = "kernel memory grows"
    STEADY = "it does not grow"
    SAWTOOTH = "it grows and gives back"
    FILLED = "it filled up and stopped"
    STEP = "it grew in one step"
    SHRINKING = "it shrinks"
    TOO_SHORT = "recorded too briefly to judge"
    UNKNOWN = "not recorded"


OF_SHAPE = {
    Shape.LEAK: Finding.MAY_LEAK,  # beyond doubt only where a Life says so
    Shape.SAWTOOTH: Finding.SAWTOOTH,
    Shape.FOLLOWING: Finding.SAWTOOTH,
    Shape.FORK_SERVER: Finding.SAWTOOTH,
    Shape.FILLED: Finding.FILLED,
    Shape.WARM_UP: Finding.FILLED,
    Shape.STEP: Finding.STEP,
    Shape.STEADY: Finding.STEADY,
    Shape.SHRINKING: Finding.SHRINKING,
    Shape.TOO_SHORT: Finding.TOO_SHORT,
}
OF_SHAPE_MACHINE = {**OF_SHAPE, Shape.LEAK: Finding.STEADY}  # growth, but of no weight
TOGETHER = (Case.MANY_PROCESSES, Case.CMA)  # many may have filled it, so that nobody did alone
BLAMED = (Finding.LEAKS, Finding.SHARED, Finding.KERNEL)


@dataclass(frozen=True, slots=True)
class Size:
    """What it held so long before the report."""

    before_ms: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Before:
    """The time before one report. All sizes in bytes; of processes: anonymous memory, swap included."""

    at: Moment  # of the report
    began: Moment  # of what is recorded of this boot
    recorded_ms: int  # from the first sample to the report; 0: the report is older
    samples: int
    sampled_ms: int | None  # how long before the report the last sample was taken
    finding: Finding
    program: Life | None  # the process that it is about
    machine: KernelGrowth | None  # or the memory that is no process'
    sizes: tuple[Size, ...]  # of that one, the oldest first
    curve: tuple[int | None, ...]  # its size at the ends of CELLS equal stretches up to the report
    available: tuple[int | None, ...]  # MemAvailable (MemFree where the kernel has none), the same
    also: tuple[Life, ...]  # others that leak, or took much in this time
    taken: tuple[Taken, ...]  # who took much in this time, and what is no process's; the last of it first
    # By all of them and all small ones; None: not counted, as one alone can be to blame.
    taken_bytes: int | None = field(metadata={"json": False})
    happened: tuple[Happened, ...]  # in the last minutes
    loads: tuple[Load, ...]  # work that changed much in the last minutes

    @property
    def blamed(self) -> bool:
        """Whether somebody is to blame beyond doubt."""
        return self.finding in BLAMED

    @property
    def grown(self) -> tuple[int, int]:
        """By how much that to blame grew (bytes), in how long (ms); in what was recorded, if no trend is to be seen."""
        of = self.program or self.machine
        if of is None or not self.blamed:
            return 0, 0
        if of.verdict.shape is Shape.LEAK:
            return of.verdict.grown, of.verdict.until_ms - of.verdict.since_ms
        return of.to_bytes - of.from_bytes, self.recorded_ms

    @property
    def per_s(self) -> float:
        """How fast memory went, in bytes a second; 0 where nobody is to blame."""
        of = self.program or self.machine
        if of is not None and self.blamed and of.verdict.shape is Shape.LEAK:
            return of.verdict.per_s
        bytes_, ms = self.grown
        return bytes_ * 1000 / ms if ms else 0.0


class Past:
    """One boot of a recording, with what every report in it needs."""

    def __init__(self, recording: Recording, index: int) -> None:
        self.boots, self.index, self.boot = recording.boots, index, recording.boots[index]
        self.owned = owned(self.boot)
        self.ended = ended(self.boot)
        self.available = next(
            (points for name in ("MemAvailable", "MemFree") if (points := self.boot.points("meminfo", b"", name))[1]),
            None,
        )


def before(past: Past, at_ms: int, report: Report, choice: Choice, cause: OomCause) -> Before:
    """Join a report, at a time of a boot, with what was recorded before it."""
    boots, index, boot = past.boots, past.index, past.boot
    at_ms = _alive_ms(boot, at_ms, choice)
    samples = bisect_right(boot.sample_at, at_ms)
    if not samples:
        unknown = Finding.UNKNOWN
        at, began = moment(boots, index, at_ms), moment(boots, index, boot.first_ms)
        return Before(at, began, 0, 0, None, unknown, None, None, (), (), (), (), (), None, (), ())
    lives = [life for life in _lives(boots, index, at_ms, choice, cause) if _inside(life, choice, cause, report)]
    others = [growth for growth in owned_until(boots, index, at_ms, past.owned) if growth.name != ANONYMOUS]
    room = _room(cause, report, choice, boot)
    finding, life, machine = _blame(cause, choice, lives, others, room)
    first_ms, last_ms = boot.sample_at[0], boot.sample_at[samples - 1]
    times, values = _curve_of(past, life, machine)
    took_all = taken(boot, at_ms, lives, [] if cause.case == Case.GROUP else others, past.owned, past.ended)
    if life is not None:
        life.where = Mappings(boots, index).of(life.key, at_ms)
    return Before(
        at=moment(boots, index, at_ms),
        began=moment(boots, index, first_ms),
        recorded_ms=max(at_ms - first_ms, 0),
        samples=samples,
        sampled_ms=max(at_ms - last_ms, 0),
        finding=finding,
        program=life,
        machine=machine,
        sizes=tuple(_sizes(boot, times, values, at_ms, last_ms)),
        curve=_cells(boot, times, values, first_ms, at_ms),
        available=_available(past, first_ms, at_ms),
        also=tuple(
            other for other in lives if other is not life and (other.leaks or took(other, at_ms) >= WEIGHTY * room)
        ),
        taken=tuple(one for one in took_all if one.bytes >= WEIGHTY * room),
        taken_bytes=_taken_bytes(past, at_ms, took_all, choice) if inner(cause) in TOGETHER else None,
        happened=tuple(happened(boots, index, at_ms)),
        loads=tuple(loads(boot, at_ms)),
    )


def _taken_bytes(past: Past, at_ms: int, known: Iterable[Taken], choice: Choice) -> int:
    """What was taken, by whom the table lists too. What nobody accounts for may be others' memory, packed in zram."""
    known = list(known)
    pids = {entry.pid for entry in choice.ranking} - {one.pid for one in known}
    ticks = clock_ticks(past.boot)
    small = [
        process
        for process in past.boot.processes.values()
        if KEY.fullmatch(process.key)
        and process.pid in pids
        and started_ms(process, ticks) <= at_ms
        and (process.gone_ms is None or process.gone_ms >= at_ms)
    ]
    large = sum(max(one.bytes, 0) for one in known if one.name != UNACCOUNTED.encode())
    return large + taken_by(past.boot, at_ms, small, past.ended)


def _alive_ms(boot: Boot, at_ms: int, choice: Choice) -> int:
    """The report's time, but not after the victim was seen to be gone: the kernel's clock can run ahead."""
    victim = choice.victim
    process = _known(boot, victim.pid, victim.name, at_ms) if victim is not None and victim.pid else None
    return at_ms if process is None or process.gone_ms is None else min(at_ms, process.gone_ms - 1)


def _lives(boots: list[Boot], index: int, at_ms: int, choice: Choice, cause: OomCause) -> list[Life]:
    """Those who held most, and the victim, as the recording knows them; the largest first."""
    boot = boots[index]
    rows = sorted(choice.ranking, key=lambda entry: -held_kb(entry, choice.page_kb))
    holder = cause.holder.pids if cause.holder else ()
    wanted: dict[int, bytes] = {entry.pid: entry.process.name for entry in rows[:LOOKED_AT]}
    wanted |= {entry.pid: entry.process.name for entry in rows if entry.pid in holder[:LOOKED_AT]}
    if choice.victim is not None and choice.victim.pid:
        wanted[choice.victim.pid] = choice.victim.name
    processes = [_known(boot, pid, name, at_ms) for pid, name in wanted.items()]
    if not rows:
        processes += _largest(boot, at_ms)
    keys = dict.fromkeys(process.key for process in processes if process is not None)
    lives = [life_until(boots, index, boot.processes[key], at_ms) for key in keys]
    return [life for life in lives if life is not None]


def _known(boot: Boot, pid: int, name: bytes, at_ms: int) -> Process | None:
    """The process of the table, if the recording has seen the same: by pid, by time and by name."""
    process = process_at(boot, pid, at_ms)
    if process is None or (process.gone_ms is not None and process.gone_ms < at_ms - SLACK_MS):
        return None
    return process if not name or name in process.names else None


def _largest(boot: Boot, at_ms: int) -> list[Process]:
    """Without a table: those who held most at the last sample."""
    sizes: list[tuple[int, Process]] = []
    for process in boot.processes.values():
        gone = process.gone_ms is not None and process.gone_ms < at_ms - SLACK_MS
        pages = None if gone or process.kernel else boot.value_at("process", process.key, "rss", at_ms)
        if pages:
            sizes.append((pages, process))
    return [process for _, process in sorted(sizes, key=lambda item: -item[0])[:LOOKED_AT]]


def _inside(life: Life, choice: Choice, cause: OomCause, report: Report) -> bool:
    """Whether it can have filled what was full: a group's limit only its members reach, as a task table lists them."""
    path = report.memcg.path if cause.case == Case.GROUP and report.memcg is not None else None
    if not path or choice.ranking or (choice.victim is not None and life.pid == choice.victim.pid):
        return True
    return life.group is not None and (life.group == path or life.group.startswith(path.rstrip(b"/") + b"/"))


def _room(cause: OomCause, report: Report, choice: Choice, boot: Boot) -> int:
    """What there was to fill, in bytes."""
    if cause.case == Case.GROUP and report.memcg is not None:
        limit = boot.latest("cgroup", report.memcg.path or b"", "limit")
        if report.memcg.limit_kb or limit:
            return (report.memcg.limit_kb or 0) * KB or limit or 0
    if cause.memory is not None:
        return cause.memory.usable_kb * KB
    total = boot.latest("meminfo.slow", b"", "MemTotal") or (choice.total.pages or 0) * choice.page_kb
    return total * KB


def _blame(
    cause: OomCause, choice: Choice, lives: Sequence[Life], others: Sequence[KernelGrowth], room: int
) -> tuple[Finding, Life | None, KernelGrowth | None]:
    """Who grew most, among processes and what is nobody's; else what became of the one who held most."""
    case = inner(cause)
    names = {cause.holder.name} if cause.holder else set()
    pids = set(cause.holder.pids) if cause.holder else set()
    if not pids and choice.victim is not None:
        pids = {choice.victim.pid}  # without a table nobody else is known
    leaking = [
        life
        for life in lives
        if life.leaks and (life.pid in pids or life.verdict.grown >= WEIGHTY * room or life.to_bytes >= WEIGHTY * room)
    ]
    leak = max(leaking, key=lambda life: life.verdict.grown, default=None)
    growing = [one for one in others if one.leaks and one.verdict.grown >= WEIGHTY * room]
    machine = max(growing, key=lambda one: one.verdict.grown, default=None)
    if case in (Case.SHMEM, Case.KERNEL):
        # The report says that this is where the memory was: then it is enough that it came there meanwhile.
        fitting = [one for one in others if (one.name == SHARED) == (case == Case.SHMEM)]
        of = max(fitting, key=lambda one: one.to_bytes - one.from_bytes, default=None)
        grew = of is not None and of.to_bytes - of.from_bytes >= WEIGHTY * room
        if of is not None and (grew or leak is None):
            return (_finding(of) if grew else OF_SHAPE_MACHINE[of.verdict.shape]), None, of
    more = machine is not None and (leak is None or machine.verdict.grown > leak.verdict.grown)
    if machine is not None and more and cause.case != Case.GROUP:
        return _finding(machine), None, machine
    if leak is not None:
        return Finding.LEAKS, leak, None
    held = [life for life in lives if life.pid in pids] or [life for life in lives if life.name in names]
    if not held:
        return Finding.UNKNOWN, None, None
    life = max(held, key=lambda one: (one.rank, one.to_bytes))
    return OF_SHAPE[life.verdict.shape], life, None


def _finding(growth: KernelGrowth) -> Finding:
    return Finding.SHARED if growth.name == SHARED else Finding.KERNEL


def _curve_of(past: Past, life: Life | None, machine: KernelGrowth | None) -> tuple[list[int], list[int]]:
    """Times and bytes of the one that it is about."""
    if life is not None:
        times, sizes, _ = anonymous(past.boot, life.key, past.boot.page_size)
        return times, sizes
    return past.owned[machine.name] if machine is not None else ([], [])


def _held(boot: Boot, times: Sequence[int], values: Sequence[int], at_ms: int) -> int | None:
    i = bisect_right(times, at_ms) - 1
    if i < 0 or boot.gap_between(times[i], at_ms):
        return None
    return values[i]


def _sizes(boot: Boot, times: Sequence[int], values: Sequence[int], at_ms: int, last_ms: int) -> Iterable[Size]:
    """An hour before, ten minutes, one minute, and at the last sample; as far as recorded."""
    for ago in AGO_MS:
        held = _held(boot, times, values, at_ms - ago) if at_ms - ago <= last_ms else None
        if held is not None:
            yield Size(ago, held)
    held = _held(boot, times, values, last_ms)
    if held is not None:
        yield Size(max(at_ms - last_ms, 0), held)


def _cells(boot: Boot, times: Sequence[int], values: Sequence[int], from_ms: int, to_ms: int) -> tuple[int | None, ...]:
    ends = [from_ms + (cell + 1) * (to_ms - from_ms) // CELLS for cell in range(CELLS)]
    return tuple(_held(boot, times, values, end) for end in ends)


def _available(past: Past, from_ms: int, to_ms: int) -> tuple[int | None, ...]:
    if past.available is None:
        return ()
    times, values = past.available
    cells = _cells(past.boot, times, values, from_ms, to_ms)
    return tuple(None if cell is None else cell * KB for cell in cells)
