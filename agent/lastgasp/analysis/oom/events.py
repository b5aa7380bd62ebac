"""OOM kills of a recording in short: who asked, whose limit it was, who was killed.

The same reports that ``lastgasp oom`` explains, by the same parser, with what a timeline needs of each. Only the
kernel's: kills by user space and refusals by overcommit are none of the OOM kills that the kernel counts. Never raises:
what a report does not tell is None.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lastgasp.analysis.shape.trend import Shape
from lastgasp.analysis.times import Moment, moment
from lastgasp.oom.parser import Parser
from lastgasp.oom.report import Constraint, Killer, Report, Victim
from lastgasp.timeline.model import Boot, Recording

KB = 1024


@dataclass(slots=True)
class OomEvent:
    """One kill, or one report without a kill. Sizes in bytes, as the kernel printed them."""

    at: Moment
    before_recording: bool  # the agent found it in the kernel's log when it started
    invoker: bytes | None = None
    order: int | None = None  # the request was for 2^order pages; -1: asked for by sysrq
    constraint: str | None = None  # CONSTRAINT_NONE, CONSTRAINT_MEMCG …
    group: bytes | None = None  # memory control group whose limit was reached
    limited_by_group: bool = False
    victim: bytes | None = None
    victim_pid: int | None = None
    anon_bytes: int | None = None
    file_bytes: int | None = None
    shmem_bytes: int | None = None
    oom_score_adj: int | None = None
    panic: str | None = None  # the kernel gave up: its words
    victim_program: bytes | None = None  # what the recording knows of the victim: its program and the shape of its
    victim_shape: Shape | None = None  # memory; filled in by facts.gather


def oom_events(recording: Recording) -> list[OomEvent]:
    """All kills and reports, in the order of the kernel's log."""
    found: list[OomEvent] = []
    for index, boot in enumerate(recording.boots):
        for report in reports(boot):
            if report.killer == Killer.KERNEL and report.refusal is None:
                at_ms = reported_ms(boot, report)
                found += _events(report, moment(recording.boots, index, at_ms), at_ms < boot.first_ms)
    return found


def reports(boot: Boot) -> Iterator[Report]:
    """The OOM reports among a boot's kernel messages; a line number is a message's place among them, from 1."""
    parser = Parser()
    for message in boot.messages:
        yield from parser.feed(message.record.partition(b"\n")[0])
    yield from parser.close()


def kills_counted(recording: Recording) -> int | None:
    """OOM kills by the kernel's counter while it was recorded; None where it has none (before 4.13)."""
    total: int | None = None
    for boot in recording.boots:
        _, values = boot.points("vmstat", b"", "oom_kill")
        if values:
            total = (total or 0) + max(values[-1] - values[0], 0)
    return total


def reported_ms(boot: Boot, report: Report) -> int:
    """Time since boot by the kernel's clock, which can run ahead: what the agent wrote down came after it for sure."""
    written_ms = boot.messages[report.place.first_line - 1].at_ms
    uptime_us = report.place.uptime_us
    return written_ms if uptime_us is None else min(uptime_us // 1000, written_ms)


def _events(report: Report, at: Moment, before_recording: bool) -> Iterator[OomEvent]:
    """One for each victim, or one without; only the first tells who asked."""
    for number, victim in enumerate(report.victims or [None]):
        event = OomEvent(at, before_recording)
        if not number:
            event.invoker, event.order = report.invoker, report.order
            event.panic = report.panic.decode("ascii", "replace") if report.panic is not None else None
        event.constraint = report.constraint.value if report.constraint is not None else None
        event.group = report.memcg.path if report.memcg is not None else None
        event.limited_by_group = report.constraint == Constraint.MEMCG
        if victim is None:
            event.victim, event.victim_pid = report.chosen_name, report.chosen_pid
        else:
            _take_kill(event, victim)
        yield event


def _take_kill(event: OomEvent, victim: Victim) -> None:
    event.victim_pid, event.victim, event.oom_score_adj = victim.pid, victim.name, victim.oom_score_adj
    event.anon_bytes, event.file_bytes = _bytes(victim.anon_rss_kb), _bytes(victim.file_rss_kb)
    event.shmem_bytes = _bytes(victim.shmem_rss_kb)


def _bytes(kb: int | None) -> int | None:
    return kb * KB if kb is not None else None
