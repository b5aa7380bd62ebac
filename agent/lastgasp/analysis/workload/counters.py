"""The work that a boot did, as counters that only rise: what growth may be measured against.

Every counter counts from 0 at its first value. The kernel's counters can fall: an interface that was made anew counts
from 0 again, and one of 32 bits wraps round. Work done behind a reset counts as far as it is known: at least what the
new counter says. A missing value (a gap, a source that was absent for a while) costs nothing but the moment: what was
counted meanwhile is known at its end. A source that the kernel does not have gives no counter; one that never moved
gives none either, for nothing can follow it.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate, pairwise
from operator import sub

from lastgasp.analysis.identity import clock_ticks
from lastgasp.timeline.model import Boot

SECTOR = 512
WRAP = 1 << 32
FASTEST = 4  # a wrap is believed if the counter went no faster through it than so many times its highest pace elsewhere
BUSY = ("user", "nice", "system", "irq", "softirq")  # of stat; waiting for a disk is no work


class Work(StrEnum):
    """What is counted; the value is how one of it is called."""

    PACKETS_IN = "received packet"
    PACKETS_OUT = "sent packet"
    BYTES_IN = "received byte"
    BYTES_OUT = "sent byte"
    READS = "disk read"
    WRITES = "disk write"
    BYTES_READ = "byte read from disk"
    BYTES_WRITTEN = "byte written to disk"
    STARTS = "process start"
    SWITCHES = "context switch"
    CPU = "second of CPU time"
    OWN_READ = "byte that it read"
    OWN_WRITTEN = "byte that it wrote"
    OWN_CPU = "second of its CPU time"


@dataclass(frozen=True, slots=True)
class Counter:
    """One kind of work, summed up since its first value; a total holds from its time until the next."""

    work: Work
    of: bytes | None  # interface or disk; raw
    times: Sequence[int]  # ms since boot
    total: Sequence[float]

    @property
    def name(self) -> str:
        """Such as "received packet on eth0"; for tables of our own, what the device named is not made safe here."""
        return str(self.work) if self.of is None else f"{self.work} on {self.of.decode(errors='backslashreplace')}"

    @property
    def unit(self) -> str:
        """What one of it is called."""
        return str(self.work)

    def at(self, at_ms: int) -> float:
        """The total that held at a moment; 0 before the first value."""
        i = bisect_right(self.times, at_ms) - 1
        return self.total[i] if i >= 0 else 0.0


@dataclass(frozen=True, slots=True)
class MarkSpan:
    """The time that a mark stands for."""

    text: bytes  # raw; of a pair "X begins", "X ends" the X
    from_ms: int
    to_ms: int
    ended: bool  # a mark of its own ended it


# table, column, what it is, how many of the unit one count is
SYSTEM: tuple[tuple[str, str, Work, float], ...] = (
    ("net_dev", "rx_packets", Work.PACKETS_IN, 1),
    ("net_dev", "tx_packets", Work.PACKETS_OUT, 1),
    ("net_dev", "rx_bytes", Work.BYTES_IN, 1),
    ("net_dev", "tx_bytes", Work.BYTES_OUT, 1),
    ("diskstats", "reads", Work.READS, 1),
    ("diskstats", "writes", Work.WRITES, 1),
    ("diskstats", "sectors_read", Work.BYTES_READ, SECTOR),
    ("diskstats", "sectors_written", Work.BYTES_WRITTEN, SECTOR),
    ("stat", "processes", Work.STARTS, 1),
    ("stat", "ctxt", Work.SWITCHES, 1),
)
OWN: tuple[tuple[str, str, Work], ...] = (
    ("process.details", "rchar", Work.OWN_READ),
    ("process.details", "wchar", Work.OWN_WRITTEN),
)


def counters(boot: Boot, wanted: Collection[Work] = frozenset(Work)) -> list[Counter]:
    """The counters of the whole machine that moved during a boot, as far as they are wanted."""
    found = []
    for table, column, work, scale in SYSTEM:
        for key in boot.rows(table) if work in wanted else ():
            times, values = boot.points(table, key, column)
            found.append(_counter(work, key or None, times, values, scale))
    if Work.CPU in wanted:
        busy, rows = boot.together("stat", b"", BUSY)
        found.append(_counter(Work.CPU, None, busy, list(map(sum, rows)), 1 / clock_ticks(boot)))
    return [counter for counter in found if counter is not None]


def process_counters(boot: Boot, key: bytes, wanted: Collection[Work] = frozenset(Work)) -> list[Counter]:
    """The counters of one process: what it read and wrote, files and sockets alike, and its CPU time."""
    found = []
    for table, column, work in OWN:
        if work in wanted:
            times, values = boot.points(table, key, column)
            found.append(_counter(work, None, times, values, 1))
    if Work.OWN_CPU in wanted:
        times, values = boot.points("process", key, "cpu_ticks")
        found.append(_counter(Work.OWN_CPU, None, times, values, 1 / clock_ticks(boot)))
    return [counter for counter in found if counter is not None]


def _counter(work: Work, of: bytes | None, times: Sequence[int], values: Sequence[int], scale: float) -> Counter | None:
    steps = rises(times, values)
    if not any(steps):
        return None
    total = array("d", accumulate(steps, initial=0))
    return Counter(work, of, times, total if scale == 1 else array("d", [counted * scale for counted in total]))


def rises(times: Sequence[int], values: Sequence[int]) -> list[int]:
    """By how much a counter rose from each value to the next, resets and wraps of 32 bits understood."""
    steps = list(map(sub, values[1:], values))
    if not steps or min(steps) >= 0:
        return steps
    waits = [max(later - earlier, 1) for earlier, later in pairwise(times)]
    fastest = max((step / wait for step, wait in zip(steps, waits, strict=True) if step > 0), default=0.0)
    for i, step in enumerate(steps):
        if step < 0:
            wrapped = step + WRAP
            believed = values[i] < WRAP and 0 < wrapped <= FASTEST * fastest * waits[i]
            steps[i] = wrapped if believed else max(values[i + 1], 0)
    return steps


# -- marks -------------------------------------------------------------------------------------------------

BEGINS = (b"begins", b"begin", b"starts", b"start", b"started", b"begun")
ENDS = (b"ends", b"end", b"stops", b"stop", b"ended", b"stopped", b"done", b"finished", b"over")


def mark_spans(boot: Boot) -> list[MarkSpan]:
    """The spans of a boot's marks, in order.

    "X begins" lasts until "X ends", whatever was marked in between; any other mark, and one that begins what nothing
    ends, until the next mark. The last ones last until the recording of the boot ends.
    """
    marks = [(event.at_ms, event.values.get("text", b"")) for event in boot.events if event.kind == "mark"]
    ends: dict[int, int] = {}  # number of the mark that begins: number of the one that ends it
    begun: dict[bytes, int] = {}
    for number, (_, text) in enumerate(marks):
        subject, word = _subject(text)
        if word in BEGINS:
            begun[subject] = number
        elif word in ENDS and subject in begun:
            ends[begun.pop(subject)] = number
    found = []
    closing = set(ends.values())
    for number, (at_ms, text) in enumerate(marks):
        if number in ends:
            found.append(MarkSpan(_subject(text)[0], at_ms, marks[ends[number]][0], True))
        elif number not in closing:
            later = marks[number + 1][0] if number + 1 < len(marks) else None
            found.append(MarkSpan(text, at_ms, boot.last_ms if later is None else later, later is not None))
    return [span for span in found if span.to_ms > span.from_ms]


def _subject(text: bytes) -> tuple[bytes, bytes]:
    """Of "test 7 begins" the "test 7" and the "begins"; without such a word all of it."""
    subject, _, word = text.strip().rpartition(b" ")
    word = word.lower()
    return (subject.rstrip(b" :,-"), word) if subject and word in BEGINS + ENDS else (text, b"")


def inside(spans: Iterable[MarkSpan], from_ms: int, to_ms: int) -> int:
    """How many ms of a stretch of time lie in one of the spans (that may overlap)."""
    covered, reached = 0, from_ms
    for span in sorted(spans, key=lambda span: span.from_ms):
        begin, end = max(span.from_ms, reached), min(span.to_ms, to_ms)
        if end > begin:
            covered += end - begin
            reached = end
    return covered
