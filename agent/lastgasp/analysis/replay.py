"""Moving through the samples of a recording: one further, a minute back, to the next OOM kill.

All samples of all boots are one line. A step in time that leads out of a boot ends at the nearest sample of the next
one, or at the last one of all.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from lastgasp.analysis.oom.events import oom_events
from lastgasp.analysis.victim.instants import Instant
from lastgasp.analysis.victim.live import sample_at, sample_before
from lastgasp.timeline.model import Recording


class Replay:
    """Where one is in a recording that has samples. ``place`` counts from 0."""

    def __init__(self, recording: Recording, at: Instant | None = None) -> None:
        """Begins at an instant, or at the last sample."""
        self.recording = recording
        self.line = [
            (index, at_ms) for index, boot in enumerate(recording.boots) for at_ms in sorted(set(boot.sample_at))
        ]
        self.place = len(self.line) - 1 if at is None else bisect_left(self.line, (at.boot, at.at_ms))
        kills = [
            (event.at.boot - 1, event.at.uptime_ms) for event in oom_events(recording) if not event.before_recording
        ]
        self.kills = sorted(set(kills))
        self.marks = [
            (index, event.at_ms)
            for index, boot in enumerate(recording.boots)
            for event in boot.events
            if event.kind == "mark"
        ]

    @property
    def instant(self) -> Instant:
        """The sample that one is at."""
        return Instant(*self.line[self.place])

    @property
    def at_end(self) -> bool:
        """Is it the last one?"""
        return self.place == len(self.line) - 1

    def step(self, samples: int) -> None:
        """So many samples on, or back."""
        self.place = min(max(self.place + samples, 0), len(self.line) - 1)

    def jump(self, ms: int) -> None:
        """So much time on, or back: to the sample that is the latest at that moment, but never nowhere."""
        index, at_ms = self.line[self.place]
        place = bisect_right(self.line, (index, at_ms + ms)) - 1
        if ms > 0:
            place = max(place, self.place + 1)
        else:
            place = min(place, self.place - 1)
            if place >= 0 and self.line[place][0] != index and self.line[self.place - 1][0] == index:
                place = bisect_left(self.line, (index, 0))  # the first of this boot, before that of another
        self.place = min(max(place, 0), len(self.line) - 1)

    def first(self) -> None:
        """To the first sample."""
        self.place = 0

    def last(self) -> None:
        """To the last one."""
        self.place = len(self.line) - 1

    def next_kill(self) -> bool:
        """To the last sample before the next OOM kill, after the last kill to the first; False: there is none."""
        return self._next([sample_before(self.recording.boots[index], at) for index, at in self.kills], self.kills)

    def next_mark(self) -> bool:
        """To the sample at the next mark, after the last mark to the first; False: there is none."""
        return self._next([sample_at(self.recording.boots[index], at) for index, at in self.marks], self.marks)

    def _next(self, samples: list[int | None], of: list[tuple[int, int]]) -> bool:
        places = [
            bisect_left(self.line, (index, at)) for (index, _), at in zip(of, samples, strict=True) if at is not None
        ]
        if not places:
            return False
        self.place = min((place for place in places if place > self.place), default=min(places))
        return True
