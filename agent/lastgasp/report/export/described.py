"""The tables that describe: recordings, boots, samples, processes, events, oom_kills, gaps, kernel_log."""

from __future__ import annotations

import json
from collections.abc import Iterator

from lastgasp.analysis.fields import whole
from lastgasp.analysis.identity import process_at, program, started_ms
from lastgasp.analysis.losses import losses
from lastgasp.report.export.boots import Booted, text
from lastgasp.report.export.columns import Scale
from lastgasp.report.export.happened import kills_of, told_events
from lastgasp.report.export.table import BOOT, UPTIME, UTC, I, Row, T, Table, fields
from lastgasp.report.visible import visible
from lastgasp.timeline.model import Recording


class Described:
    """Recordings and boots, described."""

    def __init__(self, recordings: list[Recording], boots: list[Booted]) -> None:
        self.recordings = recordings
        self.boots = boots

    def tables(self) -> Iterator[Table]:
        """One after another."""
        losses_told = fields(I, "missing_blocks", "damaged_bytes", "undecodable_records", "unseen_samples")
        named = (*fields(I, "recording"), *fields(T, "file", "ring_id"), *fields(I, "size_bytes"), *losses_told)
        yield Table("recordings", named, self._recordings, ("recording",))
        named = (
            *fields(I, "boot", "recording", "boot_of_recording"),
            *fields(T, "boot_id", "host", "kernel", "machine", "system"),
            *fields(I, "first_uptime_ms", "last_uptime_ms", "clock_offset_ms"),
            *fields(T, "first_utc", "last_utc"),
            *fields(I, "samples", "page_size_bytes", "ram_bytes"),
        )
        yield Table("boots", named, self._boots, ("boot",))
        yield Table("samples", (BOOT, UPTIME, UTC, *fields(I, "pressure")), self._samples, ("boot", "uptime_ms"))
        named = (
            *fields(I, "process", "boot", "pid"),
            *fields(T, "name", "program"),
            *fields(I, "ppid", "uid"),
            *fields(T, "exe", "command_line", "group_path"),
            *fields(I, "kernel_thread", "started_uptime_ms", "from_uptime_ms", "until_uptime_ms"),
            *fields(T, "parting"),
            *fields(I, "exit_status"),
        )
        yield Table("processes", named, self._processes, ("process",))
        named = (BOOT, UPTIME, UTC, *fields(T, "kind", "text", "values_json"))
        yield Table("events", named, self._events)
        named = (
            *(BOOT, UPTIME, UTC),
            *fields(I, "before_recording", "process", "victim_pid"),
            *fields(T, "victim", "invoker"),
            *fields(I, "request_order"),
            *fields(T, "oom_constraint", "group_path"),
            *fields(I, "anon_bytes", "file_bytes", "shmem_bytes", "oom_score_adj"),
            *fields(T, "panic"),
        )
        yield Table("oom_kills", named, self._oom_kills)
        named = (BOOT, *fields(I, "from_uptime_ms", "to_uptime_ms", "blocks"))
        yield Table("gaps", named, self._gaps)
        named = (BOOT, UPTIME, UTC, *fields(I, "written_uptime_ms", "level", "sequence"), *fields(T, "text"))
        yield Table("kernel_log", named, self._kernel_log)

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
            kept = set(one.samples)
            last = -1
            for number, at_ms in enumerate(one.boot.sample_at):
                if at_ms > last and at_ms in kept:
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
            for event, said in told_events(self.recordings, one):
                values = {visible(name): visible(value) for name, value in event.values.items()}
                told = json.dumps(values, ensure_ascii=False)
                yield one.number, event.at_ms, one.utc(event.at_ms), visible(event.kind), said, told

    def _oom_kills(self) -> Iterator[Row]:
        for one, event in kills_of(self.recordings, self.boots):
            victim = process_at(one.boot, event.victim_pid, event.at.uptime_ms) if event.victim_pid else None
            yield (
                *(one.number, event.at.uptime_ms, one.utc(event.at.uptime_ms), int(event.before_recording)),
                *(one.ids.get(victim.key) if victim is not None else None, event.victim_pid),
                *(text(event.victim), text(event.invoker), event.order, event.constraint, text(event.group)),
                *(event.anon_bytes, event.file_bytes, event.shmem_bytes, event.oom_score_adj),
                None if event.panic is None else visible(event.panic),
            )

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
