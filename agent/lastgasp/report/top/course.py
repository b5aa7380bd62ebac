"""Available memory over a boot in so many cells, for one line of the screen."""

from __future__ import annotations

from lastgasp.report.top.view import Course
from lastgasp.timeline.model import Boot

KB = 1024


class Courses:
    """Of one boot; the curve is looked at once for each width."""

    def __init__(self, boot: Boot, kills: list[int], marks: list[int]) -> None:
        """``kills``, ``marks``: when (ms of uptime)."""
        self.boot = boot
        self.kills = kills
        self.marks = marks
        self._cells: dict[int, list[float | None]] = {}

    def at(self, at_ms: int, width: int) -> Course | None:
        """With the cell of a moment; None: the recording does not know available memory."""
        if width not in self._cells:
            self._cells[width] = self._lowest(width)
        cells = self._cells[width]
        highest = max((cell for cell in cells if cell is not None), default=None)
        if highest is None:
            return None
        inside = [[self._cell(at, width) for at in times if self._covers(at)] for times in (self.kills, self.marks)]
        return Course(cells, highest, self._cell(at_ms, width), inside[0], inside[1])

    def _lowest(self, width: int) -> list[float | None]:
        """The lowest value of each stretch: what held when it began counts, too, unless a gap lies in between."""
        boot = self.boot
        times, values = boot.points("meminfo", b"", "MemAvailable")
        if not times:
            times, values = boot.points("meminfo", b"", "MemFree")
        cells: list[float | None] = [None] * width
        ends = [*times[1:], boot.last_ms]
        for at_ms, value, end_ms in zip(times, values, ends, strict=True):
            end_ms = min([end_ms, *(gap.from_ms for gap in boot.gaps if at_ms <= gap.from_ms < end_ms)])
            for cell in range(self._cell(at_ms, width), self._cell(max(end_ms - 1, at_ms), width) + 1):
                known = cells[cell]
                cells[cell] = value * KB if known is None else min(known, value * KB)
        return cells

    def _covers(self, at_ms: int) -> bool:
        return self.boot.first_ms <= at_ms <= self.boot.last_ms

    def _cell(self, at_ms: int, width: int) -> int:
        length = max(self.boot.last_ms - self.boot.first_ms, 1)
        return min(max((at_ms - self.boot.first_ms) * width // length, 0), width - 1)
