"""Who took memory in the time that was recorded before one OOM report, and how much of it late.

What was taken late tells who used up the last of it: a program that started large and stayed so had its room. So had
one that was restarted: a life goes on with what the life before it held, of the same program in the same boot.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lastgasp.analysis.anonymous import anonymous
from lastgasp.analysis.growth import Life
from lastgasp.analysis.identity import clock_ticks, program, started_ms, user_processes
from lastgasp.analysis.memory import KernelGrowth
from lastgasp.analysis.oom.minutes import LAST_MS
from lastgasp.analysis.shape.curve import Series
from lastgasp.timeline.model import Boot, Process

LATE = 0.5  # the last part of what was recorded
LIVES = 16  # of one program, looked back through
Ended = Mapping[bytes, Sequence[tuple[int, Process]]]  # by program: when they were gone in ms, the earliest first


@dataclass(frozen=True, slots=True)
class Taken:
    """What one process, or one kind of memory that is no process's, took."""

    name: bytes  # raw
    pid: int | None  # None: no process
    bytes: int  # from the first that was recorded of it; all of it, of a program that started in the last minutes
    late: int  # bytes of it in the last half of what was recorded
    over_ms: int  # in how long it took them


def took(life: Life, at_ms: int) -> int:
    """What it holds more than at its first sample; all of it where it started in the last minutes."""
    return life.to_bytes if life.started and life.first.uptime_ms > at_ms - LAST_MS else life.change


def ended(boot: Boot) -> Ended:
    """Processes that were seen to be gone."""
    found: dict[bytes, list[tuple[int, Process]]] = {}
    for process in user_processes(boot):
        if process.gone_ms is not None:
            found.setdefault(program(process), []).append((process.gone_ms, process))
    for every in found.values():
        every.sort(key=lambda one: one[0])
    return found


def taken(
    boot: Boot,
    at_ms: int,
    lives: Sequence[Life],
    others: Sequence[KernelGrowth],
    owned: Mapping[str, Series],
    before: Ended,
) -> list[Taken]:
    """What each took up to that moment; who used up most of the last of it comes first."""
    middle_ms = at_ms - int(LATE * (at_ms - boot.sample_at[0]))
    found = [_of_program(boot, boot.processes[life.key], at_ms, middle_ms, before) for life in lives]
    for other in others:
        bytes_ = other.to_bytes - other.from_bytes
        late = _late(owned[other.name], middle_ms, at_ms, bytes_)
        found.append(Taken(other.name.encode(), None, bytes_, late, at_ms - boot.sample_at[0]))
    return sorted(found, key=lambda one: (one.late, one.bytes), reverse=True)


def taken_by(boot: Boot, at_ms: int, processes: Iterable[Process], before: Ended) -> int:
    """What they took in bytes, all together; who gave memory back does not count."""
    return sum(max(_of_program(boot, process, at_ms, at_ms, before).bytes, 0) for process in processes)


def _of_program(boot: Boot, process: Process, at_ms: int, middle_ms: int, before: Ended) -> Taken:
    """What a process took, with the lives before it."""
    name, ticks = program(process), clock_ticks(boot)
    times, sizes, _ = anonymous(boot, process.key, boot.page_size)
    known = bisect_right(times, at_ms)
    if not known:
        return Taken(name, process.pid, 0, 0, 0)
    times, sizes = times[:known], sizes[:known]
    first, every = process, before.get(name, ())
    for _ in range(LIVES):
        place = bisect_right(every, times[0], key=lambda one: one[0])
        if not place:
            break
        earlier = every[place - 1][1]
        more, values, _ = anonymous(boot, earlier.key, boot.page_size)
        if not more or more[0] >= times[0]:
            break
        first, times, sizes = earlier, more + times, values + sizes
    began = started_ms(first, ticks)
    new = began >= boot.first_ms and times[0] > at_ms - LAST_MS
    bytes_ = sizes[-1] if new else sizes[-1] - sizes[0]
    since_ms = max(began if new else times[0], boot.sample_at[0])
    late = _late((times, sizes), middle_ms, at_ms, bytes_)
    return Taken(name, process.pid, bytes_, late, max(at_ms - since_ms, 0))


def _late(series: Series, middle_ms: int, at_ms: int, whole: int) -> int:
    """All of it, where it was not there before."""
    times, values = series
    middle, end = bisect_right(times, middle_ms), bisect_right(times, at_ms)
    if not middle or not end:
        return whole
    return values[end - 1] - values[middle - 1]
