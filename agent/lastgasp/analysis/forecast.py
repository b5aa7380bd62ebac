"""How long until memory runs out: for the machine, and for each memory group with a limit.

Two things are asked: how much can still be taken (``room``), and how fast it is taken (``trend``). What runs out is
not free memory: file cache is dropped first, and swap is filled. So what is watched is all that the kernel cannot get
back by itself, swap included; and the room is what the kernel calls available, plus free swap, less what it cannot
really have: the reserve below the minimum watermark and reclaimable slab that is in use all the same (on ARM guests of
109 MB, 6.7 of 7.0 MB of it were still there at the kill).

Of a group the ring knows usage and limit, but not how much of the usage is file cache that can be dropped. So the
anonymous memory of its processes is watched where they are known; what else it holds makes the range wider.

A recent trend counts more than an old one, and it has to last to the end; nothing before the last OOM kill counts, be
it one that only a group's own counter tells of. Without a trend there is no forecast but a reason. Pure; never raises
on what a recording holds.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import accumulate

from lastgasp.analysis.anonymous import anonymous
from lastgasp.analysis.identity import KEY
from lastgasp.analysis.memory import owned
from lastgasp.analysis.oom.events import oom_events
from lastgasp.analysis.pace import Reason, Trend, trend
from lastgasp.analysis.room import COLUMNS, Room, machine_room
from lastgasp.analysis.times import Moment, moment
from lastgasp.timeline.model import Boot, Recording

KB = 1024
QUIET_LEAST = 512 * KB
QUIET_SHARE = 256  # of the room's whole
TOLD_BY_PROCESSES = 0.3  # of a group's usage: with less, its processes do not tell what it holds
LAG = 512 * KB  # that a process's RSS can be behind what it holds: CPUs count in batches
# How long a kernel with nothing left looks for memory, and slows down who asks: likely and at most, measured at kills.
STRUGGLE_MS = (500, 2000)
AFTER_KILL = 10  # samples: at first the others read back what was taken from them
CACHE_LITTLE = 0.2  # of a group's usage
FULL = 0.97  # of a limit
MOSTLY = 0.5  # of a growth
QUICKER = 1.5  # times the quickening that was seen: the soonest that is likely


class Basis(StrEnum):
    """What was watched."""

    MACHINE = "memory that the kernel cannot free, swap included"
    PROCESSES = "anonymous memory of the group's processes"
    USAGE = "the group's usage"


@dataclass(frozen=True, slots=True)
class Forecast:
    """When memory runs out, counted from ``at``. Without a forecast the times are None and ``reason`` tells why."""

    group: bytes | None  # memory control group, raw; None: the machine
    at: Moment
    basis: Basis
    limit_bytes: int | None  # the group's limit, or the machine's RAM
    room_bytes: int | None  # that can still be taken
    per_s: float | None  # bytes a second; of a trend that there is
    since: Moment | None  # when this trend began
    in_ms: int | None
    low_ms: int | None  # likely not before
    high_ms: int | None  # likely not after; None, where in_ms is known: cannot be told
    reason: Reason | None
    mostly: str | None = None  # of the machine: the kind of memory that half of the growth or more was; None: none was


def forecast(recording: Recording, at_ms: int | None = None, boot: int | None = None) -> list[Forecast]:
    """The machine's forecast, then one for each group with a limit, the soonest first.

    ``at_ms``: as if the recording of that boot (from 1; the last one if not given) had ended at that moment.
    """
    index = len(recording.boots) - 1 if boot is None else boot - 1
    of = recording.boots[index]
    if not of.sample_at:
        return []
    until = of.sample_at[-1] if at_ms is None else at_ms
    if until < of.sample_at[0]:
        return []
    kills = [
        event.at.uptime_ms
        for event in oom_events(recording)
        if event.at.boot == index + 1 and event.victim is not None and (at_ms is None or event.at.uptime_ms <= at_ms)
    ]
    since = _after(of, max(kills), until) if kills else of.sample_at[0]
    found = [_group(recording, index, path, since, until) for path in of.rows("cgroup")]
    groups = [one for one in found if one is not None]
    groups.sort(key=lambda one: (one.in_ms is None, one.in_ms or 0))
    return [_machine(recording, index, since, until), *groups]


def _after(boot: Boot, kill_ms: int, until_ms: int) -> int:
    """When to begin after a kill: the sample at which it is seen first may still hold what the victim had."""
    return min(next(iter(boot.sample_at[bisect_right(boot.sample_at, kill_ms) + 1 :]), until_ms), until_ms)


# -- the machine -------------------------------------------------------------------------------------------


def _machine(recording: Recording, index: int, since_ms: int, until_ms: int) -> Forecast:
    boot = recording.boots[index]
    total_kb = _value(boot, "meminfo.slow", "MemTotal", until_ms)
    times, taken = _taken(boot, since_ms, until_ms)
    at = moment(recording.boots, index, until_ms)
    if total_kb is None or not times:
        return Forecast(None, at, Basis.MACHINE, None, None, None, None, None, None, None, Reason.UNKNOWN)
    total = total_kb * KB
    room = machine_room(boot, until_ms)
    found = _trend(boot, times, taken, since_ms, until_ms, max(QUIET_LEAST, total // QUIET_SHARE))
    said = _forecast(recording, index, None, at, Basis.MACHINE, total, room, found)
    if said.since is None:
        return said
    since = said.since.uptime_ms
    return replace(said, mostly=_mostly(boot, since, until_ms, taken[-1] - (_held(times, taken, since) or taken[0])))


def _mostly(boot: Boot, since_ms: int, until_ms: int, grown: int) -> str | None:
    """The kind of memory that at least half of so many bytes are: what was swapped out is no kind by itself."""
    rose: dict[str, int] = {}
    for name, (times, sizes) in owned(boot).items():
        now, then = _held(times, sizes, until_ms), _held(times, sizes, since_ms)
        if now is not None and then is not None:
            rose[name] = now - then
    most = max(rose, key=lambda name: rose[name], default=None)
    return most if most is not None and grown > 0 and rose[most] >= MOSTLY * grown else None


def _taken(boot: Boot, since_ms: int, until_ms: int) -> tuple[list[int], list[int]]:
    """Times, and bytes that the kernel cannot free by itself: all but free memory, file cache and such slab.

    What is in swap counts; what zram holds it in does not count again.
    """
    total_kb = _value(boot, "meminfo.slow", "MemTotal", until_ms)
    if total_kb is None:
        return [], []
    swap_kb = _value(boot, "meminfo.slow", "SwapTotal", until_ms) or 0
    swaps = boot.points("meminfo", b"", "SwapFree") if swap_kb else ((), ())
    pools = [boot.points("zram", device, "mem_used_total") for device in boot.rows("zram")]
    times, rows = boot.together("meminfo", b"", COLUMNS)
    out_times: list[int] = []
    sizes: list[int] = []
    for i in range(max(bisect_right(times, since_ms) - 1, 0), bisect_right(times, until_ms)):
        free, buffers, cached, shmem, slab = rows[i]
        at = max(times[i], since_ms)
        kb = total_kb - free - buffers - cached + shmem - slab
        if swap_kb:
            kb += swap_kb - (_held(swaps[0], swaps[1], at) or 0)
        out_times.append(at)
        sizes.append(kb * KB - sum(_held(pool[0], pool[1], at) or 0 for pool in pools))
    return out_times, sizes


# -- a group -----------------------------------------------------------------------------------------------


def _group(recording: Recording, index: int, path: bytes, since_ms: int, until_ms: int) -> Forecast | None:
    """None: it has no limit."""
    boot = recording.boots[index]
    times, rows = boot.together("cgroup", path, ("usage", "limit"))
    known = bisect_right(times, until_ms)
    if not known or rows[known - 1][1] <= 0:
        return None
    usage, limit = rows[known - 1]
    killed = _last_kill(boot, path, until_ms)
    if killed is not None:
        since_ms = max(since_ms, _after(boot, killed, until_ms))
    at = moment(recording.boots, index, until_ms)
    first = max(bisect_right(times, since_ms) - 1, 0)
    used_at = [max(at_ms, since_ms) for at_ms in times[first:known]]
    used = [held for held, _ in rows[first:known]]
    quiet = max(QUIET_LEAST, limit // QUIET_SHARE)
    basis = Basis.PROCESSES
    own_at, own, members = _members(boot, path, used_at[0], until_ms)
    if not own or own[-1] < TOLD_BY_PROCESSES * usage or usage - own[-1] < 0:
        basis, own_at, own = Basis.USAGE, used_at, used
    swap = (_value(boot, "meminfo", "SwapFree", until_ms) or 0) * KB
    held = own[-1]
    free = max(limit - usage, 0)
    droppable = max(usage - held - members * LAG, 0) if basis is Basis.PROCESSES else 0
    room = Room(free + droppable, free + droppable // 2, max(limit - held, 0) + swap)
    cached = basis is Basis.PROCESSES and _cached(used_at, used, own_at, own, members)
    if basis is Basis.PROCESSES and not cached and usage < FULL * limit:
        basis, own_at, own = Basis.USAGE, used_at, used  # the kernel's own count, and it is not late
    found = _trend(boot, own_at, own, since_ms, until_ms, quiet)
    pinned = basis is Basis.USAGE and usage >= FULL * limit and not droppable
    if pinned and found is not Reason.TOO_SHORT and _pinned(used_at, used, limit, until_ms):
        found = Reason.RECLAIMS
    return _forecast(recording, index, path, at, basis, limit, room, found)


def _last_kill(boot: Boot, path: bytes, until_ms: int) -> int | None:
    """When the group's own count of OOM kills rose last; None: it did not."""
    times, counts = boot.points("cgroup", path, "oom_kills")
    known = range(bisect_right(times, until_ms) - 1, 0, -1)
    return next((times[i] for i in known if counts[i] > counts[i - 1]), None)


