"""When things happened: moments that know their boot, and the clock as far as it can be believed.

A boot whose clock was never set has no wall-clock times, only uptimes; one whose clock was set late has them for the
time before as well. Boots follow one another; how long the machine was off in between is known only by the clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from lastgasp.analysis.fields import whole
from lastgasp.timeline.model import Boot, Recording

CALM_LEAST = 8  # distances: fewer say little of what is usual


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant of one boot."""

    boot: int  # from 1, in the order of the recording
    uptime_ms: int
    wall_ns: int | None  # nanoseconds since 1970 UTC; None: the clock was never set during that boot


@dataclass(frozen=True, slots=True)
class ClockStep:
    """The wall clock was set."""

    at: Moment
    by_ms: int  # later (positive) or earlier
    from_ns: int  # what it said just before, and after
    to_ns: int


@dataclass(frozen=True, slots=True)
class BootSpan:
    """One boot as far as it was recorded."""

    boot: int
    boot_id: str  # hex; empty: the kernel gave none
    first: Moment
    last: Moment
    samples: int
    interval_ms: int | None  # usual distance of samples; None: fewer than two
    pressure_ms: int  # of it under memory pressure
    off_ms: int | None  # between the end of the boot before and this one; None: first boot, clock not set or set back


@dataclass(frozen=True, slots=True)
class Span:
    """The whole recording."""

    first: Moment
    last: Moment
    recorded_ms: int  # sum over the boots
    samples: int
    interval_ms: int | None
    cut: bool = field(default=False, metadata={"json": False})  # more of the first boot was recorded before

    def cuts(self, at: Moment) -> bool:
        """Is it where judging was told to begin, rather than where the recording does?"""
        return self.cut and (at.boot, at.uptime_ms) == (self.first.boot, self.first.uptime_ms)


def moment(boots: list[Boot], index: int, at_ms: int) -> Moment:
    """A moment of ``boots[index]``."""
    return Moment(index + 1, at_ms, boots[index].wall_ns(at_ms))


def boot_spans(recording: Recording) -> list[BootSpan]:
    """What is known of each boot."""
    found: list[BootSpan] = []
    for index, boot in enumerate(recording.boots):
        first = moment(recording.boots, index, boot.first_ms)
        off = None
        if found and found[-1].last.wall_ns is not None and first.wall_ns is not None:
            off = (first.wall_ns - found[-1].last.wall_ns) // 1_000_000
        found.append(
            BootSpan(
                index + 1,
                boot.boot_id.hex() if any(boot.boot_id) else "",
                first,
                moment(recording.boots, index, boot.last_ms),
                len(boot.sample_at),
                usual_interval_ms([boot]),
                sum(to_ms - from_ms for from_ms, to_ms in boot.pressure_spans()),
                off if off is None or off >= 0 else None,
            )
        )
    return found


def span(recording: Recording) -> Span:
    """From the first record to the last."""
    boots = recording.boots
    return Span(
        moment(boots, 0, boots[0].first_ms),
        moment(boots, len(boots) - 1, boots[-1].last_ms),
        sum(boot.last_ms - boot.first_ms for boot in boots),
        recording.samples,
        usual_interval_ms(boots),
        recording.cut,
    )


def usual_interval_ms(boots: list[Boot]) -> int | None:
    """The median distance of samples that were not taken under pressure, when they come closer; of all if few were."""
    calm: list[int] = []
    every: list[int] = []
    for boot in boots:
        distances = [later - earlier for earlier, later in pairwise(boot.sample_at)]
        every += distances
        calm += [distance for number, distance in enumerate(distances) if not boot.pressed(number)]
    chosen = calm if len(calm) >= CALM_LEAST else every
    return round(median(chosen)) if chosen else None


def clock_steps(recording: Recording) -> list[ClockStep]:
    """Every time that the clock was set, by hand or by NTP. Events that make no sense are left out."""
    found = []
    for index, boot in enumerate(recording.boots):
        for event in boot.events:
            if event.kind == "clock":
                before, after = whole(event.values.get("from")), whole(event.values.get("to"))
                if before is None or after is None:
                    continue
                at_ns = event.at_ms * 1_000_000
                step = (after - before) // 1_000_000
                found.append(
                    ClockStep(moment(recording.boots, index, event.at_ms), step, at_ns + before, at_ns + after)
                )
    return found
