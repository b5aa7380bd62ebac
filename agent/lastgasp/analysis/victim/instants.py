"""Which sample of a recording is meant: the last, or the last before somebody was killed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lastgasp.analysis.oom.events import OomEvent
from lastgasp.analysis.victim.live import Lives, sample_before
from lastgasp.timeline.model import Recording


@dataclass(frozen=True, slots=True)
class Instant:
    """A sample: which boot (from 0, in the order of the recording), and when."""

    boot: int
    at_ms: int


def last_sample(recording: Recording) -> Instant | None:
    """The last one of all; None: there is none."""
    for index in reversed(range(len(recording.boots))):
        if recording.boots[index].sample_at:
            return Instant(index, recording.boots[index].sample_at[-1])
    return None


def before_kill(recording: Recording, events: Sequence[OomEvent], boot: int | None = None) -> Instant | None:
    """The last sample before the first OOM kill (or panic) that was recorded, in one boot (from 0) or in any.

    None where nobody was killed while it was recorded, or nothing was sampled before that.
    """
    news = [event for event in events if not event.before_recording and boot in (None, event.at.boot - 1)]
    kills = [event for event in news if event.victim_pid is not None or event.panic is not None]
    for event in kills:
        of = recording.boots[event.at.boot - 1]
        at_ms = sample_before(of, event.at.uptime_ms)
        earlier = sample_before(of, at_ms) if at_ms is not None else None
        if at_ms is not None and earlier is not None and _dead(Lives(of), event.victim_pid, earlier, at_ms):
            at_ms = earlier
        if at_ms is not None:
            return Instant(event.at.boot - 1, at_ms)
    return None


def _dead(lives: Lives, pid: int | None, earlier_ms: int, at_ms: int) -> bool:
    """Whether a process that was there in the sample before is without memory, or gone, in this one."""
    keys = lives.of_pid(pid) if pid is not None else []
    return any(lives.candidate(key, earlier_ms) is not None and lives.candidate(key, at_ms) is None for key in keys)
