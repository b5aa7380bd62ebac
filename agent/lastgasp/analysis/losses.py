"""What the recording does not know, and why."""

from __future__ import annotations

from dataclasses import dataclass

from lastgasp.analysis.times import Moment, moment
from lastgasp.timeline.model import Recording

# Counters of the agent's own row ("recorder"), as far as they tell of something not seen.
COUNTERS = ("missed_ticks", "write_errors", "lost_bytes", "untracked", "brief", "events_missed", "log_missed")


@dataclass(frozen=True, slots=True)
class Hole:
    """A stretch that nothing is known of because blocks are missing or damaged."""

    first: Moment
    last: Moment
    blocks: int


@dataclass(frozen=True, slots=True)
class Losses:
    """Everything that is missing. Counters are the worst of all runs; None: the recording does not tell."""

    holes: list[Hole]
    missing_blocks: int
    damaged_bytes: int
    damaged_at: list[int]  # byte offsets in the file
    cut_bytes: int  # of the ring that the file ends before: a copy that is not complete
    newer_blocks: int  # of a later format: another lastgasp can read them
    undecodable_records: int
    unseen_samples: int
    missed_ticks: int | None
    write_errors: int | None
    lost_bytes: int | None
    untracked: int | None  # processes beyond the configured number, at once
    brief: int | None  # processes that were gone before they were written
    events_missed: int | None  # process events that the kernel dropped
    log_missed: int | None  # times that the kernel log was overwritten before it was read


def losses(recording: Recording) -> Losses:
    """What was lost."""
    boots = recording.boots
    holes = [
        Hole(moment(boots, index, gap.from_ms), moment(boots, index, gap.to_ms), gap.blocks)
        for index, boot in enumerate(boots)
        for gap in boot.gaps
    ]
    counters: dict[str, int | None] = {}
    for name in COUNTERS:
        known = [value for boot in boots for value in boot.points("recorder", b"", name)[1]]
        counters[name] = max(known) if known else None
    return Losses(
        holes,
        recording.missing,
        sum(size for _, size in recording.damaged),
        [offset for offset, _ in recording.damaged],
        recording.cut_bytes,
        recording.newer,
        recording.undecodable,
        recording.unseen,
        **counters,
    )
