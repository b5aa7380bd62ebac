"""What each program of a recording used: memory of its own, threads and open files, all its processes together.

Memory is anonymous memory with swap, as ``analysis.anonymous`` has it, and a program is what ``analysis.identity``
calls so: reports, budgets and comparisons speak of the same things. One ``Use`` for each boot in which the program ran:
a boot is a run of its own.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from lastgasp.analysis.anonymous import anonymous
from lastgasp.analysis.compare.levels import Levels, Points, added, cut, levels
from lastgasp.analysis.identity import program, user_processes
from lastgasp.analysis.presence import presences
from lastgasp.timeline.model import Boot, Process, Recording


@dataclass(slots=True)
class Use:
    """One program in one boot. None: nothing was recorded of that."""

    boot: int  # from 1
    lives: int
    memory: Levels  # bytes
    processes: Levels  # how many at a time
    largest: Levels  # bytes of its largest process
    largest_key: bytes
    longest_ms: int  # of its lives, as far as they were recorded
    threads: Levels | None
    files: Levels | None  # open files


@dataclass(slots=True)
class Program:
    """One program in one recording."""

    name: bytes  # raw
    exe: bytes | None  # what most of its processes ran, raw; None: not recorded
    uses: list[Use]


def programs(recording: Recording) -> list[Program]:
    """Every program that had memory of its own."""
    found: dict[bytes, Program] = {}
    exes: dict[bytes, Counter[bytes]] = {}
    for index, boot in enumerate(recording.boots):
        members: dict[bytes, list[Process]] = {}
        for process in user_processes(boot):
            members.setdefault(program(process), []).append(process)
        # An end that was not recorded is known too: behind a hole, or when the agent was started anew.
        ends = {one.key: one.until_ms for one in presences(boot) if one.until_ms is not None}
        for name, processes in members.items():
            use = _use(boot, index, processes, ends)
            if use is None:
                continue
            found.setdefault(name, Program(name, None, [])).uses.append(use)
            known = (process.attributes.get("exe") for process in processes)
            exes.setdefault(name, Counter()).update(exe for exe in known if exe)
    for name, counted in exes.items():
        if counted:
            found[name].exe = counted.most_common(1)[0][0]
    return list(found.values())


def _use(boot: Boot, index: int, processes: list[Process], parted: dict[bytes, int]) -> Use | None:
    lives = {}
    for process in processes:
        times, sizes, end = anonymous(boot, process.key, boot.page_size)
        if times:
            lives[process.key] = times, sizes, min(end, parted.get(process.key, end))
    if not lives:
        return None
    curves = list(lives.values())
    largest_key = max(lives, key=lambda key: max(lives[key][1]))
    total, count = added(curves)
    memory, living = _levels(boot, total), _levels(boot, count)
    largest = _levels(boot, added([lives[largest_key]])[0]) if len(lives) > 1 else memory
    if memory is None or living is None or largest is None:
        return None
    ends = {key: end for key, (_, _, end) in lives.items()}
    return Use(
        index + 1,
        len(curves),
        memory,
        living,
        largest,
        largest_key,
        max(end - times[0] for times, _, end in curves),
        _column(boot, ends.items(), "process", "threads"),
        _column(boot, ends.items(), "process.details", "fds"),
    )


def _column(boot: Boot, ends: Iterable[tuple[bytes, int]], table: str, column: str) -> Levels | None:
    """One column of all processes together, up to their ends."""
    curves = []
    for key, end in ends:
        times, values = boot.points(table, key, column)
        if times:
            living = bisect_left(times, end) or bisect_right(times, times[0])
            curves.append((times[:living], values[:living], end))
    if not curves:
        return None
    return _levels(boot, added(curves)[0])


def _levels(boot: Boot, points: Points) -> Levels | None:
    return levels(cut(points, ((gap.from_ms, gap.to_ms) for gap in boot.gaps)), boot.sample_at[-1])
