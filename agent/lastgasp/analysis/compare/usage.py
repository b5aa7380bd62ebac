"""What each program of a recording used: memory of its own, threads and open files, all its processes together.

Memory is anonymous memory with swap, as ``analysis.growth`` has it, and a program is what that calls so: reports,
budgets and comparisons speak of the same things. One ``Use`` for each boot in which the program ran: a boot is a run
of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from lastgasp.analysis.compare.levels import Levels, added, levels
from lastgasp.analysis.growth import KEY, anonymous, program
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
        for process in boot.processes.values():
            if not process.kernel and KEY.fullmatch(process.key):
                members.setdefault(program(process), []).append(process)
        for name, processes in members.items():
            use = _use(boot, index, processes)
            if use is None:
                continue
            found.setdefault(name, Program(name, None, [])).uses.append(use)
            known = (process.attributes.get("exe") for process in processes)
            exes.setdefault(name, Counter()).update(exe for exe in known if exe)
    for name, counted in exes.items():
        if counted:
            found[name].exe = counted.most_common(1)[0][0]
    return list(found.values())


def _use(boot: Boot, index: int, processes: list[Process]) -> Use | None:
    lives = {}
    for process in processes:
        curve = anonymous(boot, process.key, boot.page_size)
        if curve[0]:
            lives[process.key] = curve
    if not lives:
        return None
    curves = list(lives.values())
    largest_key = max(lives, key=lambda key: max(lives[key][1]))
    until = boot.sample_at[-1]
    total, count = added(curves)
    memory, living = levels(total, until), levels(count, until)
    largest = levels(added([lives[largest_key]])[0], until) if len(lives) > 1 else memory
    assert memory is not None and living is not None and largest is not None  # there is a curve with a value
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
        living = [(at, value) for at, value in zip(times, values, strict=True) if at < end or at == times[0]]
        if living:
            curves.append(([at for at, _ in living], [value for _, value in living], end))
    if not curves:
        return None
    return levels(added(curves)[0], boot.sample_at[-1])
