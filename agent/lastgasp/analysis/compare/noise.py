"""Is a difference of two sides more than noise? Pure, of numbers only.

Each side has one or more runs, and each run one level. How far the levels of runs lie apart without any change is
expected from two things: how far the blocks of a run disagree (``levels``), and what is known of such runs beforehand:
the same program on the same firmware settles a little higher or lower each time, for its heap has other holes and its
libraries lie elsewhere. On ten real boots of one ARM guest, programs of 1 to 12 MB
differed by 0 to 32 kB in all (3 % of the smallest, 0 to 0.3 % of the larger ones); PRIOR_SHARE and PRIOR_BYTES are
standard deviations above that. Where there are several runs of one firmware, how far they really disagree counts too:
what was expected is worth PRIOR_RUNS runs, so a few that agree by luck prove little, and many outvote it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from lastgasp.analysis.compare.levels import Level
from lastgasp.analysis.shape.trend import Confidence

PRIOR_SHARE = 0.0075  # of the level: standard deviation from run to run
PRIOR_BYTES = 16 * 1024
PRIOR_RUNS = 4
LEAST_BYTES = 64 * 1024  # a smaller difference is nobody's business
GRADES = ((8.0, Confidence.HIGH), (4.0, Confidence.MEDIUM), (3.0, Confidence.LOW))  # of so many sigmas


@dataclass(frozen=True, slots=True)
class Prior:
    """What is known of a kind of quantity before it is measured."""

    least: float  # standard deviation from run to run, at least
    share: float  # and as a share of the level
    matters: float  # a smaller difference is none


MEMORY = Prior(PRIOR_BYTES, PRIOR_SHARE, LEAST_BYTES)
PEAK = Prior(
    2 * PRIOR_BYTES, 2 * PRIOR_SHARE, 2 * LEAST_BYTES
)  # the highest of many values is less sure than their middle
COUNT = Prior(0.2, 0.03, 1)


@dataclass(frozen=True, slots=True)
class Change:
    """One quantity on two sides. ``confidence`` None: ``by`` is no more than noise."""

    old: float  # the median of its runs
    new: float
    by: float  # new minus old
    noise: float  # one standard deviation of ``by``
    old_runs: int
    new_runs: int
    confidence: Confidence | None  # that there is a difference

    @property
    def sure(self) -> bool:
        """More than a suspicion?"""
        return self.confidence in (Confidence.MEDIUM, Confidence.HIGH)


def compare(old: Sequence[Level], new: Sequence[Level], prior: Prior, doubts: int = 0) -> Change | None:
    """The difference of two sides; None when one has no run. Each doubt makes it one grade less sure."""
    if not old or not new:
        return None
    before, after = (median(level.value for level in side) for side in (old, new))
    expected = max(prior.least, prior.share * max(before, after)) ** 2 + (_within(old) + _within(new)) / 2
    squares = sum((level.value - before) ** 2 for level in old) + sum((level.value - after) ** 2 for level in new)
    between = (PRIOR_RUNS * expected + squares) / (PRIOR_RUNS + len(old) + len(new) - 2)
    noise = (between / len(old) + between / len(new)) ** 0.5
    by = after - before
    return Change(before, after, by, noise, len(old), len(new), _grade(by, noise, prior, doubts))


def _within(side: Sequence[Level]) -> float:
    return sum(level.scatter**2 for level in side) / len(side)


def _grade(by: float, noise: float, prior: Prior, doubts: int) -> Confidence | None:
    if abs(by) < prior.matters:
        return None
    grade = next((confidence for sigmas, confidence in GRADES if abs(by) >= sigmas * noise), None)
    return grade if grade is None else lowered(grade, doubts)


def lowered(confidence: Confidence, doubts: int) -> Confidence:
    """So many grades less sure, but never nothing."""
    order = (Confidence.LOW, Confidence.MEDIUM, Confidence.HIGH)
    return order[max(order.index(confidence) - doubts, 0)]
