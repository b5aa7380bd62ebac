"""Memory control groups that came near their limit."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

from lastgasp.analysis.times import Moment, moment
from lastgasp.timeline.model import Recording

NEAR = 0.9  # of its limit


@dataclass(frozen=True, slots=True)
class Group:
    """One group with a limit, in one boot. Counts are of what happened while it was recorded; None: unknown."""

    path: bytes  # raw
    last: Moment
    limit_bytes: int
    peak_bytes: int
    last_bytes: int
    limit_hits: int | None
    oom_kills: int | None

    @property
    def near(self) -> bool:
        """Is its limit something to know about?"""
        return self.peak_bytes >= NEAR * self.limit_bytes or bool(self.limit_hits) or bool(self.oom_kills)


def limited_groups(recording: Recording) -> list[Group]:
    """All groups with a limit, the fullest first."""
    found = []
    for index, boot in enumerate(recording.boots):
        for path in boot.rows("cgroup"):
            times, rows = boot.together("cgroup", path, ("usage", "limit"))
            if not rows or rows[-1][1] <= 0:
                continue
            found.append(
                Group(
                    path,
                    moment(recording.boots, index, times[-1]),
                    rows[-1][1],
                    max(usage for usage, _ in rows),
                    rows[-1][0],
                    _counted(boot.points("cgroup", path, "limit_hits")[1]),
                    _counted(boot.points("cgroup", path, "oom_kills")[1]),
                )
            )
    return sorted(found, key=lambda group: group.peak_bytes / group.limit_bytes, reverse=True)


def _counted(values: array[int]) -> int | None:
    return values[-1] - values[0] if values else None
