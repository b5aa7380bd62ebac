"""The verdict on a curve when it is known what work was done meanwhile: what follows the load is no leak.

Three things that time alone does not tell:

- what grew is as much as the level of work explains (more clients): it follows the workload
- what the level does not explain goes on growing: a leak beside sessions that come and go
- the curve is the total of the work and nothing else: a leak per request, though at night it seems to settle

Where work explains nothing, and wherever it only repeats what time says, this is ``trend.judge``.
"""

from __future__ import annotations

from collections.abc import Sequence

from lastgasp.analysis.shape import curve, following, lasting
from lastgasp.analysis.shape.following import Level, Work
from lastgasp.analysis.shape.trend import QUIET_BYTES, graded, judge
from lastgasp.analysis.shape.verdict import Confidence, Shape, Verdict

SAMPLES_LEAST = 4 * following.CELLS
SURE_R2 = 0.8  # of the deviations from a straight line
EXPLAINED = 0.8  # of what grew
BESIDE_LEAST, BESIDE_MOST = 0.05, 0.9  # of the curve's range: more than all of it is the doing of the explanation
LEFT_MOST = 0.3  # of the curve's range: how far what the total explains may be from the curve
AVERAGED = 4  # cells: what work and curve have not in common goes both ways
MAY_FOLLOW = (Shape.LEAK, Shape.SAWTOOTH)
NOTHING_TO_EXPLAIN = (Shape.TOO_SHORT, Shape.STEADY)


def judge_under_load(
    times: Sequence[int],
    values: Sequence[int],
    until_ms: int,
    samples: int,
    works: Sequence[Work],
    quiet: int = QUIET_BYTES,
) -> Verdict:
    """As ``trend.judge``; ``works``: counters of work, each with its times (ms) and totals, which hold until the next.

    A claim of a leak is taken back when what grew is explained by how much work there was at a time; and a leak that
    rests while there is no work, or is hidden by what follows the work, is found.
    """
    plain = judge(times, values, until_ms, samples, quiet)
    if samples < SAMPLES_LEAST or plain.shape in NOTHING_TO_EXPLAIN:
        return plain
    level = following.followed(times, values, until_ms, works)
    if level is None:
        return plain
    span_ms, height = until_ms - times[0], max(values) - min(values)
    found: Verdict | None = None
    if level.piles_up:
        if plain.claims or max(level.rest) - min(level.rest) > LEFT_MOST * height:
            return plain
        floor: Sequence[float] = curve.floor(times, values, until_ms, following.CELLS)
        found = _going_on(floor, level, quiet, times[0], until_ms)
        return graded(found, values[-1], quiet) if found is not None else plain
    if plain.claims and level.explains(round((plain.since_ms - times[0]) / span_ms * following.CELLS)) < EXPLAINED:
        return plain
    if level.r2 >= SURE_R2 and level.falls:
        found = _going_on(level.rest, level, quiet, times[0], until_ms)
    if found is not None and BESIDE_LEAST * height < found.grown < BESIDE_MOST * height:
        return graded(found, values[-1], quiet)
    if plain.claims or (plain.shape in MAY_FOLLOW and level.r2 >= SURE_R2):
        sure = Confidence.HIGH if level.r2 >= SURE_R2 else Confidence.MEDIUM
        return Verdict(Shape.FOLLOWING, sure, plain.since_ms, plain.until_ms, plain.grown, plain.per_s)
    return plain


def _going_on(floor: Sequence[float], level: Level, quiet: int, start_ms: int, until_ms: int) -> Verdict | None:
    """The leak in this floor, by the clock or by the work that was done."""
    for width in (1, AVERAGED):
        ends = range(width - 1, len(floor), width)
        mean = [sum(floor[end + 1 - width : end + 1]) / width for end in ends]
        found = lasting.goes_on(mean, quiet) or lasting.goes_on(mean, quiet, [level.total[end] for end in ends])
        if found is not None:
            one, sure = found
            since_ms = start_ms + round((until_ms - start_ms) * one.start / len(mean))
            per_s = one.grown * 1000 / (until_ms - since_ms)
            return Verdict(Shape.LEAK, sure, since_ms, until_ms, round(one.grown), per_s)
    return None
