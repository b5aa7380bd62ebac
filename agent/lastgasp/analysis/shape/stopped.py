"""What a curve was that does not grow at its end, not in a straight piece at least: filled up, a step, to and fro.

A leak in steps further apart than the pieces that a curve is cut into is found here, too.
"""

from __future__ import annotations

from itertools import pairwise

from lastgasp.analysis.shape import lines
from lastgasp.analysis.shape.outline import TOOTH, WAVE, Outline
from lastgasp.analysis.shape.verdict import Confidence, Shape, Verdict

EARLY = 0.2  # of the time: growth that was over by then was a warm-up


def not_growing(outline: Outline) -> Verdict:
    """What was it, if it is no leak?"""
    floor = outline.floor
    # The level that holds now, and the last time that the floor was clearly below it.
    stairs = _stairs(outline)
    if stairs is not None:
        return stairs
    tail = sorted(floor[outline.pieces[-1].start :])
    level = tail[len(tail) // 2]
    grown = level - floor[0]
    fallen = max(floor) - level
    worth = max(outline.quiet, int(outline.range * TOOTH))
    if grown >= worth and grown > 2 * fallen:
        return grew_and_stopped(outline, level, grown)
    if -grown >= worth and len(outline.dips) < 2:
        return outline.verdict(Shape.SHRINKING, Confidence.MEDIUM)
    ordered = sorted(outline.values)
    usual = ordered[len(ordered) * 49 // 50] - ordered[len(ordered) // 50]
    calm = max(2 * outline.quiet, int(ordered[len(ordered) // 2] * WAVE))
    if not outline.dips and outline.values[-1] == ordered[-1] and ordered[-1] - outline.values[0] >= calm:
        return _rose_late(outline)
    if usual < calm:
        return outline.verdict(Shape.STEADY, Confidence.MEDIUM)
    return outline.verdict(Shape.SAWTOOTH, Confidence.HIGH if len(outline.dips) > 4 else Confidence.MEDIUM)


def _rose_late(outline: Outline) -> Verdict:
    """It gave nothing back, and rose in so short a time before the end that nobody knows whether it goes on."""
    first, grown = outline.values[0], outline.values[-1] - outline.values[0]
    rose_ms = next(at for at, value in zip(outline.times, outline.values, strict=True) if value > first + 0.1 * grown)
    start = int((rose_ms - outline.times[0]) / (outline.until - outline.times[0]) * outline.cells)
    return outline.verdict(Shape.STEP, Confidence.LOW, min(start, outline.cells - 1), grown=grown)


def _stairs(outline: Outline) -> Verdict | None:
    """A leak that climbs in steps further apart than its pieces: is the last landing no longer than the others?"""
    floor = outline.floor
    grown = floor[-1] - floor[0]
    at = [i for i in range(1, outline.cells) if floor[i] - max(floor[:i]) > 0.05 * grown]
    climbed = sum(floor[i] - floor[i - 1] for i in at)
    if grown < outline.grain or len(at) < 3 or climbed < 0.7 * grown or lines.agreement(floor)[0] < 0.75:
        return None
    middle = floor[outline.cells // 2]
    if floor[-1] - middle < (middle - floor[0]) / 2:
        return None  # it climbs ever more rarely, as a heap does
    landings = [later - earlier for earlier, later in pairwise(at)]
    if outline.cells - at[-1] > 1.5 * max(landings) or max(landings) < 3:
        return None
    start = max(at[0] - max(landings), 0)
    pauses = outline.cells - at[-1] > max(landings)
    sure = Confidence.LOW if len(at) < 5 or pauses or outline.slight(start) else Confidence.MEDIUM
    return outline.verdict(Shape.LEAK, sure, start, outline.cells, lines.slope(floor[start:]))


def grew_and_stopped(outline: Outline, level: int, grown: int) -> Verdict:
    """When did it grow: at first, all at once, or over a while?"""
    floor = outline.floor
    stopped = next(i for i in range(outline.cells) if floor[i] >= level - 0.1 * grown)
    began = max(i for i in range(stopped) if floor[i] <= floor[0] + 0.1 * grown)
    sure = Confidence.HIGH if outline.cells - stopped > outline.cells // 4 else Confidence.MEDIUM
    shape = Shape.FILLED
    if stopped <= EARLY * outline.cells:
        shape = Shape.WARM_UP
    elif stopped - began <= max(1, outline.cells // 24):
        shape = Shape.STEP
    return outline.verdict(shape, sure, began, stopped + 1, grown=grown)
