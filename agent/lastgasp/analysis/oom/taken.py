"""Who took memory in the time that was recorded before one OOM report, and how much of it late.

What was taken late tells who used up the last of it: a program that started large and stayed so had its room.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lastgasp.analysis.anonymous import anonymous
from lastgasp.analysis.growth import Life
from lastgasp.analysis.memory import KernelGrowth
from lastgasp.analysis.oom.minutes import LAST_MS
from lastgasp.timeline.model import Boot

LATE = 0.5  # the last part of what was recorded
Series = tuple[Sequence[int], Sequence[int]]  # times in ms, bytes


@dataclass(frozen=True, slots=True)
class Taken:
    """What one process, or one kind of memory that is no process's, took."""

    name: bytes  # raw
    pid: int | None  # None: no process
    bytes: int  # from the first that was recorded of it; all of it, of a process that started in the last minutes
    late: int  # bytes of it in the last half of what was recorded


def took(life: Life, at_ms: int) -> int:
    """What it holds more than at its first sample; all of it where it started in the last minutes."""
    return life.to_bytes if life.started and life.first.uptime_ms > at_ms - LAST_MS else life.change


def taken(
    boot: Boot, at_ms: int, lives: Sequence[Life], others: Sequence[KernelGrowth], owned: Mapping[str, Series]
) -> list[Taken]:
    """What each took up to that moment; who used up most of the last of it comes first."""
    middle_ms = at_ms - int(LATE * (at_ms - boot.sample_at[0]))
    found = []
    for life in lives:
        times, sizes, _ = anonymous(boot, life.key, boot.page_size)
        bytes_ = took(life, at_ms)
        found.append(Taken(life.name, life.pid, bytes_, _late((times, sizes), middle_ms, at_ms, bytes_)))
    for other in others:
        bytes_ = other.to_bytes - other.from_bytes
        found.append(Taken(other.name.encode(), None, bytes_, _late(owned[other.name], middle_ms, at_ms, bytes_)))
    return sorted(found, key=lambda one: (one.late, one.bytes), reverse=True)


def _late(series: Series, middle_ms: int, at_ms: int, whole: int) -> int:
    """All of it, where it was not there before."""
    times, values = series
    middle, end = bisect_right(times, middle_ms), bisect_right(times, at_ms)
    if not middle or not end:
        return whole
    return values[end - 1] - values[middle - 1]
