"""The shape of one curve of memory: does it leak, or does it only look so?

``judge`` is pure. It looks at the floor of the curve (``curve``), cuts it into straight pieces (``lines``) and asks
what the last piece does: a leak is growth that is still going on, that is no tooth of a sawtooth and not about to
settle. Everything else has a name of its own, because it needs another remedy or none.

O(n) in the points; the floor has at most CELLS values whatever the length of the recording.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from lastgasp.analysis.shape import curve, lasting, lines
from lastgasp.analysis.shape.lines import Piece
from lastgasp.analysis.shape.verdict import Confidence, Shape, Verdict

__all__ = ["Confidence", "Shape", "Verdict", "judge"]

QUIET_BYTES = 64 * 1024  # changes below it are the business of page granularity and of allocators
SAMPLES_LEAST = 10
SPAN_LEAST_MS = 5_000
SURE_SAMPLES, SURE_MS = 16, 12_000  # growth seen for less may be a program that is starting
CELLS = 48
PIECES = 4
TOOTH = 0.3  # of the whole range: a fall this deep is memory given back
PERIOD = 1.25  # a cell must be this much longer than a tooth for every cell to hold a trough
CELLS_LEAST = 6
TAU_LEAST = 0.5
SIGMAS_LEAST = 2.2
SETTLED = 0.25  # of the average rate: what is left of growth that has settled
SLOWING = 0.7  # growth in the second half over growth in the first: below, it is about to settle
CREEP = 3  # times the present growth: behind growth that was this fast it may be a heap that creeps
STILL = 0.4  # of the usual growth: less than that at the end may be its end
LEAP = 0.6  # of the growth in a single cell: a step
EARLY = 0.2  # of the time: growth that was over by then was a warm-up
LULL = 0.12  # of the time: a pause this short does not end a leak
STAIRS = 4  # cells to a rise: where rises come more often than that, a pause is measured by the cells
WAVE = 0.02  # of the size: what goes up and down by less is steady


def judge(
    times: Sequence[int], values: Sequence[int], until_ms: int, samples: int, quiet: int = QUIET_BYTES
) -> Verdict:
    """The verdict on values (bytes) that hold from their time until the next, the last one until ``until_ms``.

    ``samples`` is how often was looked between the first time and ``until_ms``: a value that did not change is no
    point of its own. ``times`` must not be empty. A change of less than ``quiet`` bytes is none.
    """
    span = until_ms - times[0]
    low, high = min(values), max(values)
    if samples < SAMPLES_LEAST or span < SPAN_LEAST_MS:
        return Verdict(Shape.TOO_SHORT, Confidence.LOW, times[0], until_ms, values[-1] - values[0], 0.0)
    curve_ = _Curve(times, values, until_ms, samples, quiet)
    if high - low < quiet:
        return curve_.verdict(Shape.STEADY, Confidence.HIGH)
    by_pieces = curve_.judge()
    if by_pieces.claims:
        return by_pieces
    by_rises = curve_.lasting()
    return by_rises if by_rises and by_rises.claims else by_pieces


class _Curve:
    """One curve while it is judged."""

    def __init__(self, times: Sequence[int], values: Sequence[int], until: int, samples: int, quiet: int) -> None:
        self.times, self.values, self.until, self.samples, self.quiet = times, values, until, samples, quiet
        self.range = max(values) - min(values)
        self.grain = quiet  # growth of the floor below it is none
        self.cells = min(CELLS, samples // 2)
        self.floor: list[int] = []
        self.pieces: list[Piece] = []

    # -- verdicts --------------------------------------------------------------------------------------

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

    def judge(self) -> Verdict:
        """The range is worth a closer look."""
        dips = curve.troughs(self.times, self.values, max(self.quiet, int(self.range * TOOTH)))
        if len(dips) > 1:
            # A trough between two samples goes unseen: levels are known no better than to one sample's climb.
            climbs = [later - earlier for earlier, later in pairwise(self.values) if later > earlier]
            self.grain = max(self.quiet, sorted(climbs)[len(climbs) // 2])
            cells = self._cells_of(dips)
            if cells < CELLS_LEAST:
                return self._few_teeth(dips)
            self.cells = min(self.cells, cells)
        self.floor = curve.floor(self.times, self.values, self.until, self.cells)
        self.pieces = lines.split(self.floor, max(5, self.cells // 8), PIECES)
        growing = self._growing_at_the_end()
        return growing or self._not_growing(len(dips))

    def lasting(self) -> Verdict | None:
        """A leak by what lasts of it, however it comes."""
        self.cells = min(CELLS, self.samples // 2)
        self.floor = curve.floor(self.times, self.values, self.until, self.cells)
        found = lasting.goes_on(self.floor, self.quiet)
        if found is None:
            return None
        one, sure = found
        share = (self.cells - one.start) / self.cells
        if share * self.samples < SURE_SAMPLES or share * (self.until - self.times[0]) < SURE_MS:
            sure = Confidence.LOW
        if one.rises > (self.cells - one.start) / STAIRS and self._stands_still(
            one.start, lines.slope(self.floor[one.start :])
        ):
            sure = Confidence.LOW
        per_cell = one.grown / (self.cells - one.start - 1)
        return self.verdict(Shape.LEAK, sure, one.start, self.cells, per_cell, round(one.grown))

    # -- teeth -----------------------------------------------------------------------------------------

    def _cells_of(self, dips: list[tuple[int, int]]) -> int:
        """How many cells there can be if each shall hold a trough."""
        gaps = sorted(later[0] - earlier[0] for earlier, later in pairwise(dips))
        usual = gaps[len(gaps) * 4 // 5]
        return int((self.until - self.times[0]) / (usual * PERIOD)) if usual else CELLS

    def _few_teeth(self, dips: list[tuple[int, int]]) -> Verdict:
        """Too few for statistics: a leak only if every trough lies well above the one before."""
        levels = [level for _, level in dips]
        climb = levels[-1] - levels[0]
        least = min(later - earlier for earlier, later in pairwise(levels))
        enough = climb > self.grain and (
            least > self.range / 20 if len(levels) < 5 else lines.agreement(levels)[0] > 0.8
        )
        if len(levels) > 2 and enough:
            per_s = climb / (dips[-1][0] - dips[0][0]) * 1000
            return Verdict(Shape.LEAK, Confidence.LOW, dips[0][0], self.until, climb, per_s)
        sure = Confidence.MEDIUM if len(dips) > 2 else Confidence.LOW
        return self.verdict(Shape.SAWTOOTH, sure)

    # -- still growing ---------------------------------------------------------------------------------

    def _growing_at_the_end(self) -> Verdict | None:
        """A leak, or growth that is about to settle, or a step just now; None when the end does not grow."""
        last = self.pieces[-1]
        start, end = last.start, self.cells
        if len(self.pieces) > 1 and not self._rises(start, end) and end - start <= self.cells * LULL + 1:
            start, end = self.pieces[-2].start, last.start  # it only pauses
        stretch = self.floor[start:end]
        steps = [later - earlier for earlier, later in pairwise(stretch)]
        rise = stretch[-1] - stretch[0]
        if rise >= self.grain and max(steps) > LEAP * rise:
            grown = stretch[-1] - self.floor[0]
            return self._grew_and_stopped(stretch[-1], grown) if grown > TOOTH * self.range else None
        rises = self._rises(start, end)
        if rises is None:
            return None
        per_cell, sure = rises
        if self._settling(start, end, per_cell):
            return self.verdict(Shape.WARM_UP, Confidence.LOW, 0, self.cells)
        if self._one_more_tooth(start, end):
            return self.verdict(Shape.SAWTOOTH, Confidence.LOW)
        if self._doubtful(start, end, per_cell, sure):
            sure = Confidence.LOW
        elif end - start < self.cells // 4:
            sure = Confidence.MEDIUM if sure is Confidence.HIGH else Confidence.LOW
        while start and self.pieces[0].start < start and self._same_slope(start, per_cell):
            start = max(piece.start for piece in self.pieces if piece.start < start)
        # The floor of the last cell is the value at its beginning; where no tooth is in between, it grew on to the end.
        reached = max(self.floor[-1], min(self.floor[-1] + round(per_cell), self.values[-1]))
        return self.verdict(Shape.LEAK, sure, start, self.cells, per_cell, reached - self.floor[start])

    def _rises(self, start: int, end: int) -> tuple[float, Confidence] | None:
        """The slope per cell if these cells rise beyond doubt, and how sure that is."""
        stretch = self.floor[start:end]
        per_cell = lines.slope(stretch)
        rise = per_cell * (len(stretch) - 1)
        tau, sigmas = lines.agreement(stretch)
        scatter = lines.scatter(stretch, per_cell)
        if rise < max(self.grain * 0.75, 2 * scatter) or tau < TAU_LEAST or sigmas < SIGMAS_LEAST:
            return None
        if tau > 0.85 and sigmas > 4 and rise > 6 * scatter and self.samples >= 30:
            return per_cell, Confidence.HIGH
        return per_cell, Confidence.MEDIUM if tau > 0.7 and sigmas > 3 else Confidence.LOW

    def _same_slope(self, start: int, per_cell: float) -> bool:
        """Does the piece that ends at ``start`` climb as the growth behind it does, without a leap in between?"""
        before = next(piece for piece in self.pieces if piece.end == start)
        behind = next(piece for piece in self.pieces if piece.start == start)
        pace = before.rise / (before.end - before.start - 1)
        leap = behind.first - before.last
        return 0.6 * per_cell < pace < 1.7 * per_cell and abs(leap) < 4 * per_cell

    def _doubtful(self, start: int, end: int, per_cell: float, sure: Confidence) -> bool:
        """Can this growth as well be that of a program that starts, fills or breathes in once more?"""
        share = (end - start) / self.cells
        if share * self.samples < SURE_SAMPLES or share * (self.until - self.times[0]) < SURE_MS:
            return True
        if end < self.cells or self._stands_still(start, per_cell) or self.floor[-1] <= self.floor[0]:
            return True
        if sure is Confidence.HIGH:
            return False
        if self._slight(start):
            return True
        # A heap fills fast and then creeps: its holes are used again and again, but hardly ever given back.
        paces = [piece.rise / (piece.end - piece.start - 1) for piece in self.pieces if piece.end <= start]
        return max(paces, default=0.0) > CREEP * per_cell

    def _slight(self, start: int) -> bool:
        """Is the growth since then hardly more than what goes up and down in a program of this size?"""
        return self.floor[-1] - self.floor[start] < WAVE * self.floor[-1]

    def _stands_still(self, start: int, per_cell: float) -> bool:
        """Has it just stopped, for longer than it ever paused before?"""
        least = max(self.cells // 10, 2)
        rises = [self.floor[i + least] - self.floor[i] for i in range(start, self.cells - least)]
        usual = per_cell * least
        scatter = lines.scatter(self.floor[start:], per_cell)
        return usual > 2 * scatter and rises[-1] < min([STILL * usual, *rises[:-least]])

    def _settling(self, start: int, end: int, per_cell: float) -> bool:
        """Is it slowing down, as warm-ups and filling caches do?"""
        middle = (start + end) // 2
        first = lines.slope(self.floor[start : middle + 1])
        second = lines.slope(self.floor[middle:end])
        if end - start >= 8 and second < SETTLED * first:
            return True
        before = [piece.rise / (piece.end - piece.start - 1) for piece in self.pieces if piece.end <= start]
        if not before or max(before) <= 0:
            return False
        average = (self.floor[end - 1] - self.floor[0]) / max(end - 1, 1)
        slows = all(later < SLOWING * earlier for earlier, later in zip(before, [*before[1:], per_cell], strict=True))
        halves = end - start >= 8 and second < SLOWING * first
        return per_cell < 2 * SETTLED * average and (halves or (slows and len(before) > 1))

    def _one_more_tooth(self, start: int, end: int) -> bool:
        """Did it climb like this before, as high or higher, and give it back?"""
        peak = 0
        for piece in self.pieces:
            if piece.end > start:
                break
            if piece.rise > self.quiet and (piece.end - piece.start) * 4 >= end - start:
                peak = max(peak, max(self.floor[piece.start : piece.end]))
        fallen = peak - self.floor[start]
        return fallen > TOOTH * self.range and self.floor[end - 1] - peak < fallen / 4

    # -- no longer growing -----------------------------------------------------------------------------

    def _not_growing(self, dips: int) -> Verdict:
        """What was it, if it is no leak?"""
        floor = self.floor
        # The level that holds now, and the last time that the floor was clearly below it.
        stairs = self._stairs()
        if stairs is not None:
            return stairs
        tail = sorted(floor[self.pieces[-1].start :])
        level = tail[len(tail) // 2]
        grown = level - floor[0]
        fallen = max(floor) - level
        worth = max(self.quiet, int(self.range * TOOTH))
        if grown >= worth and grown > 2 * fallen:
            return self._grew_and_stopped(level, grown)
        if -grown >= worth and dips < 2:
            return self.verdict(Shape.SHRINKING, Confidence.MEDIUM)
        ordered = sorted(self.values)
        usual = ordered[len(ordered) * 49 // 50] - ordered[len(ordered) // 50]
        if usual < max(2 * self.quiet, int(ordered[len(ordered) // 2] * WAVE)):
            return self.verdict(Shape.STEADY, Confidence.MEDIUM)
        return self.verdict(Shape.SAWTOOTH, Confidence.HIGH if dips > 4 else Confidence.MEDIUM)

    def _stairs(self) -> Verdict | None:
        """A leak that climbs in steps further apart than its pieces: is the last landing no longer than the others?"""
        floor = self.floor
        grown = floor[-1] - floor[0]
        at = [i for i in range(1, self.cells) if floor[i] - max(floor[:i]) > 0.05 * grown]
        climbed = sum(floor[i] - floor[i - 1] for i in at)
        if grown < self.grain or len(at) < 3 or climbed < 0.7 * grown or lines.agreement(floor)[0] < 0.75:
            return None
        middle = floor[self.cells // 2]
        if floor[-1] - middle < (middle - floor[0]) / 2:
            return None  # it climbs ever more rarely, as a heap does
        landings = [later - earlier for earlier, later in pairwise(at)]
        if self.cells - at[-1] > 1.5 * max(landings) or max(landings) < 3:
            return None
        start = max(at[0] - max(landings), 0)
        pauses = self.cells - at[-1] > max(landings)
        sure = Confidence.LOW if len(at) < 5 or pauses or self._slight(start) else Confidence.MEDIUM
        return self.verdict(Shape.LEAK, sure, start, self.cells, lines.slope(floor[start:]))

    def _grew_and_stopped(self, level: int, grown: int) -> Verdict:
        """When did it grow: at first, all at once, or over a while?"""
        floor = self.floor
        stopped = next(i for i in range(self.cells) if floor[i] >= level - 0.1 * grown)
        began = max(i for i in range(stopped) if floor[i] <= floor[0] + 0.1 * grown)
        sure = Confidence.HIGH if self.cells - stopped > self.cells // 4 else Confidence.MEDIUM
        shape = Shape.FILLED
        if stopped <= EARLY * self.cells:
            shape = Shape.WARM_UP
        elif stopped - began <= max(1, self.cells // 24):
            shape = Shape.STEP
        return self.verdict(shape, sure, began, stopped + 1, grown=grown)