def _cached(times: Sequence[int], used: Sequence[int], own_at: Sequence[int], own: Sequence[int], members: int) -> bool:
    """Was a good part of the usage ever file cache? A log that was just begun anew leaves none for a moment."""
    return any(
        usage - (_held(own_at, own, at) or 0) - members * LAG >= CACHE_LITTLE * max(usage, 1)
        for at, usage in zip(times, used, strict=True)
    )


def _pinned(times: Sequence[int], used: Sequence[int], limit: int, until_ms: int) -> bool:
    """Has it been at its limit for a good part of the time, without a kill?"""
    full_ms = 0
    for i, value in enumerate(used):
        end = times[i + 1] if i + 1 < len(times) else until_ms
        if value >= FULL * limit:
            full_ms += end - times[i]
    return full_ms * 10 > until_ms - times[0]


def _members(boot: Boot, path: bytes, since_ms: int, until_ms: int) -> tuple[list[int], list[int], int]:
    """Times, and anonymous memory with swap of all processes in a group and in those below it; how many are left."""
    below = path.rstrip(b"/") + b"/"
    changes: dict[int, int] = {}
    left = 0
    for key, process in boot.processes.items():
        group = process.attributes.get("cgroup")
        if group is None or not (group == path or group.startswith(below)) or not KEY.fullmatch(key):
            continue
        times, sizes, end = anonymous(boot, key, boot.page_size)
        before = 0
        left += bool(times) and times[0] <= until_ms < end + 1
        for at, size in zip(times, sizes, strict=True):
            at = max(at, since_ms)
            changes[at] = changes.get(at, 0) + size - before
            before = size
        if process.gone_ms is not None or process.untracked_ms is not None:
            ended = max(end, since_ms)
            changes[ended] = changes.get(ended, 0) - before
    moments = sorted(at for at in changes if at <= until_ms)
    return moments, list(accumulate(changes[at] for at in moments)), left


