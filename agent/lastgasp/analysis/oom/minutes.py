"""The last minutes before a kill, as recorded: marks, alerts, processes that began or ended, and what there was to do.

What happens again and again is told once, with how often: a script that starts a program every second is one entry.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace

from lastgasp.analysis.identity import clock_ticks, program, started_ms, user_processes
from lastgasp.analysis.runs import happenings_of
from lastgasp.analysis.times import Moment, moment
from lastgasp.timeline.model import Boot, Process

LAST_MS = 600_000
LOAD_MS = 300_000
LOAD_LEAST_MS = 30_000  # a shorter stretch has no rate worth comparing
LOAD_TIMES = 3
LOAD_BYTES = 256 * 1024
SECTOR = 512
STARTED, ENDED = "started", "ended"
# what it is called, table, column, bytes in one
WORK = (
    ("received from the network", "net_dev", "rx_bytes", 1),
    ("sent to the network", "net_dev", "tx_bytes", 1),
    ("read from disks", "diskstats", "sectors_read", SECTOR),
    ("written to disks", "diskstats", "sectors_written", SECTOR),
)


@dataclass(frozen=True, slots=True)
class Happened:
    """One thing, or one thing several times. ``text`` is raw: a mark's words, or a program's name."""

    at: Moment
    last: Moment  # the same unless it happened several times
    kind: str  # mark, alert, alert.end, config, tune; started, ended
    text: bytes
    times: int
    pid: int | None  # of a process; the last one
    exit_code: int | None  # of one that ended, as wait(2) gives it


@dataclass(frozen=True, slots=True)
class Load:
    """Work that became much more, or much less, in the last minutes; bytes a second."""

    name: str
    over_ms: int
    per_s: float
    before_per_s: float


def happened(boots: list[Boot], index: int, at_ms: int) -> list[Happened]:
    """In the order of time."""
    found = [
        Happened(one.at, one.at, one.kind, one.text, 1, None, None)
        for one in happenings_of(boots, index)
        if at_ms - LAST_MS <= one.at.uptime_ms <= at_ms
    ]
    gathered: dict[tuple[str, bytes, int | None], Happened] = {}
    for one in sorted(_processes(boots, index, at_ms), key=lambda event: event.at.uptime_ms):
        same = gathered.get((one.kind, one.text, one.exit_code))
        more = one if same is None else replace(same, last=one.at, times=same.times + 1, pid=one.pid)
        gathered[one.kind, one.text, one.exit_code] = more
    return sorted([*found, *gathered.values()], key=lambda event: event.at.uptime_ms)


def _processes(boots: list[Boot], index: int, at_ms: int) -> Iterator[Happened]:
    boot = boots[index]
    ticks = clock_ticks(boot)
    from_ms = max(at_ms - LAST_MS, boot.first_ms)
    for process in user_processes(boot):
        began = started_ms(process, ticks)
        if from_ms < began <= at_ms:
            yield _event(boots, index, STARTED, process, began, None)
        if process.gone_ms is not None and from_ms < process.gone_ms < at_ms:
            yield _event(boots, index, ENDED, process, process.gone_ms, process.exit_code)


def _event(boots: list[Boot], index: int, kind: str, process: Process, at_ms: int, code: int | None) -> Happened:
    at = moment(boots, index, at_ms)
    return Happened(at, at, kind, program(process), 1, process.pid, code)


def loads(boot: Boot, at_ms: int) -> list[Load]:
    """Only what changed; empty where too little was recorded to compare."""
    first_ms = boot.sample_at[0] if boot.sample_at else at_ms
    over = min(LOAD_MS, (at_ms - first_ms) // 2)
    if over < LOAD_LEAST_MS:
        return []
    found = []
    for name, table, column, unit in WORK:
        late = early = 0
        for key in boot.rows(table):
            if key == b"lo":
                continue
            times, values = boot.points(table, key, column)
            known = bisect_right(times, at_ms)
            for i in range(1, known):
                more = max(values[i] - values[i - 1], 0) * unit
                if times[i] > at_ms - over:
                    late += more
                else:
                    early += more
        per_s, before_per_s = late * 1000 / over, early * 1000 / max(at_ms - over - first_ms, 1)
        low, high = sorted((per_s, before_per_s))
        if high > LOAD_TIMES * low and high * over / 1000 > LOAD_BYTES:
            found.append(Load(name, over, per_s, before_per_s))
    return found
