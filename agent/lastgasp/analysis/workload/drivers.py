"""Against what does it grow: the counter of work whose increments explain the growth's (for marks: ``marks``).

The time of the growth is cut into equal windows. In each the bytes that it grew are held against the work that was done
in it. Time alone would give every window the same growth: a driver has to explain what deviates from that. So its R2 is
the share of the deviations that it explains, in windows that its line was not fitted to (leave one out): a counter that
only ran along in step with the clock explains nothing, and then time is the answer.

Chance fits some counter to a few windows easily: what is claimed must be beyond chance for the number of windows and
of counters tried; windows that resemble their neighbours count less. Of counters that fit alike the one that stands
closest to what a program does for it is named: packets before bytes, the process's own before the machine's CPU time.

A correlation is no cause; that it is one is likely where nothing else fits. Pure, O(samples) for each counter.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt, tanh
from statistics import NormalDist

from lastgasp.analysis.shape.verdict import Confidence
from lastgasp.analysis.workload.counters import Counter, Work, counters, mark_spans, process_counters
from lastgasp.analysis.workload.marks import DuringMark, during_mark
from lastgasp.timeline.model import Boot

WINDOWS_LEAST, WINDOWS_MOST = 10, 60
SCALES = (1, 2, 4)  # windows are tried in these widths
CHANGES = 3  # of the value in a window: fewer tell more of pages and allocators than of growth
R2_LEAST = 0.5
R2_SURE, R2_LIKELY = 0.9, 0.7
CHANCE = 0.001  # that any of the counters fits like this without having to do with it
ALIKE = 0.03  # R2 less than the best: as good
BESIDES = 0.1  # of the growth: what the line leaves to time when the work is none
# The closest to a cause first.
NATURAL = (
    Work.PACKETS_IN,
    Work.PACKETS_OUT,
    Work.STARTS,
    Work.WRITES,
    Work.READS,
    Work.BYTES_IN,
    Work.BYTES_OUT,
    Work.OWN_READ,
    Work.OWN_WRITTEN,
    Work.BYTES_WRITTEN,
    Work.BYTES_READ,
    Work.OWN_CPU,
    Work.SWITCHES,
    Work.CPU,
)


@dataclass(frozen=True, slots=True)
class Rival:
    """Work that the driver cannot be told from."""

    work: Work
    of: bytes | None


@dataclass(frozen=True, slots=True)
class Driver:
    """The work that growth follows."""

    work: Work
    of: bytes | None  # interface or disk; raw
    bytes_per_unit: float
    r2: float  # of what time alone does not explain, cross-validated
    windows: int
    confidence: Confidence
    besides_per_s: float  # growth that goes on without this work, in bytes a second; 0: none to speak of
    rivals: tuple[Rival, ...]  # others that fit as well


@dataclass(frozen=True, slots=True)
class Drivers:
    """What growth was held against, and what came of it. Both None: it goes steadily with time, as far as is known."""

    driver: Driver | None
    during: DuringMark | None
    tried: int  # counters that moved
    enough: bool  # were there windows enough to tell at all?


class Workload:
    """What a boot did, read once for all who ask."""

    def __init__(self, boot: Boot) -> None:
        self.boot = boot
        self.counters = counters(boot)
        self.spans = mark_spans(boot)

    def drivers(
        self, times: Sequence[int], values: Sequence[int], since_ms: int, until_ms: int, process: bytes | None = None
    ) -> Drivers:
        """What the growth of a curve between two moments follows.

        ``times`` (ms) and ``values`` (bytes) hold until the next. ``process``: the key of the one whose curve it is.
        """
        candidates = list(self.counters)
        if process is not None:
            candidates += process_counters(self.boot, process)
        during = during_mark(self.spans, times, values, since_ms, until_ms)
        edges = [
            edges
            for scale in SCALES
            if (edges := windows(self.boot, times, since_ms, until_ms, scale)) and len(edges) > WINDOWS_LEAST
        ]
        best: list[_Fit] = []
        for cut in edges:
            fits = _fits(self.boot, cut, times, values, candidates)
            if fits and (not best or fits[0].r2 > best[0].r2 + ALIKE):
                best = fits
        return Drivers(_chosen(best), during, len(candidates), bool(edges))


# -- windows -----------------------------------------------------------------------------------------------


def windows(boot: Boot, times: Sequence[int], since_ms: int, until_ms: int, scale: int = 1) -> list[int]:
    """The edges of equal windows, each on a sample; empty when there are too few."""
    at = boot.sample_at[bisect_right(boot.sample_at, since_ms - 1) : bisect_right(boot.sample_at, until_ms)]
    changes = bisect_right(times, until_ms) - bisect_right(times, since_ms)
    count = min(WINDOWS_MOST, changes // CHANGES, (len(at) - 1) // 2) // scale
    if count < WINDOWS_LEAST or at[-1] <= at[0]:
        return []
    edges = [at[0]]
    for number in range(1, count + 1):
        wanted = at[0] + number * (at[-1] - at[0]) / count
        edge = at[bisect_right(at, wanted) - 1]
        if edge > edges[-1]:
            edges.append(edge)
    return edges


def _steps(boot: Boot, edges: Sequence[int], times: Sequence[int], values: Sequence[float]) -> list[float | None]:
    """By how much a value rose in each window; None where a gap is in it."""
    held = [values[max(bisect_right(times, edge) - 1, 0)] for edge in edges]
    return [
        None if boot.gaps and boot.gap_between(from_ms, to_ms) else after - before
        for from_ms, to_ms, before, after in zip(edges, edges[1:], held, held[1:], strict=False)
    ]


# -- fitting -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Fit:
    counter: Counter
    slope: float
    besides_per_s: float
    r2: float
    windows: int


def _fits(
    boot: Boot, edges: Sequence[int], times: Sequence[int], values: Sequence[int], candidates: Iterable[Counter]
) -> list[_Fit]:
    """The counters that explain the growth beyond chance, the best first."""
    grown = _steps(boot, edges, times, values)
    waits = [later - earlier for earlier, later in pairwise(edges)]
    done = [(counter, _steps(boot, edges, counter.times, counter.total)) for counter in candidates]
    found = []
    for counter, work in done:
        known = [(wait, x, y) for wait, x, y in zip(waits, work, grown, strict=True) if x is not None and y is not None]
        if len(known) < WINDOWS_LEAST:
            continue
        fit = _fit(counter, known)
        if fit is not None and fit.r2 >= _least(known, len(done)):
            found.append(fit)
    return sorted(found, key=lambda fit: fit.r2, reverse=True)


Known = tuple[int, float, float]  # of a window: its ms, the work in it, the bytes grown in it


def _fit(counter: Counter, known: Sequence[Known]) -> _Fit | None:
    """The line through the windows; None where nothing rises with the work.

    What time explains is taken from both sides first, for no two windows are quite as long. A line without growth
    besides the work is taken unless one with it predicts clearly better.
    """
    n = len(known)
    length, work, grown = (sum(one[i] for one in known) for i in range(3))
    more = _beyond_time(known)
    xx, xy, yy = (sum(x * x for x, _ in more), sum(x * y for x, y in more), sum(y * y for _, y in more))
    squares = sum(x * x for _, x, _ in known)
    if xx <= 0 or yy <= 0 or xy <= 0:
        return None
    slope, straight = xy / xx, sum(x * y for _, x, y in known) / squares
    missed = missed_straight = missed_time = 0.0
    for (wait, x, y), (x_more, y_more) in zip(known, more, strict=True):
        lever = min(wait / length + x_more**2 / xx, 0.999)
        missed += ((y_more - slope * x_more) / (1 - lever)) ** 2
        missed_straight += ((y - straight * x) / (1 - min(x * x / squares, 0.999))) ** 2
        missed_time += (y_more / (1 - wait / length)) ** 2
    r2, r2_straight = 1 - missed / missed_time, 1 - missed_straight / missed_time
    if straight > 0 and r2_straight >= r2 - ALIKE / 3:
        return _Fit(counter, straight, 0.0, r2_straight, n)
    rest = (grown - slope * work) / length
    return _Fit(counter, slope, rest * 1000 if rest * length >= BESIDES * abs(grown) else 0.0, r2, n)


def _beyond_time(known: Sequence[Known]) -> list[tuple[float, float]]:
    """Work and growth of each window, less what its share of the time would give it."""
    length, work, grown = (sum(one[i] for one in known) for i in range(3))
    return [(x - work * wait / length, y - grown * wait / length) for wait, x, y in known]


def _least(known: Sequence[Known], tried: int) -> float:
    """The R2 that chance alone hardly reaches."""
    more = _beyond_time(known)
    alike = _neighbours([x for x, _ in more]) * _neighbours([y for _, y in more])
    independent = max(len(more) * (1 - alike) / (1 + alike), 4.5)
    sigmas = NormalDist().inv_cdf(1 - CHANCE / (2 * tried))
    # Fisher: atanh(r) of n independent pairs scatters by 1 / sqrt(n - 3).
    r = tanh(sigmas / sqrt(independent - 3))
    return max(r * r, R2_LEAST)


def _neighbours(values: Sequence[float]) -> float:
    """Correlation of each value with the next, 0 to 0.95."""
    n = len(values)
    mean = sum(values) / n
    whole = sum((value - mean) ** 2 for value in values)
    if whole <= 0:
        return 0.0
    one = sum((values[i] - mean) * (values[i + 1] - mean) for i in range(n - 1))
    return min(max(one / whole, 0.0), 0.95)


def _chosen(fits: Sequence[_Fit]) -> Driver | None:
    if not fits:
        return None
    alike = [fit for fit in fits if fit.r2 >= fits[0].r2 - ALIKE]
    alike.sort(key=lambda fit: NATURAL.index(fit.counter.work))
    fit = alike[0]
    confidence = Confidence.LOW
    if fit.r2 >= R2_LIKELY:
        confidence = Confidence.HIGH if fit.r2 >= R2_SURE and fit.windows >= 2 * WINDOWS_LEAST else Confidence.MEDIUM
    return Driver(
        fit.counter.work,
        fit.counter.of,
        fit.slope,
        fit.r2,
        fit.windows,
        confidence,
        fit.besides_per_s,
        tuple(Rival(other.counter.work, other.counter.of) for other in alike[1:]),
    )
