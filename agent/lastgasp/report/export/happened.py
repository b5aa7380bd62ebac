"""What happened while it was recorded: events, OOM kills, gaps, in words and in the order of time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lastgasp.analysis.identity import process_at
from lastgasp.analysis.oom.events import OomEvent, oom_events
from lastgasp.analysis.runs import happenings_of
from lastgasp.report.export.boots import Booted, text
from lastgasp.report.visible import visible
from lastgasp.timeline.model import Event, Recording

HAPPENINGS = ("mark", "alert", "alert.end", "config", "tune")  # as ``runs.happenings_of`` tells of them


@dataclass(frozen=True, slots=True)
class Happened:
    """Something at one instant of a boot."""

    booted: Booted
    at_ms: int
    kind: str  # as an event's, or oom_kill, or gap
    text: str
    victim: bytes | None = None  # of an OOM kill: its key, if it was recorded


def told_events(recordings: list[Recording], one: Booted) -> Iterator[tuple[Event, str | None]]:
    """The events of a boot, each with what it says to a person."""
    told = iter(happenings_of(recordings[one.recording - 1].boots, one.index))
    for event in one.boot.events:
        happening = next(told) if event.kind in HAPPENINGS else None
        yield event, text(event.values.get("note") if happening is None else happening.text)


def kills_of(recordings: list[Recording], boots: list[Booted]) -> Iterator[tuple[Booted, OomEvent]]:
    """What the kernel's OOM reports in the recordings say, each with its boot."""
    for number, recording in enumerate(recordings, 1):
        own = [one for one in boots if one.recording == number]
        yield from ((own[event.at.boot - 1], event) for event in oom_events(recording))


def happened(recordings: list[Recording], boots: list[Booted]) -> list[Happened]:
    """Events, OOM kills while it was recorded, and gaps, in the order of time. Who the machine is is none."""
    found = [
        Happened(one, event.at_ms, visible(event.kind), said or "")
        for one in boots
        for event, said in told_events(recordings, one)
        if event.kind != "machine"
    ]
    for one, kill in kills_of(recordings, boots):
        if not kill.before_recording:
            who = "nobody" if kill.victim is None else f"{visible(kill.victim)} (pid {kill.victim_pid})"
            victim = process_at(one.boot, kill.victim_pid, kill.at.uptime_ms) if kill.victim_pid else None
            key = victim.key if victim is not None else None
            found.append(Happened(one, kill.at.uptime_ms, "oom_kill", who, key))
    found += [
        Happened(one, gap.from_ms, "gap", f"nothing is known for {gap.to_ms - gap.from_ms} ms")
        for one in boots
        for gap in one.boot.gaps
    ]
    return sorted(found, key=lambda one: (one.booted.number, one.at_ms))
