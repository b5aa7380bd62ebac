"""One curve of memory while it is judged: its floor in a number of cells, and the straight pieces that explain it.

O(n) in the points; the floor has at most CELLS values whatever the length of the recording.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from lastgasp.analysis.shape import curve, lines
from lastgasp.analysis.shape.lines import Piece
from lastgasp.analysis.shape.verdict import Confidence, Shape, Verdict

CELLS = 48
PIECES = 4
TOOTH = 0.3  # of the whole range: a fall this deep is memory given back
PERIOD = 1.25  # a cell must be this much longer than a tooth for every cell to hold a trough
WAVE = 0.02  # of the size: what goes up and down by less is steady


class Outline:
    """A curve whose range is worth a closer look: at least ``quiet`` bytes, below which a change is none."""

    def __init__(self, times: Sequence[int], values: Sequence[int], until: int, samples: int, quiet: int) -> None:
        """As ``trend.judge``. The cells are wide enough for each to hold a trough where memory is given back."""
        self.times, self.values, self.until, self.samples, self.quiet = times, values, until, samples, quiet
        self.range = max(values) - min(values)
        self.grain = quiet  # growth of the floor below it is none
        self.cells = min(CELLS, samples // 2)
        self.dips = curve.troughs(times, values, max(quiet, int(self.range * TOOTH)))
        if len(self.dips) > 1:
            # A trough between two samples goes unseen: levels are known no better than to one sample's climb.
            climbs = [later - earlier for earlier, later in pairwise(values) if later > earlier]
            self.grain = max(quiet, sorted(climbs)[len(climbs) // 2])
            self.cells = min(self.cells, self._cells_of_teeth())
        self.floor: list[int] = []
        self.pieces: list[Piece] = []

    def finer(self) -> None:
        """The floor in as many cells as there can be, whether or not each holds a trough; its pieces are void then."""
        cells = min(CELLS, self.samples // 2)
        if not self.floor or cells != self.cells:
            self.cells = cells
            self.floor = curve.floor(self.times, self.values, self.until, cells)

    def cut(self) -> None:
        """Find the floor and its pieces; there have to be cells enough."""
        self.floor = curve.floor(self.times, self.values, self.until, self.cells)
        self.pieces = lines.split(self.floor, max(5, self.cells // 8), PIECES)

    def _cells_of_teeth(self) -> int:
        """How many cells there can be if each shall hold a trough."""
        gaps = sorted(later[0] - earlier[0] for earlier, later in pairwise(self.dips))
        usual = gaps[len(gaps) * 4 // 5]
        return int((self.until - self.times[0]) / (usual * PERIOD)) if usual else CELLS

    def verdict(
        self,
        shape: Shape,
        confidence: Confidence,
        start: int = 0,
        end: int | None = None,
        per_cell: float | None = None,
        grown: int | None = None,
    ) -> Verdict:
        """The verdict on the cells ``start`` up to before ``end``; growth and rate are measured if not given."""
        if not self.floor:
            return Verdict(shape, confidence, self.times[0], self.until, self.values[-1] - self.values[0], 0.0)
        width = (self.until - self.times[0]) / self.cells
        end = self.cells if end is None else end
        grown = self.floor[end - 1] - self.floor[start] if grown is None else grown
        per_cell = grown / max(end - start - 1, 1) if per_cell is None else per_cell
        since = self.times[0] + round(start * width)
        until = self.until if end == self.cells else self.times[0] + round(end * width)
        return Verdict(shape, confidence, since, until, grown, per_cell / width * 1000)

    def slight(self, start: int) -> bool:
        """Is the growth since then hardly more than what goes up and down in a program of this size?"""
        return self.floor[-1] - self.floor[start] < WAVE * self.floor[-1]
