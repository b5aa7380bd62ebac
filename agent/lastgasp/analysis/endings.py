"""Memory that ran out without the kernel saying so: boots that end as nothing is left, and programs that are refused.

A panic, a watchdog or a power cut leaves no OOM report on flash; the last samples still tell how little was left and
who had taken it. With vm.overcommit_memory=2 nobody is killed: malloc fails while memory is free, because the kernel
has promised all that it may.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lastgasp.analysis.advice.promises import promised
from lastgasp.analysis.growth import Life, life_until
from lastgasp.analysis.memory import ANONYMOUS, KB, owned_until
from lastgasp.analysis.oom.events import OomEvent
from lastgasp.analysis.runs import End, Run
from lastgasp.analysis.times import Moment, moment
from lastgasp.timeline.model import Boot, Recording

LITTLE = 0.08  # of RAM: with so little available at the last sample, it can be gone before the next one
# What was falling so fast that it would be there by the time of a next sample, can have got there, too.
AHEAD_MS = 2_000  # at least
GAP_MS = 20_000  # so long apart, two samples tell nothing of a fall
WEIGHTY = 0.1  # of RAM: growth that can be to blame for its end
REPORTED_MS = 60_000  # a report so shortly before the end tells more than this does
FULL = 0.97  # of CommitLimit: refusals leave it a little below
TAKERS = 3


@dataclass(frozen=True, slots=True)
class Taker:
    """Who took memory in one boot: a process, or a kind of memory that is no process's."""

    name: bytes  # raw
    pid: int | None  # None: no process
    grown: int  # bytes from the first that was recorded of it in this boot to the last
    bytes: int  # at last


@dataclass(frozen=True, slots=True)
class Squeeze:
    """A boot that ended, stopped by nobody, when hardly any memory was available; the kernel's report is missing."""

    at: Moment  # of the last sample
    available_bytes: int
    total_bytes: int
    last_boot: bool  # nothing follows: it may as well have been copied while it was running
    takers: list[Taker]  # the greatest first; none: who took it is not known


@dataclass(frozen=True, slots=True)
class Refusal:
    """vm.overcommit_memory=2, and all was promised that may be: whoever asks for more is refused."""

    first: Moment  # sample at which the limit was reached
    samples: int  # at the limit
    committed_bytes: int  # most
    limit_bytes: int
    available_bytes: int | None  # at the first of them
    takers: list[Taker]


def squeezes(recording: Recording, runs: Sequence[Run], ooms: Sequence[OomEvent]) -> list[Squeeze]:
    """Boots that ended with hardly anything left, in order."""
    found = []
    for index, boot in enumerate(recording.boots):
        ends = [run.end for run in runs if run.last.boot == index + 1]
        total = boot.latest("meminfo.slow", b"", "MemTotal")
        if not boot.sample_at or not total or not ends or ends[-1] is End.STOPPED:
            continue
        last_ms = boot.sample_at[-1]
        last_boot = index + 1 == len(recording.boots)
        _, values = boot.points("meminfo", b"", "MemAvailable")
        available = boot.value_at("meminfo", b"", "MemAvailable", last_ms)
        if available is None or _reported(ooms, index, last_ms) or max(values) - available < WEIGHTY * total:
            continue  # unknown, told by the kernel, or always as little as that
        # What may have been copied while it was running, goes on falling for nobody.
        ahead = available if last_boot else available - _falls(boot, available)
        if ahead >= LITTLE * total:
            continue
        takers = _takers(recording, index, last_ms, total * KB)
        found.append(Squeeze(moment(recording.boots, index, last_ms), available * KB, total * KB, last_boot, takers))
    return found


def _falls(boot: Boot, available: int) -> int:
    """By how many kB MemAvailable would have been less at a next sample, if it went on as from the one before."""
    if len(boot.sample_at) < 2:
        return 0
    before_ms, last_ms = boot.sample_at[-2:]
    before, passed_ms = boot.value_at("meminfo", b"", "MemAvailable", before_ms), last_ms - before_ms
    if before is None or not 0 < passed_ms <= GAP_MS or boot.gap_between(before_ms, last_ms):
        return 0
    return max(before - available, 0) * max(passed_ms, AHEAD_MS) // passed_ms


def refusals(recording: Recording) -> list[Refusal]:
    """Boots in which the kernel had promised all that it may, in order."""
    found = []
    for index, boot in enumerate(recording.boots):
        if boot.machine().get("vm.overcommit_memory") != b"2":
            continue
        answer, limit = promised(boot), boot.latest("meminfo.slow", b"", "CommitLimit")
        limit = answer.limit_kb if limit is None and answer is not None else limit
        times, values = boot.points("meminfo", b"", "Committed_AS")
        full = [at for at, kb in zip(times, values, strict=True) if limit and kb >= FULL * limit]
        if not full or not limit or max(values) - min(values) < WEIGHTY * limit:
            continue  # never, or always as much as that: nobody came to be refused
        available = boot.value_at("meminfo", b"", "MemAvailable", full[0])
        total = boot.latest("meminfo.slow", b"", "MemTotal") or 0
        found.append(
            Refusal(
                moment(recording.boots, index, full[0]),
                len(full),
                max(values) * KB,
                limit * KB,
                available * KB if available is not None else None,
                _takers(recording, index, full[-1], total * KB),
            )
        )
    return found


def _reported(ooms: Sequence[OomEvent], index: int, last_ms: int) -> bool:
    """Has the kernel said itself, shortly before, why memory ran out?"""
    return any(event.at.boot == index + 1 and last_ms - event.at.uptime_ms < REPORTED_MS for event in ooms)


def _takers(recording: Recording, index: int, at_ms: int, total: int) -> list[Taker]:
    found = [Taker(life.name, life.pid, life.change, life.to_bytes) for life in _large(recording, index, at_ms, total)]
    found += [
        Taker(item.name.encode(), None, item.to_bytes - item.from_bytes, item.to_bytes)
        for item in owned_until(recording.boots, index, at_ms)
        if item.name != ANONYMOUS
    ]
    weighty = [taker for taker in found if taker.grown >= WEIGHTY * total]
    return sorted(weighty, key=lambda taker: taker.grown, reverse=True)[:TAKERS]


def _large(recording: Recording, index: int, at_ms: int, total: int) -> Iterator[Life]:
    """Those of a boot that were there at that moment, and large enough to have taken what is of weight."""
    boot = recording.boots[index]
    for process in boot.processes.values():
        if process.kernel or (process.gone_ms is not None and process.gone_ms <= at_ms):
            continue
        pages = boot.value_at("process", process.key, "rss", at_ms) or 0
        swap_kb = boot.value_at("process.details", process.key, "VmSwap", at_ms) or 0
        if pages * boot.page_size + swap_kb * KB >= WEIGHTY * total:
            life = life_until(recording.boots, index, process, at_ms)
            if life is not None:
                yield life
