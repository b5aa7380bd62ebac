"""What can be said of a curve of memory: its shape, how sure that is, and the growth that goes with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

LIKELY_BYTES = 256 * 1024  # growth below it has to be beyond doubt


class Shape(StrEnum):
    """What a curve does."""

    LEAK = "leak"
    SAWTOOTH = "sawtooth"
    FILLED = "filled up and stopped"
    WARM_UP = "warm-up"
    STEP = "step"
    STEADY = "steady"
    SHRINKING = "shrinking"
    TOO_SHORT = "too short to tell"


class Confidence(StrEnum):
    """How far to trust a verdict."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A shape and its measures. Growth is that of the floor from ``since_ms`` to ``until_ms``.

    For a leak that is the stretch of steady growth up to the end; for a curve that filled, stepped or warmed up the
    stretch in which it grew; else the whole of it, with a growth that means little.
    """

    shape: Shape
    confidence: Confidence
    since_ms: int
    until_ms: int
    grown: int  # bytes
    per_s: float  # bytes a second

    @property
    def claims(self) -> bool:
        """Is it a leak, and more than a suspicion? A little growth has to be beyond doubt."""
        likely = self.confidence is Confidence.MEDIUM and self.grown >= LIKELY_BYTES
        return self.shape is Shape.LEAK and (likely or self.confidence is Confidence.HIGH)


def average(verdict: Verdict) -> Verdict:
    """A leak's rate as the quotient of its growth and its time: both stand side by side in a report."""
    length_ms = verdict.until_ms - verdict.since_ms
    if verdict.shape is not Shape.LEAK or length_ms <= 0 or verdict.grown <= 0:
        return verdict
    return replace(verdict, per_s=verdict.grown * 1000 / length_ms)
