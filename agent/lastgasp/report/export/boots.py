"""The boots of all recordings that are exported, numbered through, with the processes and the samples of each."""

from __future__ import annotations

import time
from array import array
from dataclasses import dataclass

from lastgasp.analysis.oom.events import oom_events
from lastgasp.analysis.presence import Presence, presences
from lastgasp.report.export.thin import thinned
from lastgasp.report.visible import visible
from lastgasp.timeline.model import Boot, Recording


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
    samples: array[int]  # when, in ms of uptime: those that are exported
    every_ms: int | None  # not all of them: one of so long

    def utc(self, at_ms: int) -> str | None:
        """ISO 8601 with milliseconds; None: the clock was never set."""
        return None if self.offset_ms is None else utc(at_ms + self.offset_ms)


def numbered(recordings: list[Recording], every_ms: int | None = None) -> list[Booted]:
    """All boots; of their samples one of every ``every_ms``, or all."""
    found: list[Booted] = []
    count = 0
    for number, recording in enumerate(recordings, 1):
        kills: list[list[int]] = [[] for _ in recording.boots]
        for event in oom_events(recording) if every_ms else ():
            kills[event.at.boot - 1].append(event.at.uptime_ms)
        for index, boot in enumerate(recording.boots):
            there = presences(boot)
            ids = {one.key: count + place for place, one in enumerate(there, 1)}
            count += len(there)
            until = {one.key: one.until_ms for one in there if one.until_ms is not None}
            offset = boot.offset_ns
            offset_ms = None if offset is None else offset // 1_000_000
            samples = thinned(boot, every_ms, kills[index]) if every_ms else boot.sample_at
            found.append(Booted(len(found) + 1, number, index, boot, there, ids, offset_ms, until, samples, every_ms))
    return found


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
