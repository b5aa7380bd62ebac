"""The shape of one curve of memory: does it leak, or does it only look so?

``judge`` is pure. It looks at the floor of the curve (``outline``), cuts it into straight pieces and asks what the last
one does: a leak is growth that is still going on, that is no tooth of a sawtooth and not about to settle (``growing``).
Everything else has a name of its own, because it needs another remedy or none (``stopped``). A leak that no straight
piece shows is looked for by what lasts of it (``lasting``).

How sure that can be is also a matter of how long it was seen and how much it is: allocators creep on for half an hour
behind every start (``graded``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from lastgasp.analysis.shape import lasting, lines
from lastgasp.analysis.shape.growing import growing_at_the_end, just_now, stands_still
from lastgasp.analysis.shape.outline import CELLS, WAVE, Outline
from lastgasp.analysis.shape.stopped import not_growing
from lastgasp.analysis.shape.verdict import Confidence, Shape, Verdict

__all__ = ["CELLS", "QUIET_BYTES", "Confidence", "Shape", "Verdict", "judge"]

QUIET_BYTES = 64 * 1024  # changes below it are the business of page granularity and of allocators
SAMPLES_LEAST = 10
SPAN_LEAST_MS = 5_000
CELLS_LEAST = 6
STAIRS = 4  # cells to a rise: where rises come more often than that, a pause is measured by the cells
FEW_MS = 2_700_000  # a few pages more are a suspicion until they have come for so long,
SLIGHT_MS = 2_100_000  # and so is growth by a hundredth of the size, for allocators creep on behind every start


def judge(
    times: Sequence[int], values: Sequence[int], until_ms: int, samples: int, quiet: int = QUIET_BYTES
) -> Verdict:
    """The verdict on values (bytes) that hold from their time until the next, the last one until ``until_ms``.

    ``samples`` is how often was looked between the first time and ``until_ms``: a value that did not change is no
    point of its own. ``times`` must not be empty. A change of less than ``quiet`` bytes is none.
    """
    span = until_ms - times[0]
    if samples < SAMPLES_LEAST or span < SPAN_LEAST_MS:
        return Verdict(Shape.TOO_SHORT, Confidence.LOW, times[0], until_ms, values[-1] - values[0], 0.0)
    if max(values) - min(values) < quiet:
        return Verdict(Shape.STEADY, Confidence.HIGH, times[0], until_ms, values[-1] - values[0], 0.0)
    outline = Outline(times, values, until_ms, samples, quiet)
    by_pieces = graded(_by_pieces(outline), values[-1], quiet)
    if by_pieces.claims:
        return by_pieces
    by_rises = _by_rises(outline)
    by_rises = by_rises and graded(by_rises, values[-1], quiet)
    return by_rises if by_rises and by_rises.claims else by_pieces


def graded(verdict: Verdict, size: int, quiet: int) -> Verdict:
    """No surer of a leak than its length and its size allow; ``size``: of the whole at the end, in bytes."""
    if verdict.shape is not Shape.LEAK:
        return verdict
    lasts_ms = verdict.until_ms - verdict.since_ms
    few = lasts_ms < FEW_MS and verdict.grown < 2 * quiet
    slight = lasts_ms < SLIGHT_MS and verdict.grown < WAVE * size
    if few or slight:
        return replace(verdict, confidence=Confidence.LOW)
    return verdict


def _by_pieces(outline: Outline) -> Verdict:
    if len(outline.dips) > 1 and outline.cells < CELLS_LEAST:
        return _few_teeth(outline)
    outline.cut()
    return growing_at_the_end(outline) or not_growing(outline)


def _by_rises(outline: Outline) -> Verdict | None:
    """A leak by what lasts of it, however it comes."""
    outline.finer()
    found = lasting.goes_on(outline.floor, outline.quiet)
    if found is None:
        return None
    one, sure = found
    stairs = one.rises <= one.cells / STAIRS
    still = not stairs and stands_still(outline, one.start, lines.slope(outline.floor[one.start :]))
    if still or just_now(outline, one.start, outline.cells):
        sure = Confidence.LOW
    per_cell = one.grown / (outline.cells - one.start - 1)
    return outline.verdict(Shape.LEAK, sure, one.start, outline.cells, per_cell, round(one.grown))


def _few_teeth(outline: Outline) -> Verdict:
    """Too few for statistics: a leak only if every trough lies well above the one before."""
    dips = outline.dips
    levels = [level for _, level in dips]
    climb = levels[-1] - levels[0]
    least = min(later - earlier for earlier, later in pairwise(levels))
    enough = climb > outline.grain and (
        least > outline.range / 20 if len(levels) < 5 else lines.agreement(levels)[0] > 0.8
    )
    if len(levels) > 2 and enough:
        per_s = climb / (dips[-1][0] - dips[0][0]) * 1000
        return Verdict(Shape.LEAK, Confidence.LOW, dips[0][0], outline.until, climb, per_s)
    sure = Confidence.MEDIUM if len(dips) > 2 else Confidence.LOW
    return outline.verdict(Shape.SAWTOOTH, sure)
