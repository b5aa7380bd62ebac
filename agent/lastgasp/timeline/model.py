"""What a recording is made of once it is decoded."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

from lastgasp.ring.format import ABSENT, SAMPLE_PRESSURE
from lastgasp.ring.payload import Series

PLAUSIBLE_NS = 1_577_836_800 * 10**9  # 2020-01-01: a clock before it was never set


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened: start, stop, machine, mark, clock, alert, alert.end, config, tune."""

    at_ms: int
    kind: str
    values: dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Message:
    """A record of the kernel log, as /dev/kmsg gave it."""

    at_ms: int  # when the agent wrote it
    record: bytes


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch of time without samples because blocks are missing or damaged, or depend on those that are."""

    from_ms: int
    to_ms: int
    blocks: int


@dataclass(slots=True)
class Process:
    """One life of a process: pid and start time. Times are None where the recording does not tell."""

    key: bytes  # b"pid@start ticks"
    names: list[bytes] = field(default_factory=list)  # comm, the latest last
    attributes: dict[str, bytes] = field(default_factory=dict)
    gone_ms: int | None = None
    untracked_ms: int | None = None  # when the agent stopped following it, for want of room, if it did
    exit_code: int | None = None  # as wait(2) gives it

    @property
    def pid(self) -> int:
        """Its process id."""
        return int(self.key.partition(b"@")[0])

    @property
    def name(self) -> bytes:
        """Its latest comm; raw, and from an adversary."""
        return self.names[-1] if self.names else b"?"

    @property
    def kernel(self) -> bool:
        """Is it a kernel thread?"""
        return self.attributes.get("kernel") == b"1"


class Boot:
    """Everything recorded during one boot."""

    def __init__(self, boot_id: bytes) -> None:
        self.boot_id = boot_id
        self.sample_at = array("q")  # ms since boot
        self.sample_flags = bytearray()
        self.tables: dict[bytes, dict[bytes, list[Series]]] = {}  # table, row key: series one after another
        self.processes: dict[bytes, Process] = {}
        self.ended: dict[tuple[bytes, bytes], list[int]] = {}  # (table, row key): when it was no longer followed
        self.events: list[Event] = []
        self.messages: list[Message] = []
        self.gaps: list[Gap] = []
        self.offsets: list[tuple[int, int]] = []  # (ms, CLOCK_REALTIME minus CLOCK_BOOTTIME in ns)
        self.first_ms = 0
        self.last_ms = 0
        self.recovered = 0  # blocks that came from persistent RAM
        self._set_by: tuple[int, int | None] = (0, None)  # offsets looked through, and what they say

    # -- clocks ----------------------------------------------------------------------------------------

    @property
    def offset_ns(self) -> int | None:
        """Wall clock minus boot clock, by the latest plausible setting of this boot's clock; None: never set."""
        known, found = self._set_by  # there may be thousands of them, and thousands of moments that ask
        for at_ms, offset in reversed(self.offsets[known:]):
            if at_ms * 1_000_000 + offset >= PLAUSIBLE_NS:
                found = offset
                break
        self._set_by = len(self.offsets), found
        return found

    def wall_ns(self, at_ms: int) -> int | None:
        """Absolute time of a moment of this boot, also for moments before its clock was set."""
        offset = self.offset_ns
        return None if offset is None else at_ms * 1_000_000 + offset

    # -- values ----------------------------------------------------------------------------------------

    def rows(self, table: str) -> dict[bytes, list[Series]]:
        """All rows of a table, by key; empty when the table was never recorded."""
        return self.tables.get(table.encode(), {})

    def points(self, table: str, key: bytes, column: str) -> tuple[array[int], array[int]]:
        """Times (ms) and values of one column of one row, absent ones left out."""
        times, values = array("q"), array("q")
        name = column.encode()
        for series in self.rows(table).get(key, ()):
            if name not in series.columns:
                continue
            chosen = series.flat[series.columns.index(name) :: series.width]
            if ABSENT in chosen:
                for at, value in zip(series.at, chosen, strict=True):
                    if value != ABSENT:
                        times.append(at)
                        values.append(value)
            else:
                times += series.at
                values += chosen
        return times, values

    def together(self, table: str, key: bytes, columns: tuple[str, ...]) -> tuple[array[int], list[tuple[int, ...]]]:
        """Times (ms) and values of several columns of one row; where one of them is absent the moment is left out."""
        times = array("q")
        found: list[tuple[int, ...]] = []
        names = [column.encode() for column in columns]
        for series in self.rows(table).get(key, ()):
            if all(name in series.columns for name in names):
                chosen = [series.flat[series.columns.index(name) :: series.width] for name in names]
                if any(ABSENT in column for column in chosen):
                    for at, values in zip(series.at, zip(*chosen, strict=True), strict=True):
                        if ABSENT not in values:
                            times.append(at)
                            found.append(values)
                else:
                    times += series.at
                    found += zip(*chosen, strict=True)
        return times, found

    def value_at(self, table: str, key: bytes, column: str, at_ms: int) -> int | None:
        """The value that held at a moment; None when there was none or a gap lies in between."""
        times, values = self.points(table, key, column)
        i = bisect_right(times, at_ms) - 1
        if i < 0 or self.gap_between(times[i], at_ms):
            return None
        return values[i]

    def gap_between(self, from_ms: int, to_ms: int) -> bool:
        """Is any of the time between two moments in a gap, so that what held at the first may not hold any more?"""
        return any(from_ms < gap.to_ms and gap.from_ms < to_ms for gap in self.gaps)

    def latest(self, table: str, key: bytes, column: str) -> int | None:
        """The last value recorded."""
        _, values = self.points(table, key, column)
        return values[-1] if values else None

    def machine(self) -> dict[str, bytes]:
        """The latest "machine" event: kernel, page size, RAM, firmware …"""
        for event in reversed(self.events):
            if event.kind == "machine":
                return event.values
        return {}

    @property
    def page_size(self) -> int:
        """Bytes in a page; 4096 if the recording lost the event that tells."""
        raw = self.machine().get("page_size", b"")
        return int(raw) if raw.isdigit() and len(raw) < 10 and int(raw) else 4096

    def pressed(self, number: int) -> bool:
        """Was this sample (counted from 0) taken under memory pressure?"""
        return bool(self.sample_flags[number] & SAMPLE_PRESSURE)

    def pressure_spans(self) -> Iterator[tuple[int, int]]:
        """Stretches (from ms, to ms) of samples taken under memory pressure."""
        began: int | None = None
        last = 0
        for at, flags in zip(self.sample_at, self.sample_flags, strict=True):
            if flags & SAMPLE_PRESSURE:
                began = at if began is None else began
                last = at
            elif began is not None:
                yield began, last
                began = None
        if began is not None:
            yield began, last

    def samples_between(self, from_ms: int, to_ms: int) -> int:
        """How many samples were taken in a stretch of time, both ends included."""
        return bisect_right(self.sample_at, to_ms) - bisect_left(self.sample_at, from_ms)


@dataclass(slots=True)
class Recording:
    """One ring, decoded, and what could not be."""

    name: str  # file it came from
    ring_id: int
    boots: list[Boot]
    size: int = 0  # bytes of the file
    slots: int = 0
    block_size: int = 0
    blocks: int = 0  # decoded
    writes: int = 0  # of blocks, early ones included, since the oldest that is there was written
    blank: int = 0
    damaged: list[tuple[int, int]] = field(default_factory=list)  # (offset, bytes)
    cut_bytes: int = 0  # of the ring that are beyond the end of the file
    missing: int = 0  # blocks between the oldest and the newest that are not there
    newer: int = 0  # blocks written by a newer lastgasp
    undecodable: int = 0  # records
    unseen: int = 0  # samples that depend on missing blocks
    clean_stop: bool = False  # the recording ends with a stop that was asked for
    cut: bool = False  # what was recorded of the first boot before its first_ms is left out (timeline.window)

    @property
    def samples(self) -> int:
        """Samples decoded."""
        return sum(len(boot.sample_at) for boot in self.boots)
