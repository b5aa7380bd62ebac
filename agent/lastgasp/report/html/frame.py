"""Columns over time, made small for the page: points kept, then only their differences are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from lastgasp.report.html.axis import Axis
from lastgasp.report.html.downsample import keep
from lastgasp.timeline.model import Boot

Column = Sequence[int | None]


@dataclass(slots=True)
class Frame:
    """Columns that have the same times, over all boots. A value holds until the next point or its piece's end."""

    times: list[int] = field(default_factory=list)  # on the axis, ms
    columns: dict[str, list[int | None]] = field(default_factory=dict)
    pieces: list[tuple[int, int, int]] = field(default_factory=list)  # points from, to; until when on the axis

    def add(
        self, axis: Axis, index: int, times: Sequence[int], columns: dict[str, Column], until_ms: int | None = None
    ) -> None:
        """One boot's points, cut where its recording has gaps; the last value holds until ``until_ms``."""
        boot = axis.boots[index]
        start = len(self.times)
        for name in columns:
            self.columns.setdefault(name, [None] * start)
        for name, column in self.columns.items():
            column += columns.get(name, [None] * len(times))
        self.times += [axis.at(index, at) for at in times]
        end_ms = last_ms(boot) if until_ms is None else until_ms
        for begin, end, holds_ms in cut(boot, times, end_ms):
            self.pieces.append((start + begin, start + end, axis.at(index, holds_ms)))

    def encoded(self, most: int) -> dict[str, object]:
        """At most so many points: first differences of times and values, and the pieces."""
        kept = keep(list(self.columns.values()), [(begin, end) for begin, end, _ in self.pieces], most)
        place = {point: number for number, point in enumerate(kept)}
        pieces = []
        for begin, end, until in self.pieces:
            pieces.append([place[begin], place[end - 1] + 1, until])
        return {
            "t": differences([self.times[i] for i in kept]),
            "c": {name: differences([column[i] for i in kept]) for name, column in self.columns.items()},
            "p": pieces,
        }


def last_ms(boot: Boot) -> int:
    """Until when values of a boot hold."""
    return max(boot.sample_at[-1] if boot.sample_at else boot.first_ms, boot.first_ms)


def cut(boot: Boot, times: Sequence[int], end_ms: int) -> list[tuple[int, int, int]]:
    """Stretches (from, to) of points without a gap in between, and until when (ms) the last value of each holds."""
    found: list[tuple[int, int, int]] = []
    begin = 0
    for gap in boot.gaps:
        i = begin
        while i < len(times) and times[i] < gap.to_ms:
            i += 1
        if i > begin:
            found.append((begin, i, max(gap.from_ms, times[i - 1])))
            begin = i
    if begin < len(times):
        found.append((begin, len(times), max(end_ms, times[-1])))
    return found


def differences(values: Sequence[int | None]) -> list[int | None]:
    """Each number as its difference to the last one that was known, the first one to 0."""
    found: list[int | None] = []
    before = 0
    for value in values:
        found.append(None if value is None else value - before)
        before = before if value is None else value
    return found
