"""``--at TIME``: which sample of a recording is meant.

``1:02:03`` is an uptime or a time of day in UTC, whichever of the two the recording holds; ``uptime 1:02:03``,
``3 d 1:02:03`` and ``2026-11-23 14:03:10`` (also with T and Z, or an offset) are as reports print them. ``end`` is the
last sample, ``oom`` the last before the first kill, ``mark:"text"`` that at a mark. Several boots: an uptime is of the
last one that holds it, unless ``boot 2`` stands before (``boot 2 1:02:03``, ``boot 1 end``, ``boot 1 oom``).
A time without parts of a second means the end of that second: reports print times that way.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import islice

from lastgasp.analysis.oom.events import oom_events
from lastgasp.analysis.victim.instants import Instant, before_kill, last_sample
from lastgasp.analysis.victim.live import sample_at
from lastgasp.report import units
from lastgasp.report.visible import visible
from lastgasp.timeline.model import Boot, Event, Recording

BOOT = re.compile(r"boot (\d{1,6})\s+(.*)", re.S)
CLOCK = re.compile(r"(uptime[ :])?\s*(?:(\d{1,5}) d )?(\d{1,6}):([0-5]\d):([0-5]\d)(?:\.(\d{1,3})\d*)?")
FORMS = 'wants 1:02:03 (uptime, or time of day), 2026-11-23T14:03:10Z, end, oom, or mark:"text"'
DAY_MS = 86_400_000
MARKS_TOLD = 4
DAYS_TOLD = 3  # a damaged recording can claim to last for ages


class InstantError(ValueError):
    """No such instant; str() is one line that says what to give instead."""


def find(recording: Recording, text: str) -> Instant:
    """The sample that held at TIME. Raises InstantError."""
    boots = recording.boots
    wanted = text.strip()
    index: int | None = None
    if match := BOOT.fullmatch(wanted):
        index, wanted = int(match[1]) - 1, match[2]
        if not 0 <= index < len(boots):
            raise InstantError(f"no boot {match[1]}: this recording has {units.count(len(boots), 'boot')}")
    if last_sample(recording) is None:
        raise InstantError("this recording holds no sample")
    if wanted == "end":
        return _end(recording, index)
    if wanted == "oom":
        found = before_kill(recording, oom_events(recording), index)
        if found is None:
            raise InstantError("nobody was killed while this was recorded: give a time, or end for the last sample")
        return found
    if wanted.startswith("mark:"):
        return _mark(recording, wanted.removeprefix("mark:").strip('"'), index)
    if match := CLOCK.fullmatch(wanted):
        days, hours, minutes, seconds = (int(match[number] or 0) for number in range(2, 6))
        at_ms = (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000 + int((match[6] or "999").ljust(3, "0"))
        return _clock(recording, at_ms, bool(match[1] or match[2] or index is not None), wanted, index)
    return _wall(recording, _parsed(wanted), wanted)


def _end(recording: Recording, index: int | None) -> Instant:
    if index is None:
        found = last_sample(recording)
        assert found is not None  # looked at before
        return found
    if not recording.boots[index].sample_at:
        raise InstantError(f"boot {index + 1} holds no sample")
    return Instant(index, recording.boots[index].sample_at[-1])


def _mark(recording: Recording, text: str, index: int | None) -> Instant:
    """At a mark with this text, or else the only one that contains it."""
    raw = text.encode(errors="surrogateescape")
    marks = [
        (number, event)
        for number, boot in enumerate(recording.boots)
        for event in boot.events
        if event.kind == "mark" and index in (None, number)
    ]
    same = [mark for mark in marks if mark[1].values.get("text") == raw]
    alike = same or [mark for mark in marks if raw in mark[1].values.get("text", b"")]
    if len(alike) == 1:
        number, event = alike[0]
        return _sample(recording, number, event.at_ms, f"mark {text}")
    if alike:
        told = ", ".join(_stamp(recording.boots[number], event.at_ms) for number, event in alike[:MARKS_TOLD])
        raise InstantError(f"{len(alike)} marks are {text!r}: give the time of one ({told}{_more(alike)})")
    if not marks:
        raise InstantError("no mark is in this recording (lastgasp-agent mark TEXT sets one)")
    known = ", ".join(visible(event.values.get("text", b"")) for _, event in marks[:MARKS_TOLD])
    raise InstantError(f"no mark is {text!r}; there are: {known}{_more(marks)}")


def _more(found: list[tuple[int, Event]]) -> str:
    return " …" if len(found) > MARKS_TOLD else ""


def _clock(recording: Recording, at_ms: int, uptime: bool, text: str, index: int | None) -> Instant:
    """An uptime, a time of day, or what of these is in the recording."""
    boots = recording.boots
    numbers = range(len(boots)) if index is None else (index,)
    found = [(number, at_ms) for number in numbers if _covers(boots[number], at_ms)][-1:]
    if not uptime and at_ms < DAY_MS:
        found += [(number, day) for number in numbers for day in islice(_days(boots[number], at_ms), DAYS_TOLD)]
    if len(found) == 1:
        return _sample(recording, found[0][0], found[0][1], text)
    if not found:
        raise InstantError(_outside(recording, text, numbers))
    told = " or ".join(
        (f"uptime {units.clock(at)}" if at == at_ms else _stamp(boots[number], at)) for number, at in found[:3]
    )
    raise InstantError(f"{text} can be {told} here: give one of these")


def _days(boot: Boot, at_ms: int) -> Iterable[int]:
    """Moments of a boot at which it was that time of day."""
    offset = boot.offset_ns
    if offset is None or not boot.sample_at:
        return
    first_ms = boot.sample_at[0] + offset // 1_000_000
    midnight = first_ms - first_ms % DAY_MS
    last_ms = boot.last_ms + offset // 1_000_000
    while midnight <= last_ms:
        moment = midnight + at_ms - offset // 1_000_000
        if _covers(boot, moment):
            yield moment
        midnight += DAY_MS


def _parsed(text: str) -> int:
    """ms since 1970; without an offset it is UTC."""
    try:
        at = datetime.fromisoformat(text)
        at_ms = round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
        return at_ms if at.microsecond else at_ms + 999
    except (ValueError, OverflowError):
        raise InstantError(f"{text!r}: {FORMS}") from None


def _wall(recording: Recording, wall_ms: int, text: str) -> Instant:
    clocks = [(number, boot, boot.offset_ns) for number, boot in enumerate(recording.boots)]
    known = [(number, boot, offset // 1_000_000) for number, boot, offset in clocks if offset is not None]
    if not known:
        raise InstantError("the clock was never set while this was recorded: give an uptime, such as 0:12:30")
    for number, boot, offset in reversed(known):
        if _covers(boot, wall_ms - offset):
            return _sample(recording, number, wall_ms - offset, text)
    raise InstantError(_outside(recording, text, range(len(recording.boots))))


def _covers(boot: Boot, at_ms: int) -> bool:
    """Whether a moment lies between the first sample of a boot and its end, to the second."""
    if not boot.sample_at:
        return False
    return boot.sample_at[0] // 1000 <= at_ms // 1000 <= max(boot.last_ms, boot.sample_at[-1]) // 1000


def _sample(recording: Recording, index: int, at_ms: int, text: str) -> Instant:
    boot = recording.boots[index]
    for gap in boot.gaps:
        if gap.from_ms < at_ms < gap.to_ms:
            told = f"{_stamp(boot, gap.from_ms)} to {_stamp(boot, gap.to_ms)}"
            raise InstantError(f"{text}: no sample can be read from {told}: give a time before or after that")
    at = sample_at(boot, at_ms)
    if at is None:  # before the first sample, by less than a second; or a mark just before it
        at = boot.sample_at[bisect_right(boot.sample_at, at_ms)] if boot.sample_at else None
    if at is None:
        raise InstantError(f"boot {index + 1} holds no sample")
    return Instant(index, at)


def _outside(recording: Recording, text: str, numbers: Iterable[int]) -> str:
    sampled = [(number, recording.boots[number]) for number in numbers if recording.boots[number].sample_at]
    if not sampled:
        return f"{text} is not in this recording: it holds no sample there"
    told = [
        f"{_stamp(boot, boot.sample_at[0])} to {_stamp(boot, boot.last_ms)}"
        f" (uptime {units.clock(boot.sample_at[0])} to {units.clock(boot.last_ms)})"
        for _, boot in sampled[-MARKS_TOLD:]
    ]
    fewer = "… " if len(sampled) > MARKS_TOLD else ""
    return f"{text} is not in this recording, which goes from {fewer}{', then '.join(told)}"


def _stamp(boot: Boot, at_ms: int) -> str:
    wall_ns = boot.wall_ns(at_ms)
    return f"uptime {units.clock(at_ms)}" if wall_ns is None else units.utc(wall_ns)
