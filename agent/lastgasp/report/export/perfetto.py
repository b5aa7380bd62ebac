"""The measurements as a Perfetto trace (protobuf), which ui.perfetto.dev and trace_processor open.

Each process is a process of the trace with counters of its memory; the machine's hang below one track, and what
happened (OOM kills, marks, alerts) are instants on another, where boots, gaps and memory pressure are slices. Of what
only grows and is read at each sample (CPU, bytes of an interface, stalls) the rate is given. A value is written when it
changes. A process that ended holds 0 from then on; where one is only lost sight of, an instant says so.

All boots lie on one axis of time: nanoseconds since 1970 where the clock is known. A boot whose clock was never set, or
was set back, begins a second after the one before. A pid that was used before is told apart by 10,000,000 added to it.

Field numbers are those of Perfetto's protos/perfetto/trace (trace_packet, track_event, track_descriptor,
process_descriptor, counter_descriptor, clock_snapshot), which never change their meaning.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Iterator
from typing import BinaryIO

from lastgasp.analysis.presence import Parting
from lastgasp.report.export.boots import Booted
from lastgasp.report.export.columns import Column, Layout, Scale, Unit
from lastgasp.report.export.flat import Progress
from lastgasp.report.export.measured import label_of, points
from lastgasp.report.export.protobuf import message, number, text, varint
from lastgasp.report.export.rows import Exported
from lastgasp.report.visible import visible

TRACE_PACKET = 1  # of Trace
TIMESTAMP, SEQUENCE_ID, TRACK_EVENT, SEQUENCE_FLAGS, TRACK_DESCRIPTOR, CLOCK_SNAPSHOT = 8, 10, 11, 13, 60, 6
EVENT_TYPE, EVENT_TRACK, EVENT_NAME, EVENT_CATEGORY, EVENT_INTEGER, EVENT_DOUBLE = 9, 11, 23, 22, 30, 44
SLICE_BEGIN, SLICE_END, INSTANT, COUNTER = 1, 2, 3, 4
TRACK_UUID, TRACK_NAME, TRACK_PROCESS, TRACK_PARENT, TRACK_COUNTER = 1, 2, 3, 5, 8
PROCESS_PID, PROCESS_COMMAND_LINE, PROCESS_NAME = 1, 2, 6
COUNTER_UNIT, COUNTER_UNIT_NAME = 3, 6
UNIT_COUNT, UNIT_BYTES = 2, 3
CLOCKS, CLOCK_ID, CLOCK_TIME, REALTIME, BOOTTIME = 1, 1, 2, 1, 6
OUR_SEQUENCE = 1
STATE_CLEARED = 1

MACHINE_TRACK, HAPPENED_TRACK = 1, 2
AGAIN = 10_000_000  # pids are at most 4,194,304
APART_MS = 1000
RATED = ("process", "pressure", "stat", "net_dev", "diskstats", "vmstat")  # read at each sample
LEFT_OUT = ("mapping", "mappings", "recorder")  # told better elsewhere


def write(exported: Exported, out: BinaryIO, progress: Progress) -> None:
    """The whole trace."""
    trace = _Trace(out, axis(exported.boots))
    trace.begin(exported)
    trace.descriptor(MACHINE_TRACK, text(TRACK_NAME, "Machine"))
    trace.descriptor(HAPPENED_TRACK, text(TRACK_NAME, "What happened"))
    for one in exported.boots:
        trace.processes(one)
    for layout in exported.layouts():
        if layout.source not in LEFT_OUT:
            for one in exported.boots:
                trace.counters(one, layout)
            progress(layout.name, trace.packets)
    for one in exported.boots:
        trace.spans(one)
    for event in exported.happened():
        at_ns = trace.at_ns(event.booted, event.at_ms)
        words = f"{event.kind}: {event.text}" if event.text else event.kind
        trace.instant(HAPPENED_TRACK, at_ns, event.kind, words)
        owner = trace.process_tracks.get((event.booted.number, event.victim or b""))
        if owner is not None:
            trace.instant(owner, at_ns, "oom_kill", "OOM killed")


def axis(boots: list[Booted]) -> dict[int, int]:
    """Milliseconds to add to uptimes, by boot, so that those of a recording follow one another."""
    shifts: dict[int, int] = {}
    for recording in sorted({one.recording for one in boots}):
        end_ms: int | None = None
        early: list[Booted] = []  # without a clock, before the first one with it
        for one in (one for one in boots if one.recording == recording):
            shift = one.offset_ms
            if end_ms is not None and (shift is None or one.boot.first_ms + shift < end_ms):
                shift = end_ms + APART_MS - one.boot.first_ms
            if shift is None:
                early.append(one)
                continue
            begin_ms = one.boot.first_ms + shift
            for other in reversed(early):
                shifts[other.number] = begin_ms - APART_MS - other.boot.last_ms
                begin_ms = other.boot.first_ms + shifts[other.number]
            early.clear()
            shifts[one.number] = shift
            end_ms = one.boot.last_ms + shift
        at_ms = 0
        for one in early:  # no clock at all
            shifts[one.number] = at_ms
            at_ms += one.boot.last_ms + APART_MS - one.boot.first_ms
    return shifts


class _Trace:
    """Packets, one after another."""

    def __init__(self, out: BinaryIO, shifts: dict[int, int]) -> None:
        self.out = out
        self.shifts = shifts
        self.packets = 0
        self.tracks = HAPPENED_TRACK
        self.process_tracks: dict[tuple[int, bytes], int] = {}
        self.system_tracks: dict[str, int] = {}
        self.pids: dict[int, int] = {}

    def at_ns(self, one: Booted, at_ms: int) -> int:
        """On the axis of the trace."""
        return max(at_ms + self.shifts[one.number], 0) * 1_000_000

    def packet(self, body: bytes) -> None:
        """One TracePacket."""
        body += b"\x50\x01"  # SEQUENCE_ID, OUR_SEQUENCE
        self.out.write(b"\x0a" + varint(len(body)) + body)
        self.packets += 1

    def begin(self, exported: Exported) -> None:
        """Which time it is, where that is known."""
        known = [one for one in exported.boots if one.offset_ms is not None]
        first_ns = self.at_ns(known[0], known[0].boot.first_ms) if known else 0
        clocks = b"".join(
            message(CLOCKS, number(CLOCK_ID, clock) + number(CLOCK_TIME, first_ns))
            for clock in ((BOOTTIME, REALTIME) if known else (BOOTTIME,))
        )
        cleared = number(SEQUENCE_FLAGS, STATE_CLEARED)
        self.packet(number(TIMESTAMP, first_ns) + message(CLOCK_SNAPSHOT, clocks) + cleared)

    def descriptor(self, track: int, body: bytes) -> None:
        """A track begins."""
        self.packet(message(TRACK_DESCRIPTOR, number(TRACK_UUID, track) + body))

    def new_track(self, body: bytes) -> int:
        """One more track."""
        self.tracks += 1
        self.descriptor(self.tracks, body)
        return self.tracks

    def instant(self, track: int, at_ns: int, category: str, name: str) -> None:
        """Something happened."""
        words = text(EVENT_CATEGORY, category) + text(EVENT_NAME, name)
        self._event(at_ns, number(EVENT_TYPE, INSTANT) + number(EVENT_TRACK, track) + words)

    def slice(self, one: Booted, from_ms: int, to_ms: int, track: int, name: str) -> None:
        """A stretch of time."""
        where = number(EVENT_TRACK, track)
        self._event(self.at_ns(one, from_ms), number(EVENT_TYPE, SLICE_BEGIN) + where + text(EVENT_NAME, name))
        self._event(self.at_ns(one, to_ms), number(EVENT_TYPE, SLICE_END) + where)

    def _event(self, at_ns: int, body: bytes) -> None:
        self.packet(number(TIMESTAMP, at_ns) + message(TRACK_EVENT, body))

    def value(self, track: bytes, at_ns: int, value: int | float) -> None:
        """A counter's value from now on; ``track`` is its EVENT_TRACK field."""
        if isinstance(value, int):
            number = b"\xf0\x01" + varint(value & 0xFFFF_FFFF_FFFF_FFFF)  # EVENT_INTEGER
        else:
            number = b"\xe1\x02" + struct.pack("<d", value)  # EVENT_DOUBLE
        event = b"\x48\x04" + track + number  # EVENT_TYPE, COUNTER
        self.packet(b"\x40" + varint(at_ns) + b"\x5a" + varint(len(event)) + event)

    # -- what is in it ---------------------------------------------------------------------------------

    def processes(self, one: Booted) -> None:
        """A track for each, and a word where it is lost sight of."""
        for there in one.processes:
            process = there.process
            used = self.pids[process.pid] = self.pids.get(process.pid, -1) + 1
            pid = process.pid + used * AGAIN
            name = visible(process.name) + (f" (pid {process.pid})" if used else "")
            body = number(PROCESS_PID, pid) if pid < 1 << 31 else b""
            body += text(PROCESS_COMMAND_LINE, visible(process.attributes.get("cmdline", b"")))
            track = self.new_track(message(TRACK_PROCESS, body + text(PROCESS_NAME, name)))
            self.process_tracks[one.number, there.key] = track
            if there.until_ms is not None and there.parting not in (Parting.ENDED, Parting.PID_REUSED):
                self.instant(
                    track, self.at_ns(one, there.until_ms), "process", f"nothing known any more: {there.parting}"
                )

    def spans(self, one: Booted) -> None:
        """Boots, memory pressure and gaps, each on a track of its own."""
        for name, spans in (
            ("boot", [(one.boot.first_ms, one.boot.last_ms)]),
            ("memory pressure", list(one.boot.pressure_spans())),
            ("gap: nothing recorded", [(gap.from_ms, gap.to_ms) for gap in one.boot.gaps]),
        ):
            if spans:
                track = self._system_track(name, text(TRACK_NAME, name), HAPPENED_TRACK)
                for from_ms, to_ms in spans:
                    self.slice(one, from_ms, to_ms, track, f"{name} {one.number}" if name == "boot" else name)

    def _system_track(self, name: str, body: bytes, parent: int) -> int:
        """One track for all boots."""
        if name not in self.system_tracks:
            self.system_tracks[name] = self.new_track(body + number(TRACK_PARENT, parent))
        return self.system_tracks[name]

    def counters(self, one: Booted, layout: Layout) -> None:
        """All columns of all rows of one table."""
        scale = Scale(one.boot)
        for key in one.boot.rows(layout.source):
            label = label_of(layout, one, key)
            if label is None:
                continue
            of_process = layout.key == "process"
            for column in layout.columns:
                if column.unit is Unit.LETTER:
                    continue
                rated = column.counter and layout.source in RATED
                values = list(_points(one, layout, key, column, scale, rated))
                if not any(value for _, value in values):  # never anything but 0: thousands of idle counters
                    continue
                name = column.name + ("/s" if rated else "")
                if of_process:
                    owner = self.process_tracks[one.number, key]
                    track = self.new_track(_counter(name, column, rated) + number(TRACK_PARENT, owner))
                else:
                    name = f"{layout.name} {f'{label[0]} ' if label else ''}{name}"
                    track = self._system_track(name, _counter(name, column, rated), MACHINE_TRACK)
                where = number(EVENT_TRACK, track)
                for at_ms, value in values:
                    self.value(where, self.at_ns(one, at_ms), value)


