"""Does it leak on one side and not on the other?

The report's verdicts decide, and whether the other side could have seen it. A side that was recorded too briefly to
show such a leak, or moved as much without one, does not say that there was none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

from lastgasp.analysis.compare.noise import lowered
from lastgasp.analysis.shape.trend import Confidence, Verdict

CALM, VERY_CALM = 4.0, 12.0  # times what the other side moves anyway: less growth says little, more is beyond doubt
SEEN = 2.0  # times what is quiet: a side could have seen a leak that would have grown by so much
FASTER = 1.5  # times the rate
MUCH_FASTER = 2.5
SELDOM = 0.5  # a leak in less of the recordings is less sure
RANK = (Confidence.LOW, Confidence.MEDIUM, Confidence.HIGH)


class Turn(StrEnum):
    """What became of a leak."""

    BEGAN = "now leaks"
    ENDED = "no longer leaks"
    FASTER = "leaks faster"
    SLOWER = "leaks more slowly"
    SAME = "leaks as before"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One side's: the verdicts of recordings in which it leaks, of how many, and how long it was looked at."""

    leaks: Sequence[Verdict]
    recordings: int
    suspected: bool
    longest_ms: int
    unrest: float = 0.0  # bytes that its floor moves without any leak


@dataclass(frozen=True, slots=True)
class Slope:
    """A leak on at least one side. Rates are bytes a second; None: it does not leak there."""

    turn: Turn
    old_per_s: float | None
    new_per_s: float | None
    confidence: Confidence
    unseen: bool  # the other side is too short, or moves too much, to say that it did not leak there

    @property
    def sure(self) -> bool:
        """More than a suspicion?"""
        return self.confidence is not Confidence.LOW


def slope(old: Evidence, new: Evidence, quiet: float, doubts: int = 0) -> Slope | None:
    """Compare; None where neither side leaks. ``quiet``: growth by less bytes is none."""
    before, after = _rate(old.leaks), _rate(new.leaks)
    if before is None and after is None:
        return None
    if before is not None and after is not None:
        return _both(old, new, before, after, doubts)
    rate, leaking, other = (after, new, old) if after is not None else (before, old, new)
    assert rate is not None  # one of the two
    grown = rate * leaking.longest_ms / 1000
    could = rate * other.longest_ms / 1000 >= SEEN * quiet and grown >= CALM * other.unrest and not other.suspected
    turn = Turn.BEGAN if after is not None else Turn.ENDED
    share = len(leaking.leaks) / max(leaking.recordings, 1)
    more = (share < SELDOM) + (grown < VERY_CALM * other.unrest)
    confidence = lowered(_confidence(leaking.leaks), doubts + more) if could else Confidence.LOW
    return Slope(turn, before, after, confidence, not could)


def appeared(new: Evidence) -> Slope | None:
    """Of a program that OLD did not have: as sure as the report is that it leaks, whatever OLD could have shown."""
    rate = _rate(new.leaks)
    if rate is None:
        return None
    seldom = len(new.leaks) < SELDOM * max(new.recordings, 1)
    return Slope(Turn.BEGAN, None, rate, lowered(_confidence(new.leaks), seldom), False)


def _both(old: Evidence, new: Evidence, before: float, after: float, doubts: int) -> Slope:
    times = after / before if before > 0 else float("inf")
    turn = Turn.FASTER if times > FASTER else Turn.SLOWER if times < 1 / FASTER else Turn.SAME
    confidence = min(_confidence(old.leaks), _confidence(new.leaks), key=RANK.index)
    if turn is not Turn.SAME and not (times > MUCH_FASTER or times < 1 / MUCH_FASTER):
        confidence = lowered(confidence, 1)
    return Slope(turn, before, after, lowered(confidence, doubts), False)


def _rate(leaks: Sequence[Verdict]) -> float | None:
    return median(verdict.per_s for verdict in leaks) if leaks else None


def _confidence(leaks: Sequence[Verdict]) -> Confidence:
    """Of several recordings the best: they confirm one another."""
    return max((verdict.confidence for verdict in leaks), key=RANK.index)
