"""How long until memory runs out: for the machine, and for each memory group with a limit.

Two things are asked: how much can still be taken (``room``), and how fast it is taken (``trend``). What runs out is
not free memory: file cache is dropped first, and swap is filled. So what is watched is all that the kernel cannot get
back by itself, swap included; and the room is what the kernel calls available, plus free swap, less what it cannot
really have: the reserve below the minimum watermark and reclaimable slab that is in use all the same (on ARM guests of
109 MB, 6.7 of 7.0 MB of it were still there at the kill).

Of a group the ring knows usage and limit, but not how much of the usage is file cache that can be dropped. So the
anonymous memory of its processes is watched where they are known; what else it holds makes the range wider.

A recent trend counts more than an old one; nothing before the last OOM kill counts. Without a trend there is no
forecast but a reason. Pure; never raises on what a recording holds.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate, pairwise
from math import exp
from statistics import median

from lastgasp.analysis.growth import KEY, anonymous
from lastgasp.analysis.oom.events import oom_events
from lastgasp.analysis.shape import curve, lines
from lastgasp.analysis.times import Moment, moment
from lastgasp.timeline.model import Boot, Recording

KB = 1024
SAMPLES_LEAST = 5
CELLS = 60
PIECES = 4
STRETCH_LEAST = 5  # cells that a trend must last
PIECE_LEAST = 3
FEW, FEW_ALIKE = 16, (0.3, 2.5)  # values; steps of one trend are so many times the usual one
LEAP = 3  # times the growth of a cell, between two pieces that are one trend
TOOTH = 0.3  # of the whole range: a fall this deep is memory given back
PERIOD = 1.25  # a cell must be this much longer than a tooth for every cell to hold a trough
TAU_LEAST = 0.6
SIGMAS_LEAST = 2.2
SETTLED = 0.35  # of the growth in the first half of a stretch: what is left in the second when it is about to stop
SLOWING = 0.7  # of the pace before, twice in a row
CROWDED = 3  # samples in a cell: then the lowest of them speaks, for what is given back at once is no growth
ALIKE = (0.6, 1.7)  # paces of two pieces that are one trend
QUIET_LEAST = 512 * KB
QUIET_SHARE = 256  # of the room's whole
SURE = 1.645  # sigmas: the range holds 9 of 10 slopes
SLAB_STAYS, SLAB_STAYS_SHARE = 6 << 20, 0.1  # of reclaimable slab, at a real OOM kill
ZRAM_COST = 0.4  # RAM for a byte in zram, where the recording cannot tell; 0.25 and 0.6 are usual
ZRAM_RANGE = (0.25, 0.6)
TOLD_BY_PROCESSES = 0.3  # of a group's usage: with less, its processes do not tell what it holds
LAG = 512 * KB  # that a process's RSS can be behind what it holds: CPUs count in batches
# How long a kernel with nothing left looks for memory, and slows down who asks: likely and at most, measured at kills.
STRUGGLE_MS = (500, 2000)
CACHE_LITTLE = 0.2  # of a group's usage
FULL = 0.97  # of a limit


class Reason(StrEnum):
    """Why there is no forecast."""

    TOO_SHORT = "recorded too briefly"
    NO_TREND = "no trend"
    SAWTOOTH = "it grows and gives back"
    SETTLING = "the growth is about to stop"
    SHRINKING = "it shrinks"
    UNKNOWN = "not recorded"
    RECLAIMS = "at its limit, and it goes on: it still finds something to drop"


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


@dataclass(frozen=True, slots=True)
class Trend:
    """Growth that goes on: bytes a second, and the range it likely lies in (``low`` can be below 0)."""

    since_ms: int
    per_s: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Room:
    """How many bytes can still be taken: the best guess, and the range."""

    likely: int
    low: int
    high: int


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
        if event.at.boot == index + 1 and event.victim is not None and event.at.uptime_ms <= until
    ]
    # The sample at which a kill is seen first may still hold what the victim had.
    since = of.sample_at[0]
    if kills:
        since = next(iter(of.sample_at[bisect_right(of.sample_at, max(kills)) + 1 :]), until)
    found = [_group(recording, index, path, since, until) for path in of.rows("cgroup")]
    groups = [one for one in found if one is not None]
    groups.sort(key=lambda one: (one.in_ms is None, one.in_ms or 0))
    return [_machine(recording, index, since, until), *groups]


# -- the machine -------------------------------------------------------------------------------------------


def _machine(recording: Recording, index: int, since_ms: int, until_ms: int) -> Forecast:
    boot = recording.boots[index]
    total_kb = _value(boot, "meminfo.slow", "MemTotal", until_ms)
    times, taken = _taken(boot, since_ms, until_ms)
    at = moment(recording.boots, index, until_ms)
    if total_kb is None or not times:
        return Forecast(None, at, Basis.MACHINE, None, None, None, None, None, None, None, Reason.UNKNOWN)
    total = total_kb * KB
    room = _machine_room(boot, until_ms)
    found = trend(times, taken, until_ms, _samples(boot, times[0], until_ms), max(QUIET_LEAST, total // QUIET_SHARE))
    return _forecast(recording, index, None, at, Basis.MACHINE, total, room, found)


COLUMNS = ("MemFree", "Buffers", "Cached", "Shmem", "SReclaimable")


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


def _machine_room(boot: Boot, at_ms: int) -> Room | None:
    """Available memory that really can be had, and free swap."""
    slab = (_value(boot, "meminfo", "SReclaimable", at_ms) or 0) * KB
    available_kb = _value(boot, "meminfo", "MemAvailable", at_ms)
    if available_kb is None:  # before Linux 3.14
        rows = [_value(boot, "meminfo", name, at_ms) for name in COLUMNS]
        if None in rows:
            return None
        free, buffers, cached, shmem, soft = (kb or 0 for kb in rows)
        available_kb = free + (buffers + cached - shmem) // 2 + soft // 2
    available = available_kb * KB
    stays = min(slab, round(SLAB_STAYS + SLAB_STAYS_SHARE * slab))
    counted = max(slab // 2, slab - _watermark(boot, at_ms))  # of it in MemAvailable
    hidden = min(counted, stays)
    swap = (_value(boot, "meminfo", "SwapFree", at_ms) or 0) * KB
    cheap, usual, dear = _zram_costs(boot, at_ms)
    return Room(
        max(available - round(0.8 * hidden), 0) + round(swap * (1 - usual)),
        max(available - hidden - available // 20, 0) + round(swap * (1 - dear)),
        available + round(swap * (1 - cheap)),
    )


def _watermark(boot: Boot, at_ms: int) -> int:
    """Bytes of the low watermarks together."""
    pages = [boot.value_at("zoneinfo", zone, "low", at_ms) for zone in boot.rows("zoneinfo")]
    return sum(page or 0 for page in pages) * boot.page_size


def _zram_costs(boot: Boot, at_ms: int) -> tuple[float, float, float]:
    """RAM for a byte of swap: at least, likely, at most. Swap on a disk or flash costs none."""
    devices = boot.rows("zram")
    if not devices:
        return 0.0, 0.0, 0.0
    held = [boot.value_at("zram", device, "orig_data_size", at_ms) or 0 for device in devices]
    used = [boot.value_at("zram", device, "mem_used_total", at_ms) or 0 for device in devices]
    if sum(held) < 1 << 20:
        return ZRAM_RANGE[0], ZRAM_COST, ZRAM_RANGE[1]
    cost = min(sum(used) / sum(held), 1.0)
    return cost * 0.9, cost, min(cost * 1.1, 1.0)


# -- a group -----------------------------------------------------------------------------------------------


def _group(recording: Recording, index: int, path: bytes, since_ms: int, until_ms: int) -> Forecast | None:
    """None: it has no limit."""
    boot = recording.boots[index]
    times, rows = boot.together("cgroup", path, ("usage", "limit"))
    known = bisect_right(times, until_ms)
    if not known or rows[known - 1][1] <= 0:
        return None
    usage, limit = rows[known - 1]
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
    room = Room(free + droppable, free, max(limit - held, 0) + swap)
    if basis is Basis.PROCESSES and droppable < CACHE_LITTLE * usage and usage < FULL * limit:
        basis, own_at, own = Basis.USAGE, used_at, used  # the kernel's own count, and it is not late
    found = trend(own_at, own, until_ms, _samples(boot, own_at[0], until_ms), quiet)
    if basis is Basis.USAGE and usage >= FULL * limit and not droppable and _pinned(used_at, used, limit, until_ms):
        found = Reason.RECLAIMS
    return _forecast(recording, index, path, at, basis, limit, room, found)


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


# -- trend -------------------------------------------------------------------------------------------------


def trend(times: Sequence[int], values: Sequence[int], until_ms: int, samples: int, quiet: int) -> Trend | Reason:
    """The growth that goes on at the end of a curve (bytes that hold until the next), or why there is none.

    ``samples``: how often was looked. Less than ``quiet`` bytes is no growth.
    """
    if samples < SAMPLES_LEAST or until_ms <= times[0]:
        return Reason.TOO_SHORT
    span = max(values) - min(values)
    if span < quiet:
        return Reason.NO_TREND
    dips = curve.troughs(times, values, max(quiet, round(TOOTH * span)))
    count = min(CELLS, samples)
    if len(dips) > 1:
        gaps = sorted(later[0] - earlier[0] for earlier, later in pairwise(dips))
        count = min(count, int((until_ms - times[0]) / (gaps[len(gaps) * 4 // 5] * PERIOD)))
        if count < STRETCH_LEAST:
            return Reason.SAWTOOTH
        cells = curve.floor(times, values, until_ms, count)
    elif samples >= CROWDED * count:
        cells = curve.floor(times, values, until_ms, count)
    else:
        cells = curve.sampled(times, values, until_ms, count)
    start = _stretch(cells)
    stretch = cells[start:]
    found = _rising(stretch, quiet)
    if found is None:
        if len(dips) > 1:
            return Reason.SAWTOOTH
        return Reason.SHRINKING if cells[0] - cells[-1] > max(quiet, span // 2) else Reason.NO_TREND
    if _settles(cells, start, found[0]):
        return Reason.SETTLING
    width_s = (until_ms - times[0]) / count / 1000
    likely, low, high = (per_cell / width_s for per_cell in found)
    return Trend(times[0] + round((start + 0.5) * width_s * 1000), likely, low, high)


def _stretch(cells: Sequence[int]) -> int:
    """Where the last trend begins: the last straight piece, and those before it that climb alike."""
    if len(cells) < FEW:
        return _few(cells)
    pieces = lines.split(cells, max(PIECE_LEAST, len(cells) // 8), PIECES)
    start = pieces[-1].start
    pace = pieces[-1].rise / max(pieces[-1].end - pieces[-1].start - 1, 1)
    for piece, behind in zip(pieces[-2::-1], pieces[:0:-1], strict=True):
        own = piece.rise / max(piece.end - piece.start - 1, 1)
        leap = abs(behind.first - piece.last)
        if pace <= 0 or not ALIKE[0] * pace < own < ALIKE[1] * pace or leap > LEAP * pace:
            break
        start = piece.start
    return start


def _settles(cells: Sequence[int], start: int, pace: float) -> bool:
    """Does it grow ever more slowly, as warm-ups and filling caches do?"""
    stretch = cells[start:]
    middle = len(stretch) // 2
    if len(stretch) >= 8 and lines.slope(stretch[middle:]) < SETTLED * lines.slope(stretch[: middle + 1]):
        return True
    if start < 8:
        return False
    first, second = lines.slope(cells[: start // 2 + 1]), lines.slope(cells[start // 2 : start + 1])
    return SLOWING * first > second > 0 and pace < SLOWING * second


def _few(cells: Sequence[int]) -> int:
    """The same of too few values for pieces: back from the end as long as each step is like the last ones."""
    steps = [later - earlier for earlier, later in pairwise(cells)]
    usual = median(steps[-STRETCH_LEAST + 1 :])
    start = len(cells) - STRETCH_LEAST
    while start > 0 and usual > 0 and FEW_ALIKE[0] * usual < steps[start - 1] < FEW_ALIKE[1] * usual:
        start -= 1
    return start


def _rising(stretch: Sequence[int], quiet: int) -> tuple[float, float, float] | None:
    """Growth per cell, likely and its range, if it is growth beyond doubt."""
    n = len(stretch)
    tau, sigmas = lines.agreement(stretch)
    pairs = sorted(
        ((stretch[j] - stretch[i]) / (j - i), (j - i) * exp((j - n) * 2 / n)) for i in range(n) for j in range(i + 1, n)
    )
    half, passed, likely = sum(weight for _, weight in pairs) / 2, 0.0, 0.0
    for slope, weight in pairs:  # the median, where late and far pairs weigh more
        passed += weight
        likely = slope
        if passed >= half:
            break
    scatter = lines.scatter(stretch, likely)
    rise = likely * (n - 1)
    if tau < TAU_LEAST or sigmas < SIGMAS_LEAST or rise < max(quiet, 2 * scatter):
        return None
    spread = SURE * (n * (n - 1) * (2 * n + 5) / 18) ** 0.5 / 2
    low = pairs[max(round(len(pairs) / 2 - spread), 0)][0]
    high = pairs[min(round(len(pairs) / 2 + spread), len(pairs) - 1)][0]
    recent = lines.slope(stretch[n // 2 :]) if n >= 6 else likely
    return likely, min(low, recent, likely), max(high, recent, likely)


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
    return Forecast(
        group,
        at,
        basis,
        limit,
        likely,
        found.per_s,
        moment(recording.boots, index, found.since_ms),
        round(room.likely / found.per_s * 1000) + struggle[0],
        round(room.low / found.high * 1000),
        round(room.high / found.low * 1000) + struggle[1] if found.low > 0 else None,
        None,
    )


def _samples(boot: Boot, since_ms: int, until_ms: int) -> int:
    return bisect_right(boot.sample_at, until_ms) - bisect_left(boot.sample_at, since_ms)


def _value(boot: Boot, table: str, column: str, at_ms: int) -> int | None:
    return boot.value_at(table, b"", column, at_ms)


def _held(times: Sequence[int], values: Sequence[int], at_ms: int) -> int | None:
    i = bisect_right(times, at_ms) - 1
    return values[i] if i >= 0 else None
