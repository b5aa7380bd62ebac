"""What can be said of a curve of memory: its shape, how sure that is, and the growth that goes with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

LIKELY_BYTES = 192 * 1024  # growth below it has to be beyond doubt;
LASTING_MS = 3_600_000  # what went on for so long, only below half of it


class Shape(StrEnum):
    """What a curve does."""

    LEAK = "leak"
    SAWTOOTH = "sawtooth"
    FILLED = "filled up and stopped"
    WARM_UP = "warm-up"
    STEP = "step"
    STEADY = "steady"
    SHRINKING = "shrinking"
    FOLLOWING = "workload-following"  # more clients, more memory
    FORK_SERVER = "fork-server"  # a child of many that come and go
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
        least = LIKELY_BYTES // 2 if self.until_ms - self.since_ms >= LASTING_MS else LIKELY_BYTES
        likely = self.confidence is Confidence.MEDIUM and self.grown >= least
        return self.shape is Shape.LEAK and (likely or self.confidence is Confidence.HIGH)


def young(verdict: Verdict) -> Verdict:
    """What can be said at most of a program in its first minutes: then caches fill, and all of it looks like a leak."""
    sure = verdict.shape is Shape.LEAK and verdict.confidence is Confidence.HIGH
    return replace(verdict, confidence=Confidence.MEDIUM) if sure else verdict


def average(verdict: Verdict) -> Verdict:
    """A leak's rate as the quotient of its growth and its time: both stand side by side in a report."""
    length_ms = verdict.until_ms - verdict.since_ms
    if verdict.shape is not Shape.LEAK or length_ms <= 0 or verdict.grown <= 0:
        return verdict
    return replace(verdict, per_s=verdict.grown * 1000 / length_ms)
