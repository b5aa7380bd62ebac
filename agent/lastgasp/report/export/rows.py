"""What is exported: tables with named columns, and their rows one after another.

``Exported`` joins any number of recordings; a boot has one number over all of them. Its tables are those that describe
(recordings, boots, processes, events, oom_kills, gaps, kernel_log, samples) and one for each table of the ring. Rows of
a boot come in the order of time. As in the ring, a row is there when something in it changed, and holds until the next
one with the same key, or until what it tells of is gone; a row that says what the one before said is left out.

None is absent or unknown. Text is visible text (``report.visible``): whatever a device calls its processes, no row
holds a control character or a byte that is no UTF-8. Nothing is gathered: memory beside the recordings themselves is
one number for each process, and the row in hand.
"""

from __future__ import annotations

import heapq
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from lastgasp.analysis.fields import whole
from lastgasp.analysis.growth import process_at, program, started_ms
from lastgasp.analysis.losses import losses
from lastgasp.analysis.oom.events import OomEvent, oom_events
from lastgasp.analysis.presence import Presence, presences
from lastgasp.analysis.runs import happenings_of
from lastgasp.report.export.columns import KNOWN, Layout, Scale, Unit, layout_of
from lastgasp.report.visible import visible
from lastgasp.timeline.changes import Columns, changes
from lastgasp.timeline.model import Boot, Event, Recording

HAPPENINGS = ("mark", "alert", "alert.end", "config", "tune")  # as ``runs.happenings_of`` tells of them
Value = int | float | str | None
Row = tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """A column of an exported table."""

    name: str
    kind: str  # INTEGER, REAL, TEXT
    repeated: bool = False  # follows from others: for files without joins


@dataclass(frozen=True, slots=True)
class Table:
    """A table and how to get its rows."""

    name: str
    fields: tuple[Field, ...]
    rows: Callable[[], Iterator[Row]]
    key: tuple[str, ...] = ()  # fields that tell its rows apart; empty: none do


@dataclass(frozen=True, slots=True)
class Booted:
    """One boot of all that are exported."""

    number: int  # from 1, over all recordings
    recording: int  # from 1
    index: int  # in its recording, from 0
    boot: Boot
    processes: list[Presence]
    ids: dict[bytes, int]  # of its processes, over all recordings
    offset_ms: int | None  # wall clock minus uptime; None: the clock was never set
    until: dict[bytes, int]  # when what is known of a process ends, if it does before the boot's recording

    def utc(self, at_ms: int) -> str | None:
        """ISO 8601 with milliseconds; None: the clock was never set."""
        return None if self.offset_ms is None else utc(at_ms + self.offset_ms)


@dataclass(frozen=True, slots=True)
class Happened:
    """Something at one instant of a boot."""

    booted: Booted
    at_ms: int
    kind: str  # as an event's, or oom_kill, or gap
    text: str
    victim: bytes | None = None  # of an OOM kill: its key, if it was recorded


def utc(wall_ms: int) -> str | None:
    """2026-11-23T14:03:10.250Z; None for what no calendar has."""
    try:
        return f"{_second(wall_ms // 1000)}.{wall_ms % 1000:03}Z"
    except (OverflowError, ValueError, OSError):
        return None


_last: tuple[int, str] = (0, "1970-01-01T00:00:00")


def _second(second: int) -> str:
    """The same of whole seconds; samples of one second come together."""
    global _last
    known, text = _last
    if known != second:
        text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        _last = second, text
    return text


def text(raw: bytes | None) -> str | None:
    """Foreign text as it may be shown."""
    return None if raw is None else visible(raw)


I, R, T = "INTEGER", "REAL", "TEXT"  # noqa: E741 - as SQL has them
BOOT, UPTIME, UTC = Field("boot", I), Field("uptime_ms", I), Field("utc", T, True)
PROCESS, PID, NAME = Field("process", I), Field("pid", I, True), Field("name", T, True)


def _fields(kind: str, *names: str) -> tuple[Field, ...]:
    return tuple(Field(name, kind) for name in names)


