"""From when to when each process of a boot is known to have been there.

A process is first seen in the sample that introduces it. It is known to be there until it ended; until the agent
stopped to follow it; until a gap after which it was not seen again; until a run of the agent that did not write it
anew; until another had its pid; else until the boot's last sample. ``live.Lives`` judges instants by the same rules;
this is for those who need every process at once, kernel threads among them.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from lastgasp.analysis.identity import KEY
from lastgasp.timeline.model import Boot, Process


class Parting(StrEnum):
    """Why nothing is known of a process from ``until_ms`` on."""

    ENDED = "ended"
    UNTRACKED = "untracked"  # the agent had no room to follow it any more
    LOST = "lost"  # not seen again after a gap
    NOT_SEEN = "not seen by the next run of the agent"  # it had ended in between
    PID_REUSED = "its pid was given to another"
    OPEN = "there at the end of the boot's recording"


@dataclass(frozen=True, slots=True)
class Presence:
    """One process as long as it is known to have been there: at samples from ``from_ms`` up to before ``until_ms``."""

    key: bytes
    process: Process
    start: int  # of its key: clock ticks since boot
    from_ms: int
    until_ms: int | None  # None: up to the boot's last sample, which is included
    parting: Parting

    def covers(self, at_ms: int) -> bool:
        """Is it known to have been there at the instant of a sample?"""
        return self.from_ms <= at_ms and (self.until_ms is None or at_ms < self.until_ms)


def presences(boot: Boot) -> list[Presence]:
    """All processes that have values, in the order in which they were first seen."""
    spans: dict[bytes, tuple[int, int]] = {}
    for table in ("process", "process.details"):
        for key, all_series in boot.rows(table).items():
            times = [series.at for series in all_series if len(series.at)]
            if times and KEY.fullmatch(key) and (table == "process" or key in spans):
                first, last = min(at[0] for at in times), max(at[-1] for at in times)
                known = spans.get(key, (first, last))
                spans[key] = min(first, known[0]), max(last, known[1])
    starts = sorted(event.at_ms for event in boot.events if event.kind == "start")
    heirs = _heirs(spans)
    found = []
    for key, (first, last) in spans.items():
        process = boot.processes.get(key) or Process(key)
        until, parting = _parting(boot, process, first, last, starts, heirs.get(key))
        start = int(key.partition(b"@")[2])
        found.append(Presence(key, process, start, first, until, parting))
    return sorted(found, key=lambda one: one.from_ms)


def _heirs(spans: dict[bytes, tuple[int, int]]) -> dict[bytes, int]:
    """When the next process with the same pid was first seen."""
    by_pid: dict[bytes, list[tuple[int, bytes]]] = {}
    for key in spans:
        pid, _, start = key.partition(b"@")
        by_pid.setdefault(pid, []).append((int(start), key))
    found = {}
    for lives in by_pid.values():
        lives.sort()
        for (_, key), (_, heir) in pairwise(lives):
            found[key] = spans[heir][0]
    return found


def _parting(
    boot: Boot, process: Process, first: int, last: int, starts: list[int], heir_ms: int | None
) -> tuple[int | None, Parting]:
    candidates: list[tuple[int, Parting]] = []
    if process.gone_ms is not None:
        candidates.append((process.gone_ms, Parting.ENDED))
    else:
        if process.untracked_ms is not None and process.untracked_ms >= last:
            candidates.append((process.untracked_ms, Parting.UNTRACKED))
        candidates += [
            (gap.from_ms + 1, Parting.LOST) for gap in boot.gaps if gap.to_ms > last and gap.from_ms >= first
        ]
    restart = bisect_right(starts, last)
    if restart < len(starts):
        candidates.append((starts[restart], Parting.NOT_SEEN))
    if heir_ms is not None:
        candidates.append((heir_ms, Parting.PID_REUSED))
    if not candidates:
        return None, Parting.OPEN
    until, parting = min(candidates, key=lambda one: one[0])
    return max(until, first), parting
