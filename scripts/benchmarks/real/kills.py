"""When memory really ran out, and what the forecast had said half-way.

Of each OOM kill in a recording, the first of its memory group (or of the machine) in its boot:

- the *leaker* is the process that gained most anonymous memory until the kill, of those in the group (or of all);
- the leak *begins* at the leaker's first sample, or, if it is one of ours that is told to wait (``from=``), then; if it
  gained less than half of what its group did (many processes, or files on tmpfs), at the first sample of any in there;
- *half-time* is the middle between that and the kill. There ``forecast`` is asked as if the recording had ended.

The forecast is *right* if what it says was left is within 15 % of what was left then; so is half as much of the whole.
A kill is known from the kernel's report, or, where the recording has no kernel log, from the group's counter: then it
is the sample that first shows it, at most one interval too late.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.real.labels import label
from benchmarks.table import aligned
from lastgasp.analysis.anonymous import anonymous
from lastgasp.analysis.forecast import forecast
from lastgasp.analysis.identity import KEY, clock_ticks, program, started_ms
from lastgasp.analysis.oom.events import oom_events
from lastgasp.timeline.model import Boot, Process, Recording

RIGHT = 0.15
REACH = 0.8
ONSET = re.compile(rb" from=([0-9.]+)")
SHORTEST_MS = 10_000  # a leak that takes less is over before it can be foretold


@dataclass(frozen=True, slots=True)
class End:
    """Memory ran out. Times in ms of the boot's clock."""

    boot: int  # from 1
    group: bytes | None  # None: the machine
    begin_ms: int
    kill_ms: int
    leaker: bytes

    @property
    def half_ms(self) -> int:
        """When the forecast is asked."""
        return (self.begin_ms + self.kill_ms) // 2


@dataclass(frozen=True, slots=True)
class Foretold:
    """What was said at half-time; None: there was no forecast, and ``reason`` is why."""

    recording: str
    end: End
    said_ms: int | None
    low_ms: int | None
    high_ms: int | None
    reason: str

    @property
    def left_ms(self) -> int:
        """What there really was left."""
        return self.end.kill_ms - self.end.half_ms

    @property
    def error(self) -> float | None:
        """How far off, as a share of what was left; above 0: said too late."""
        return None if self.said_ms is None else (self.said_ms - self.left_ms) / self.left_ms

    @property
    def right(self) -> bool:
        """Is it right?"""
        return self.error is not None and abs(self.error) <= RIGHT

    @property
    def in_range(self) -> bool:
        """Does the truth lie in the range that was told?"""
        low, high = self.low_ms, self.high_ms
        return low is not None and low <= self.left_ms and (high is None or self.left_ms <= high)


def ends(recording: Recording) -> list[End]:
    """The first kill of each group, and of the machine, in each boot."""
    found = []
    for index, boot in enumerate(recording.boots):
        kills: dict[bytes | None, int] = {}
        for event in oom_events(recording):
            if event.at.boot == index + 1 and event.victim is not None and not event.before_recording:
                kills[event.group] = min(event.at.uptime_ms, kills.get(event.group, event.at.uptime_ms))
        for path in boot.rows("cgroup"):
            if path not in kills and (at_ms := _counted(boot, path)) is not None:
                kills[path] = at_ms
        for group, kill_ms in kills.items():
            leaker = _leaker(boot, group, kill_ms)
            if leaker is not None:
                name, begin_ms = leaker
                found.append(End(index + 1, group, begin_ms, kill_ms, name))
    return [end for end in found if end.kill_ms - end.begin_ms >= SHORTEST_MS]


def _counted(boot: Boot, path: bytes) -> int | None:
    """The first sample that shows one more kill in a group with a limit."""
    times, rows = boot.together("cgroup", path, ("oom_kills", "limit"))
    rises = (times[i] for i in range(1, len(rows)) if rows[i][0] > rows[i - 1][0])
    return next(rises, None)


def _leaker(boot: Boot, group: bytes | None, kill_ms: int) -> tuple[bytes, int] | None:
    """Its name, and when the leak began."""
    best, found, first_ms = 0, None, kill_ms
    for key, process in boot.processes.items():
        if process.kernel or not KEY.fullmatch(key):
            continue
        if group is not None and process.attributes.get("cgroup") != group:
            continue
        times, sizes, _ = anonymous(boot, key, boot.page_size)
        known = [size for at, size in zip(times, sizes, strict=True) if at <= kill_ms]
        if known:
            first_ms = min(first_ms, times[0])
        if known and known[-1] - known[0] > best:
            best = known[-1] - known[0]
            found = program(process), _begin_ms(process, times[0], clock_ticks(boot))
    if group is not None and best < _gained(boot, group, kill_ms) / 2:
        found = group, first_ms
    return found


def _begin_ms(process: Process, seen_ms: int, ticks: int) -> int:
    onset = ONSET.search(process.attributes.get("cmdline", b""))
    return started_ms(process, ticks) + round(float(onset[1]) * 1000) if onset else seen_ms


def _gained(boot: Boot, group: bytes, kill_ms: int) -> int:
    """Bytes that a group's usage rose by until the kill."""
    times, usage = boot.points("cgroup", group, "usage")
    known = [value for at, value in zip(times, usage, strict=True) if at < kill_ms]
    return max(known) - known[0] if known else 0


def foretold(recording: Recording) -> list[Foretold]:
    """What the forecast says at half-time of each end."""
    said = []
    for end in ends(recording):
        ones = [one for one in forecast(recording, end.half_ms, end.boot) if one.group == end.group]
        name = Path(recording.name).name.removesuffix(".ring.gz")
        if not ones:
            said.append(Foretold(name, end, None, None, None, "nothing is said of it"))
            continue
        one = ones[0]
        reason = str(one.reason) if one.reason is not None else ""
        said.append(Foretold(name, end, one.in_ms, one.low_ms, one.high_ms, reason))
    return said


def render(every: Sequence[Foretold]) -> str:
    """A row for each, and how often it was right."""
    rows = [("recording", "what ran out", "lasted s", "left s", "said s", "off", "range s", "right")]
    for one in every:
        what = "the machine" if one.end.group is None else label(one.end.group)
        off = "-" if one.error is None else f"{one.error:+.0%}"
        span = f"{_s(one.low_ms)}-{_s(one.high_ms)}" if one.said_ms is not None else one.reason
        lasted = _s(one.end.kill_ms - one.end.begin_ms)
        said = (_s(one.left_ms), _s(one.said_ms), off, span, "yes" if one.right else "NO")
        rows.append((one.recording, what, lasted, *said))
    text = aligned(rows, lambda column: 1 < column < 6)
    right, ranged = sum(one.right for one in every), sum(one.in_range for one in every)
    total = max(len(every), 1)
    text.append("")
    text.append(f"within {RIGHT:.0%} at half-time: {right} of {len(every)}, {right / total:.0%} (wanted: {REACH:.0%})")
    text.append(f"the truth was in the range: {ranged} of {len(every)}, {ranged / total:.0%}")
    return "\n".join(text) + "\n"


def _s(ms: int | None) -> str:
    return "?" if ms is None else f"{ms / 1000:.0f}"
