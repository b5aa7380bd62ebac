"""The machine's memory over time, as curves of a few cells: all boots one after another on one axis.

A cell of which nothing is known (gaps, absent sources) is None. Each cell is cut out of the columns by bisection:
a day of samples costs a few slices for each curve.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from lastgasp.timeline.model import Boot, Recording

KB = 1024
CELLS = 40

Series = tuple[Sequence[int], Sequence[int]]  # times (ms), and values that hold until the next


@dataclass(frozen=True, slots=True)
class Track:
    """One kind of memory over time, in bytes."""

    name: str
    cells: list[int | None]  # the lowest value where little is bad, else the highest
    first: int
    last: int
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Stall:
    """How much of the time some task waited for memory (PSI)."""

    cells: list[float | None]  # share of the time, 0 to 1
    total_ms: int
    highest: float  # of the cells


# name, how to compute it from which columns of meminfo (kB), and whether little of it is what hurts
TRACKS: tuple[tuple[str, tuple[str, ...], Callable[..., int], bool], ...] = (
    ("available", ("MemAvailable",), lambda available: available, True),
    ("free", ("MemFree",), lambda free: free, True),
    ("anonymous", ("AnonPages",), lambda anon: anon, False),
    ("file cache", ("Buffers", "Cached", "Shmem"), lambda buffers, cached, shmem: buffers + cached - shmem, False),
    ("shared, tmpfs", ("Shmem",), lambda shmem: shmem, False),
    ("slab", ("SReclaimable", "SUnreclaim"), lambda soft, hard: soft + hard, False),
)


def tracks(recording: Recording) -> list[Track]:
    """The kinds of memory that the recording knows; "free" only where the kernel has no MemAvailable, swap if any."""
    found: list[Track] = []
    for name, columns, formula, low in TRACKS:
        track = None if name == "free" and found else _track(recording, name, low, columns, formula)
        if track is not None:
            found.append(track)
    swap = _track(recording, "swap used", False, ("SwapFree",), None)
    return [*found, swap] if swap is not None else found


def stall(recording: Recording) -> Stall | None:
    """Waiting for memory; None where the kernel has no PSI."""
    length = max(_length(recording), 1)
    waited: list[int | None] = [None] * CELLS
    total = 0
    for shift, boot in _axis(recording):
        points = boot.points("pressure", b"memory", "some_us")
        for times, values, end_ms in _stretches(boot, points):
            total += max(values[-1] - values[0], 0)
            for cell, _, end in _slices(times, end_ms, shift, length):
                began = bisect_left(times, _begins(cell, length) - shift)
                us = values[end - 1] - values[max(began - 1, 0)] if end > began else 0
                waited[cell] = (waited[cell] or 0) + max(us, 0)
    known = [us for us in waited if us is not None]
    if not known:
        return None
    width_us = length * 1000 / CELLS
    cells = [None if us is None else min(us / width_us, 1.0) for us in waited]
    return Stall(cells, total // 1000, min(max(known) / width_us, 1.0))


def _track(
    recording: Recording, name: str, low: bool, columns: tuple[str, ...], formula: Callable[..., int] | None
) -> Track | None:
    """``formula`` None: what is used of the swap."""
    length = max(_length(recording), 1)
    choose = min if low else max
    cells: list[int | None] = [None] * CELLS
    firsts, lasts, lows, highs = [], [], [], []
    for shift, boot in _axis(recording):
        points = _swap_used(boot) if formula is None else _series(boot, columns, formula)
        if not points[1]:
            continue
        firsts.append(points[1][0])
        lasts.append(points[1][-1])
        lows.append(min(points[1]))
        highs.append(max(points[1]))
        for times, values, end_ms in _stretches(boot, points):
            for cell, first, end in _slices(times, end_ms, shift, length):
                value = max(choose(values[first:end]), 0) * KB
                known = cells[cell]
                cells[cell] = value if known is None else choose(known, value)
    if not firsts:
        return None
    first, last, least, most = (max(kb, 0) * KB for kb in (firsts[0], lasts[-1], min(lows), max(highs)))
    return Track(name, cells, first, last, least, most)


def _series(boot: Boot, columns: tuple[str, ...], formula: Callable[..., int]) -> Series:
    """In kB; where a column is absent the moment is left out."""
    if len(columns) == 1:
        return boot.points("meminfo", b"", columns[0])
    times, rows = boot.together("meminfo", b"", columns)
    return times, [formula(*row) for row in rows]


def _swap_used(boot: Boot) -> Series:
    total = boot.latest("meminfo.slow", b"", "SwapTotal")
    times, free = boot.points("meminfo", b"", "SwapFree") if total else ((), ())
    return times, [(total or 0) - kb for kb in free]


# -- the axis ----------------------------------------------------------------------------------------------


def _length(recording: Recording) -> int:
    return sum(boot.last_ms - boot.first_ms for boot in recording.boots)


def _axis(recording: Recording) -> Iterator[tuple[int, Boot]]:
    """Each boot, and what to add to its times."""
    passed = 0
    for boot in recording.boots:
        yield passed - boot.first_ms, boot
        passed += boot.last_ms - boot.first_ms


def _stretches(boot: Boot, points: Series) -> Iterator[tuple[Sequence[int], Sequence[int], int]]:
    """Times and values between the gaps, and until when the last one holds."""
    times, values = points
    begin = 0
    for end_ms in sorted(gap.from_ms for gap in boot.gaps):
        end = bisect_right(times, end_ms)
        if end > begin:
            yield times[begin:end], values[begin:end], end_ms
        begin = end
    if begin < len(times):
        yield times[begin:], values[begin:], boot.last_ms


def _slices(times: Sequence[int], end_ms: int, shift: int, length: int) -> Iterator[tuple[int, int, int]]:
    """Each cell that a stretch is in, and the indices from the value that holds at its beginning up to its end."""
    last = _cell(max(end_ms - 1, times[-1]) + shift, length)
    for cell in range(_cell(times[0] + shift, length), last + 1):
        first = max(bisect_right(times, _begins(cell, length) - shift) - 1, 0)
        end = bisect_left(times, _begins(cell + 1, length) - shift) if cell < CELLS - 1 else len(times)
        yield cell, first, max(end, first + 1)


def _cell(at_ms: int, length: int) -> int:
    return min(max(at_ms, 0) * CELLS // length, CELLS - 1)


def _begins(cell: int, length: int) -> int:
    """The first millisecond on the axis that is in a cell."""
    return -(-cell * length // CELLS)
