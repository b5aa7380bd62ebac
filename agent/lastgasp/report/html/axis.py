"""One axis for all boots, in ms: side by side, with a break in between that stands for the unknown time."""

from __future__ import annotations

from dataclasses import dataclass

from lastgasp.timeline.model import Boot, Recording

BREAK = 0.012  # of what was recorded, between two boots
BREAKS = 0.2  # all of them together, at most


@dataclass(frozen=True, slots=True)
class Axis:
    """Where each boot begins."""

    boots: list[Boot]
    begins: list[int]
    length: int

    def at(self, index: int, uptime_ms: int) -> int:
        """The place of a moment of one boot (from 0); what was before its first record is at its begin."""
        return self.begins[index] + max(uptime_ms - self.boots[index].first_ms, 0)

    def encoded(self) -> list[dict[str, int | None]]:
        """Per boot: its place, its length, the uptime it begins with, and its wall clock minus uptime (ms)."""
        found: list[dict[str, int | None]] = []
        for begin, boot in zip(self.begins, self.boots, strict=True):
            offset = boot.offset_ns
            found.append(
                {
                    "x": begin,
                    "length": boot.last_ms - boot.first_ms,
                    "uptime": boot.first_ms,
                    "wall": None if offset is None else offset // 1_000_000,
                }
            )
        return found


def axis_of(recording: Recording) -> Axis:
    """The axis of a recording."""
    lengths = [boot.last_ms - boot.first_ms for boot in recording.boots]
    total = max(sum(lengths), 1)
    pause = round(total * min(BREAK, BREAKS / max(len(lengths) - 1, 1)))
    begins = []
    passed = 0
    for length in lengths:
        begins.append(passed)
        passed += length + pause
    return Axis(recording.boots, begins, max(passed - pause, 1))