class Exported:
    """Recordings as tables."""

    def __init__(self, recordings: list[Recording]) -> None:
        self.recordings = recordings
        self.boots: list[Booted] = []
        count = 0
        for number, recording in enumerate(recordings, 1):
            for index, boot in enumerate(recording.boots):
                there = presences(boot)
                ids = {one.key: count + place for place, one in enumerate(there, 1)}
                count += len(there)
                until = {one.key: one.until_ms for one in there if one.until_ms is not None}
                offset = boot.offset_ns
                offset_ms = None if offset is None else offset // 1_000_000
                self.boots.append(Booted(len(self.boots) + 1, number, index, boot, there, ids, offset_ms, until))

    def tables(self) -> list[Table]:
        """All of them: first those that describe."""
        return [*self._descriptions(), *(self._table(layout) for layout in self.layouts())]

    def layouts(self) -> list[Layout]:
        """What was recorded, known tables first (recorded or not), each with all columns that it has in any boot."""
        recorded: dict[str, set[bytes]] = {layout.source: set() for layout in KNOWN}
        for booted in self.boots:
            for source, rows in booted.boot.tables.items():
                columns = recorded.setdefault(source.decode("utf-8", "replace"), set())
                for all_series in rows.values():
                    for series in all_series:
                        columns.update(series.columns)
        return [layout_of(source, columns) for source, columns in recorded.items()]

    # -- what describes --------------------------------------------------------------------------------

    def _descriptions(self) -> Iterator[Table]:
        losses_told = _fields(I, "missing_blocks", "damaged_bytes", "undecodable_records", "unseen_samples")
        fields = (*_fields(I, "recording"), *_fields(T, "file", "ring_id"), *_fields(I, "size_bytes"), *losses_told)
        yield Table("recordings", fields, self._recordings, ("recording",))
        fields = (
            *_fields(I, "boot", "recording", "boot_of_recording"),
            *_fields(T, "boot_id", "host", "kernel", "machine", "system"),
            *_fields(I, "first_uptime_ms", "last_uptime_ms", "clock_offset_ms"),
            *_fields(T, "first_utc", "last_utc"),
            *_fields(I, "samples", "page_size_bytes", "ram_bytes"),
        )
        yield Table("boots", fields, self._boots, ("boot",))
        yield Table("samples", (BOOT, UPTIME, UTC, *_fields(I, "pressure")), self._samples, ("boot", "uptime_ms"))
        fields = (
            *_fields(I, "process", "boot", "pid"),
            *_fields(T, "name", "program"),
            *_fields(I, "ppid", "uid"),
            *_fields(T, "exe", "command_line", "group_path"),
            *_fields(I, "kernel_thread", "started_uptime_ms", "from_uptime_ms", "until_uptime_ms"),
            *_fields(T, "parting"),
            *_fields(I, "exit_status"),
        )
        yield Table("processes", fields, self._processes, ("process",))
        fields = (BOOT, UPTIME, UTC, *_fields(T, "kind", "text", "values_json"))
        yield Table("events", fields, self._events)
        fields = (
            *(BOOT, UPTIME, UTC),
            *_fields(I, "before_recording", "process", "victim_pid"),
            *_fields(T, "victim", "invoker"),
            *_fields(I, "request_order"),
            *_fields(T, "oom_constraint", "group_path"),
            *_fields(I, "anon_bytes", "file_bytes", "shmem_bytes", "oom_score_adj"),
            *_fields(T, "panic"),
        )
        yield Table("oom_kills", fields, self._oom_kills)
        fields = (BOOT, *_fields(I, "from_uptime_ms", "to_uptime_ms", "blocks"))
        yield Table("gaps", fields, self._gaps)
        fields = (BOOT, UPTIME, UTC, *_fields(I, "written_uptime_ms", "level", "sequence"), *_fields(T, "text"))
        yield Table("kernel_log", fields, self._kernel_log)

    def _recordings(self) -> Iterator[Row]:
        for number, recording in enumerate(self.recordings, 1):
            lost = losses(recording)
            counts = (lost.missing_blocks, lost.damaged_bytes, lost.undecodable_records, lost.unseen_samples)
            yield number, visible(recording.name), f"{recording.ring_id:016x}", recording.size, *counts

    def _boots(self) -> Iterator[Row]:
        for one in self.boots:
            boot, machine = one.boot, one.boot.machine()
            ram_kb = whole(machine.get("total_kb"))
            yield (
                *(one.number, one.recording, one.index + 1),
                boot.boot_id.hex() if any(boot.boot_id) else None,
                *(text(machine.get(name)) for name in ("host", "kernel", "machine", "os.pretty_name")),
                *(boot.first_ms, boot.last_ms),
                one.offset_ms,
                *(one.utc(boot.first_ms), one.utc(boot.last_ms)),
                *(len(boot.sample_at), boot.page_size, None if ram_kb is None else ram_kb * 1024),
            )

    def _samples(self) -> Iterator[Row]:
        for one in self.boots:
            last = -1
            for number, at_ms in enumerate(one.boot.sample_at):
                if at_ms > last:
                    yield one.number, at_ms, one.utc(at_ms), int(one.boot.pressed(number))
                last = at_ms

    def _processes(self) -> Iterator[Row]:
        for one in self.boots:
            ticks = Scale(one.boot).ticks
            for there in one.processes:
                process, known = there.process, there.process.attributes
                yield (
                    *(one.ids[there.key], one.number, process.pid, visible(process.name), visible(program(process))),
                    *(whole(known.get("ppid")), whole(known.get("uid"))),
                    *(text(known.get(name)) for name in ("exe", "cmdline", "cgroup")),
                    *(int(process.kernel), started_ms(process, ticks), there.from_ms, there.until_ms),
                    *(there.parting.value, process.exit_code),
                )

    def _events(self) -> Iterator[Row]:
        for one in self.boots:
            for event, said in self._told(one):
                values = {visible(name): visible(value) for name, value in event.values.items()}
                told = json.dumps(values, ensure_ascii=False)
                yield one.number, event.at_ms, one.utc(event.at_ms), visible(event.kind), said, told

    def _told(self, one: Booted) -> Iterator[tuple[Event, str | None]]:
        """The events of a boot, each with what it says to a person."""
        told = iter(happenings_of(self.recordings[one.recording - 1].boots, one.index))
        for event in one.boot.events:
            happening = next(told) if event.kind in HAPPENINGS else None
            yield event, text(event.values.get("note") if happening is None else happening.text)

    def _oom_events(self) -> Iterator[tuple[Booted, OomEvent]]:
        for number, recording in enumerate(self.recordings, 1):
            boots = [one for one in self.boots if one.recording == number]
            yield from ((boots[event.at.boot - 1], event) for event in oom_events(recording))

    def _oom_kills(self) -> Iterator[Row]:
        for one, event in self._oom_events():
            victim = process_at(one.boot, event.victim_pid, event.at.uptime_ms) if event.victim_pid else None
            yield (
                *(one.number, event.at.uptime_ms, one.utc(event.at.uptime_ms), int(event.before_recording)),
                *(one.ids.get(victim.key) if victim is not None else None, event.victim_pid),
                *(text(event.victim), text(event.invoker), event.order, event.constraint, text(event.group)),
                *(event.anon_bytes, event.file_bytes, event.shmem_bytes, event.oom_score_adj),
                None if event.panic is None else visible(event.panic),
            )

    def happened(self) -> list[Happened]:
        """Events, OOM kills while it was recorded, and gaps, in the order of time. Who the machine is is none."""
        found = [
            Happened(one, event.at_ms, visible(event.kind), said or "")
            for one in self.boots
            for event, said in self._told(one)
            if event.kind != "machine"
        ]
        for one, kill in self._oom_events():
            if not kill.before_recording:
                who = "nobody" if kill.victim is None else f"{visible(kill.victim)} (pid {kill.victim_pid})"
                victim = process_at(one.boot, kill.victim_pid, kill.at.uptime_ms) if kill.victim_pid else None
                key = victim.key if victim is not None else None
                found.append(Happened(one, kill.at.uptime_ms, "oom_kill", who, key))
        found += [
            Happened(one, gap.from_ms, "gap", f"nothing is known for {gap.to_ms - gap.from_ms} ms")
            for one in self.boots
            for gap in one.boot.gaps
        ]
        return sorted(found, key=lambda one: (one.booted.number, one.at_ms))

    def _gaps(self) -> Iterator[Row]:
        for one in self.boots:
            yield from ((one.number, gap.from_ms, gap.to_ms, gap.blocks) for gap in one.boot.gaps)

    def _kernel_log(self) -> Iterator[Row]:
        for one in self.boots:
            for message in one.boot.messages:
                head, _, said = message.record.partition(b";")
                level, sequence, at_us, *_ = [*(whole(word) for word in head.split(b",")[:3]), None, None, None]
                at_ms = message.at_ms if at_us is None else min(at_us // 1000, message.at_ms)
                yield one.number, at_ms, one.utc(at_ms), message.at_ms, level, sequence, visible(said)

    # -- what was measured -----------------------------------------------------------------------------

    def _table(self, layout: Layout) -> Table:
        fields = [BOOT, UPTIME, UTC]
        key: tuple[str, ...] = ("boot", "uptime_ms")
        if layout.key in ("process", "mapping"):
            fields += [PROCESS, PID, NAME]
            key = ("process", "uptime_ms")
        if layout.key not in ("", "process"):
            fields.append(Field(layout.key, T))
            key = (*key[:1], layout.key, key[1])
        for column in layout.columns:
            kind = {Unit.HUNDREDTHS: R, Unit.LETTER: T}.get(column.unit, I)
            fields.append(Field(column.name, kind))
        return Table(layout.name, tuple(fields), partial(self._rows, layout), key)

    def _rows(self, layout: Layout) -> Iterator[Row]:
        source = layout.source.encode()
        for one in self.boots:
            labels = {}
            sources = []
            for order, (key, all_series) in enumerate(one.boot.tables.get(source, {}).items()):
                label = label_of(layout, one, key)
                if label is not None:
                    labels[order] = label
                    sources.append(changes(one.boot, order, all_series))
            pick = _Pick(layout, Scale(one.boot))
            for at_ms, order, columns, recorded in heapq.merge(*sources):
                values = pick.values(columns, recorded)
                if any(value is not None for value in values):
                    yield one.number, at_ms, one.utc(at_ms), *labels[order], *values


def label_of(layout: Layout, one: Booted, key: bytes) -> Row | None:
    """What names a row of a table; None: it is none of a process that is known."""
    if layout.key not in ("process", "mapping"):
        return (visible(key),) if layout.key else ()
    owner, _, mapping = key.partition(b" ")
    number, process = one.ids.get(owner), one.boot.processes.get(owner)
    if number is None or process is None:
        return None
    label: Row = (number, process.pid, visible(process.name))
    return (*label, visible(mapping)) if layout.key == "mapping" else label


class _Pick:
    """The exported values out of a row's recorded ones."""

    def __init__(self, layout: Layout, scale: Scale) -> None:
        self.columns = layout.columns
        self.scale = scale
        self.places: dict[Columns, list[tuple[int, int]]] = {}

    def values(self, columns: Columns, recorded: Sequence[int | None]) -> list[Value]:
        places = self.places.get(columns)
        if places is None:
            where = {name: number for number, name in enumerate(columns)}
            places = [(where.get(column.source, -1), where.get(column.less, -1)) for column in self.columns]
            self.places[columns] = places
        found: list[Value] = []
        for column, (number, less) in zip(self.columns, places, strict=True):
            raw = recorded[number] if number >= 0 else None
            if column.less and raw is not None:
                other = recorded[less] if less >= 0 else None
                raw = None if other is None else raw - other
            found.append(None if raw is None else self.scale.value(raw, column.unit))
        return found
