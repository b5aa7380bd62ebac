"""How fast a curve grows at its end, and how sure that is: what a forecast goes on with.

The last straight piece of the curve counts, with those before it that climb alike: a recent trend counts more than an
old one. But where the curve goes back and forth across one straight line, it is that line's, however its last piece
climbs: growth that pauses, a wave, a group's usage that the kernel charges in batches. Within it late steps weigh
more. A curve that grows ever faster is carried on as a parabola. What is given back again and again, stands still, or
grows ever more slowly has no trend, but a reason why not; nor has growth that is gone at the end, as when who grew
has ended.
Pure, of numbers only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from math import exp, sqrt
from statistics import median

from lastgasp.analysis.bend import quickening
from lastgasp.analysis.shape import curve, lines

SAMPLES_LEAST = 5
CELLS = 60
PIECES = 4
STRETCH_LEAST = 5  # cells that a trend must last
PIECE_LEAST = 3
FEW, FEW_ALIKE = 16, (0.3, 2.5)  # values; steps of one trend are so many times the usual one
LEAP = 3  # times the growth of a cell, between two pieces that are one trend
TOOTH = 0.3  # of the whole range: a fall this deep is memory given back
PERIOD = 1.25  # a cell must be this much longer than a tooth for every cell to hold a trough
TAU_LEAST = 0.6
SIGMAS_LEAST = 2.2
SETTLED = 0.35  # of the growth in the first half of a stretch: what is left in the second when it is about to stop
SLOWING = 0.7  # of the pace before, twice in a row
CROWDED = 3  # samples in a cell: then the lowest of them speaks, for what is given back at once is no growth
ALIKE = (0.6, 1.7)  # paces of two pieces that are one trend
WAVES = 6  # times that a curve crosses its line to be one that wavers about it; a bend crosses twice
EVEN = (0.75, 1.35)  # the pace of the second half of such a curve, as a share of the first
LASTS = 0.45  # of all cells: a straight stretch this long is no last part of a warm-up
BENDS = 0.15  # between the halves of a stretch: more is a bend
GONE = 0.5  # of the growth of a stretch: what must be left of it at the end for it to go on
STEEPER = 2.0  # a bend is not carried on further than this
CHANCE_LEAST, CHANCE_MOST = 0.03, 0.3
SURE = 1.645  # sigmas: the range holds 9 of 10 slopes


class Reason(StrEnum):
    """Why there is no forecast."""

    TOO_SHORT = "recorded too briefly"
    NO_TREND = "no trend"
    SAWTOOTH = "it grows and gives back"
    GIVEN_BACK = "what it grew by was given back"
    SETTLING = "the growth is about to stop"
    SHRINKING = "it shrinks"
    UNKNOWN = "not recorded"
    RECLAIMS = "at its limit, and it goes on: it still finds something to drop"
    REFUSED = "programs are refused memory before it runs out"


@dataclass(frozen=True, slots=True)
class Trend:
    """Growth that goes on: bytes a second, and the range it likely lies in (``low`` can be below 0)."""

    since_ms: int
    per_s: float
    low: float
    high: float
    chance: float  # share of the growth that is chance: it came in pieces, and might have come in fewer or more
    ms: int  # how long it lasts
    gain: float = 0.0  # bytes a second, by which the growth is faster with each second; then per_s is that at the end

    def lasts(self, room: float, per_s: float, gain: float = 0.0) -> float:
        """In how many ms so many bytes are taken at that pace, and, with ``gain``, ever faster."""
        if gain <= 0:
            return room / per_s * 1000
        return (sqrt(per_s * per_s + 2 * gain * room) - per_s) / gain * 1000

    def chance_of(self, ms: float) -> float:
        """How far off, as a share, growth of so many ms from now can be by chance, in 9 of 10 cases."""
        return max(SURE * self.chance * sqrt(1 + self.ms / max(ms, 1)), CHANCE_LEAST)


def trend(times: Sequence[int], values: Sequence[int], until_ms: int, samples: int, quiet: int) -> Trend | Reason:
    """The growth that goes on at the end of a curve (bytes that hold until the next), or why there is none.

    ``samples``: how often was looked. Less than ``quiet`` bytes is no growth.
    """
    if samples < SAMPLES_LEAST or until_ms <= times[0]:
        return Reason.TOO_SHORT
    span = max(values) - min(values)
    if span < quiet:
        return Reason.NO_TREND
    dips = curve.troughs(times, values, max(quiet, round(TOOTH * span)))
    count = min(CELLS, samples)
    if len(dips) > 1:
        gaps = sorted(later[0] - earlier[0] for earlier, later in pairwise(dips))
        count = min(count, int((until_ms - times[0]) / (gaps[len(gaps) * 4 // 5] * PERIOD)))
        if count < STRETCH_LEAST:
            return Reason.SAWTOOTH
        cells = curve.floor(times, values, until_ms, count)
    elif samples >= CROWDED * count:
        cells = curve.floor(times, values, until_ms, count)
    else:
        cells = curve.sampled(times, values, until_ms, count)
    start = _stretch(cells)
    stretch = cells[start:]
    found = _rising(stretch, quiet)
    if found is None:
        if len(dips) > 1:
            return Reason.SAWTOOTH
        return Reason.SHRINKING if cells[0] - cells[-1] > max(quiet, span // 2) else Reason.NO_TREND
    if values[-1] < stretch[0] + GONE * found[0] * (len(stretch) - 1):
        return Reason.GIVEN_BACK
    if _settles(cells, start, found[0]):
        return Reason.SETTLING
    width_s = (until_ms - times[0]) / count / 1000
    since_ms = times[0] + round((start + 0.5) * width_s * 1000)
    quick = quickening(cells)
    if quick is not None:
        per_s, gain = quick[0] / width_s, quick[1] / width_s / width_s
        return Trend(since_ms, per_s, per_s, per_s, 0.0, until_ms - since_ms, gain)
    likely, low, high = (per_cell / width_s for per_cell in found)
    return Trend(since_ms, likely, low, high, _chance(stretch), until_ms - since_ms)


def _stretch(cells: Sequence[int]) -> int:
    """Where the last trend begins: the last straight piece, and those before it that climb alike."""
    if len(cells) < FEW:
        return _few(cells)
    pieces = lines.split(cells, max(PIECE_LEAST, len(cells) // 8), PIECES)
    start = pieces[-1].start
    pace = pieces[-1].rise / max(pieces[-1].end - pieces[-1].start - 1, 1)
    for piece, behind in zip(pieces[-2::-1], pieces[:0:-1], strict=True):
        own = piece.rise / max(piece.end - piece.start - 1, 1)
        leap = abs(behind.first - piece.last)
        if pace <= 0 or not ALIKE[0] * pace < own < ALIKE[1] * pace or leap > LEAP * pace:
            break
        start = piece.start
    longer = sorted(piece.start for piece in pieces if piece.start < start)
    return next((begin for begin in longer if _wavers(cells[begin:])), start)


def _wavers(stretch: Sequence[int]) -> bool:
    """Does it climb as evenly as before, on the whole, and only waver about its line?"""
    middle = len(stretch) // 2
    first, second = lines.slope(stretch[: middle + 1]), lines.slope(stretch[middle:])
    if first <= 0 or not EVEN[0] * first < second < EVEN[1] * first:
        return False
    pace = lines.slope(stretch)
    above = [value - pace * i for i, value in enumerate(stretch)]
    level = median(above)
    sides = [value > level for value in above if value != level]
    return sum(before != after for before, after in pairwise(sides)) >= WAVES


def _settles(cells: Sequence[int], start: int, pace: float) -> bool:
    """Does it grow ever more slowly, as warm-ups and filling caches do?"""
    stretch = cells[start:]
    middle = len(stretch) // 2
    if len(stretch) >= 8 and lines.slope(stretch[middle:]) < SETTLED * lines.slope(stretch[: middle + 1]):
        return True
    if start < 8 or len(stretch) >= LASTS * len(cells):
        return False
    first, second = lines.slope(cells[: start // 2 + 1]), lines.slope(cells[start // 2 : start + 1])
    return SLOWING * first > second > 0 and pace < SLOWING * second


def _few(cells: Sequence[int]) -> int:
    """The same of too few values for pieces: back from the end as long as each step is like the last ones."""
    steps = [later - earlier for earlier, later in pairwise(cells)]
    usual = median(steps[-STRETCH_LEAST + 1 :])
    start = len(cells) - STRETCH_LEAST
    while start > 0 and usual > 0 and FEW_ALIKE[0] * usual < steps[start - 1] < FEW_ALIKE[1] * usual:
        start -= 1
    return start


def _rising(stretch: Sequence[int], quiet: int) -> tuple[float, float, float] | None:
    """Growth per cell, likely and its range, if it is growth beyond doubt."""
    n = len(stretch)
    tau, sigmas = lines.agreement(stretch)
    pairs = sorted(
        ((stretch[j] - stretch[i]) / (j - i), (j - i) * exp((j - n) * 2 / n)) for i in range(n) for j in range(i + 1, n)
    )
    half, passed, likely = sum(weight for _, weight in pairs) / 2, 0.0, 0.0
    for slope, weight in pairs:  # the median, where late and far pairs weigh more
        passed += weight
        likely = slope
        if passed >= half:
            break
    scatter = lines.scatter(stretch, likely)
    rise = likely * (n - 1)
    if tau < TAU_LEAST or sigmas < SIGMAS_LEAST or rise < max(quiet, 2 * scatter):
        return None
    spread = SURE * (n * (n - 1) * (2 * n + 5) / 18) ** 0.5 / 2
    low = pairs[max(round(len(pairs) / 2 - spread), 0)][0]
    high = pairs[min(round(len(pairs) / 2 + spread), len(pairs) - 1)][0]
    if n < 6:
        return likely, low, high
    first, recent = lines.slope(stretch[: n // 2 + 1]), lines.slope(stretch[n // 2 :])
    if first > 0 and abs(recent - first) > BENDS * first:  # it bends, and may go on to
        further = recent * min(max(recent / first, 1 / STEEPER), STEEPER)
        return likely, min(low, recent, further), max(high, recent, further)
    return likely, min(low, recent, likely), max(high, recent, likely)


def _chance(stretch: Sequence[int]) -> float:
    """The scatter of the growth as a share of it, by that of its twelfths (n pieces: 1 / sqrt(n))."""
    width = max(len(stretch) // 12, 1)
    steps = [stretch[i + width] - stretch[i] for i in range(0, len(stretch) - width, width)]
    mean = sum(steps) / len(steps)
    if len(steps) < 3 or mean <= 0:
        return 0.0
    variance = sum((step - mean) ** 2 for step in steps) / (len(steps) - 1)
    return float(min(sqrt(variance / len(steps)) / mean, CHANCE_MOST))
