"""Does a curve still grow at its end, and is that a leak?

The last straight piece of its floor has to rise beyond doubt; it must be no tooth that climbs once more, not about to
settle, and no single leap. What is left of doubt lowers the confidence: a start that was just now, a pause at the end
that is longer than any before, a heap that creeps behind a fill.
"""

from __future__ import annotations

from itertools import pairwise

from lastgasp.analysis.shape import lines
from lastgasp.analysis.shape.outline import TOOTH, Outline
from lastgasp.analysis.shape.stopped import grew_and_stopped
from lastgasp.analysis.shape.verdict import Confidence, Shape, Verdict

SURE_SAMPLES, SURE_MS = 16, 12_000  # growth seen for less may be a program that is starting
TAU_LEAST = 0.5
SIGMAS_LEAST = 2.2
SETTLED = 0.25  # of the average rate: what is left of growth that has settled
SLOWING = 0.7  # growth in the second half over growth in the first: below, it is about to settle
EVEN = 0.9  # the same: above, it no longer slows, and what is left is no remainder of what settles
CREEP = 6  # times the present growth: behind growth that was this fast it may be a heap that creeps
STILL = 0.4  # of the usual growth: less than that at the end may be its end
LEAP = 0.6  # of the growth in a single cell: a step
LULL = 0.12  # of the time: a pause this short does not end a leak


def growing_at_the_end(outline: Outline) -> Verdict | None:
    """A leak, or growth that is about to settle, or a step just now; None when the end does not grow."""
    last = outline.pieces[-1]
    start, end = last.start, outline.cells
    if len(outline.pieces) > 1 and not _rises(outline, start, end) and end - start <= outline.cells * LULL + 1:
        start, end = outline.pieces[-2].start, last.start  # it only pauses
    stretch = outline.floor[start:end]
    steps = [later - earlier for earlier, later in pairwise(stretch)]
    rise = stretch[-1] - stretch[0]
    if rise >= outline.grain and max(steps) > LEAP * rise:
        grown = stretch[-1] - outline.floor[0]
        return grew_and_stopped(outline, stretch[-1], grown) if grown > TOOTH * outline.range else None
    rises = _rises(outline, start, end)
    if rises is None:
        return None
    per_cell, sure = rises
    if _settling(outline, start, end, per_cell):
        return outline.verdict(Shape.WARM_UP, Confidence.LOW, 0, outline.cells)
    if _one_more_tooth(outline, start, end):
        return outline.verdict(Shape.SAWTOOTH, Confidence.LOW)
    if _doubtful(outline, start, end, per_cell, sure):
        sure = Confidence.LOW
    elif end - start < outline.cells // 4:
        sure = Confidence.MEDIUM if sure is Confidence.HIGH else Confidence.LOW
    while start and outline.pieces[0].start < start and _same_slope(outline, start, per_cell):
        start = max(piece.start for piece in outline.pieces if piece.start < start)
    # The floor of the last cell is the value at its beginning; where no tooth is in between, it grew on to the end.
    reached = max(outline.floor[-1], min(outline.floor[-1] + round(per_cell), outline.values[-1]))
    return outline.verdict(Shape.LEAK, sure, start, outline.cells, per_cell, reached - outline.floor[start])


def _rises(outline: Outline, start: int, end: int) -> tuple[float, Confidence] | None:
    """The slope per cell if these cells rise beyond doubt, and how sure that is."""
    stretch = outline.floor[start:end]
    per_cell = lines.slope(stretch)
    rise = per_cell * (len(stretch) - 1)
    tau, sigmas = lines.agreement(stretch)
    scatter = lines.scatter(stretch, per_cell)
    if rise < max(outline.grain * 0.75, 2 * scatter) or tau < TAU_LEAST or sigmas < SIGMAS_LEAST:
        return None
    if tau > 0.85 and sigmas > 4 and rise > 6 * scatter and outline.samples >= 30:
        return per_cell, Confidence.HIGH
    return per_cell, Confidence.MEDIUM if tau > 0.7 and sigmas > 3 else Confidence.LOW


def _same_slope(outline: Outline, start: int, per_cell: float) -> bool:
    """Does the piece that ends at ``start`` climb as the growth behind it does, without a leap in between?"""
    before = next(piece for piece in outline.pieces if piece.end == start)
    behind = next(piece for piece in outline.pieces if piece.start == start)
    pace = before.rise / (before.end - before.start - 1)
    leap = behind.first - before.last
    return 0.6 * per_cell < pace < 1.7 * per_cell and abs(leap) < 4 * per_cell


def _doubtful(outline: Outline, start: int, end: int, per_cell: float, sure: Confidence) -> bool:
    """Can this growth as well be that of a program that starts, fills or breathes in once more?"""
    if just_now(outline, start, end) or end < outline.cells:
        return True
    if stands_still(outline, start, per_cell) or outline.floor[-1] <= outline.floor[0]:
        return True
    if sure is Confidence.HIGH:
        return False
    if outline.slight(start):
        return True
    # A heap fills fast and then creeps: its holes are used again and again, but hardly ever given back.
    paces = [piece.rise / (piece.end - piece.start - 1) for piece in outline.pieces if piece.end <= start]
    return max(paces, default=0.0) > CREEP * per_cell


def just_now(outline: Outline, start: int, end: int) -> bool:
    """Is that so little that it may be a program that is starting?"""
    share = (end - start) / outline.cells
    return share * outline.samples < SURE_SAMPLES or share * (outline.until - outline.times[0]) < SURE_MS


def stands_still(outline: Outline, start: int, per_cell: float) -> bool:
    """Has it just stopped, for longer than it ever paused before?"""
    least = max(outline.cells // 10, 2)
    rises = [outline.floor[i + least] - outline.floor[i] for i in range(start, outline.cells - least)]
    usual = per_cell * least
    scatter = lines.scatter(outline.floor[start:], per_cell)
    return usual > 2 * scatter and rises[-1] < min([STILL * usual, *rises[:-least]])


def _settling(outline: Outline, start: int, end: int, per_cell: float) -> bool:
    """Is it slowing down, as warm-ups and filling caches do?"""
    middle = (start + end) // 2
    first = lines.slope(outline.floor[start : middle + 1])
    second = lines.slope(outline.floor[middle:end])
    if end - start >= 8 and second < SETTLED * first:
        return True
    before = [piece.rise / (piece.end - piece.start - 1) for piece in outline.pieces if piece.end <= start]
    if not before or max(before) <= 0:
        return False
    average = (outline.floor[end - 1] - outline.floor[0]) / max(end - 1, 1)
    slows = all(later < SLOWING * earlier for earlier, later in zip(before, [*before[1:], per_cell], strict=True))
    long = end - start >= 8
    halves = long and second < SLOWING * first
    slows = slows and len(before) > 1 and not (long and second >= EVEN * first)
    return per_cell < 2 * SETTLED * average and (halves or slows)


def _one_more_tooth(outline: Outline, start: int, end: int) -> bool:
    """Did it climb like this before, as high or higher, and give it back?"""
    peak = 0
    for piece in outline.pieces:
        if piece.end > start:
            break
        if piece.rise > outline.quiet and (piece.end - piece.start) * 4 >= end - start:
            peak = max(peak, max(outline.floor[piece.start : piece.end]))
    fallen = peak - outline.floor[start]
    return fallen > TOOTH * outline.range and outline.floor[end - 1] - peak < fallen / 4