# -- together ----------------------------------------------------------------------------------------------


def _forecast(
    recording: Recording,
    index: int,
    group: bytes | None,
    at: Moment,
    basis: Basis,
    limit: int,
    room: Room | None,
    found: Trend | Reason,
) -> Forecast:
    likely = room.likely if room is not None else None
    struggle = STRUGGLE_MS if group is None else (0, 0)
    if isinstance(found, Reason) or room is None or found.per_s <= 0:
        reason = found if isinstance(found, Reason) else Reason.UNKNOWN
        return Forecast(group, at, basis, limit, likely, None, None, None, None, None, reason)
    in_ms = found.lasts(room.likely, found.per_s, found.gain)
    chance = found.chance_of(in_ms)
    soon = found.lasts(room.low, found.high, QUICKER * found.gain)
    late = found.lasts(room.high, found.low) if found.low > 0 else None
    return Forecast(
        group,
        at,
        basis,
        limit,
        likely,
        found.per_s,
        moment(recording.boots, index, found.since_ms),
        round(in_ms) + struggle[0],
        max(round(min(soon, in_ms * (1 - chance))), 0),
        round(max(late, in_ms * (1 + chance))) + struggle[1] if late is not None else None,
        None,
    )


def _trend(
    boot: Boot, times: Sequence[int], values: Sequence[int], since_ms: int, until_ms: int, quiet: int
) -> Trend | Reason:
    """The trend from a moment on; behind a kill there have to be some samples first."""
    samples = boot.samples_between(times[0], until_ms)
    if samples < AFTER_KILL and since_ms > boot.sample_at[0]:
        return Reason.TOO_SHORT
    return trend(times, values, until_ms, samples, quiet)


def _value(boot: Boot, table: str, column: str, at_ms: int) -> int | None:
    return boot.value_at(table, b"", column, at_ms)


def _held(times: Sequence[int], values: Sequence[int], at_ms: int) -> int | None:
    i = bisect_right(times, at_ms) - 1
    return values[i] if i >= 0 else None