def _points(
    one: Booted, layout: Layout, key: bytes, column: Column, scale: Scale, rated: bool
) -> Iterator[tuple[int, int | float]]:
    """Times (ms) and values where they change."""
    until = one.until.get(key)
    ended = layout.source.startswith("process") and until is not None and one.boot.processes[key].gone_ms is not None
    pairs = [(at, raw) for at, raw in points(layout, one, key, column) if raw is not None]
    before: float | None = None
    for at_ms, value in _rates(one, pairs, scale, column) if rated else _values(pairs, scale, column):
        if value != before:
            yield at_ms, value
        before = value
    if ended and before and until is not None:
        yield until, 0


def _values(pairs: list[tuple[int, int]], scale: Scale, column: Column) -> Iterator[tuple[int, int | float]]:
    for at_ms, raw in pairs:
        value = scale.value(raw, column.unit)
        if value is not None and not isinstance(value, str):
            yield at_ms, value


def _rates(
    one: Booted, pairs: list[tuple[int, int]], scale: Scale, column: Column
) -> Iterator[tuple[int, int | float]]:
    """Per second, between the sample before a change and that of the change; 0 where nothing changed."""
    samples = one.samples
    last: tuple[int, int] | None = None
    for at_ms, raw in pairs:
        if last is not None and not one.boot.gap_between(last[0], at_ms):
            place = bisect_left(samples, at_ms)
            began_ms = max(samples[place - 1] if place else last[0], last[0])
            change = scale.value(raw - last[1], column.unit)
            if isinstance(change, (int, float)) and change >= 0 and at_ms > began_ms:
                if began_ms > last[0]:
                    yield last[0], 0
                yield began_ms, change * 1000 / (at_ms - began_ms)
        last = at_ms, raw
    if last is not None and len(pairs) > 1:
        yield last[0], 0


def _counter(name: str, column: Column, rated: bool) -> bytes:
    """A counter's descriptor: sizes as such, the unit's name for all others."""
    if column.unit.ending == "_bytes" and not rated:
        unit = number(COUNTER_UNIT, UNIT_BYTES)
    else:
        words = column.name.rpartition("_")[2] if column.unit.ending else ""
        unit = number(COUNTER_UNIT, UNIT_COUNT)
        unit += text(COUNTER_UNIT_NAME, f"{words or 'count'}/s" if rated else words)
    return text(TRACK_NAME, name) + message(TRACK_COUNTER, unit)
